"""What several settings together are read into."""

from __future__ import annotations

from typing import NamedTuple


class Serving(NamedTuple):
    """Where a server listens, and how much it does at once."""

    bind: str  # an IP address
    port: int
    workers: int  # processes
    threads: int  # requests that one process works on at once
    connections: int  # that one process holds at once, idle ones included
    trusted_proxies: int  # that stand in front and append to X-Forwarded-For
    published_on_loopback: bool  # whether it is in a container whose port only this machine has


class Lab(NamedTuple):
    """The demo's lab: where pages link to, and where programs of this machine reach it."""

    url: str
    address: str
