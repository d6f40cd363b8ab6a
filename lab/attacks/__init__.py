"""The attack bench: each attack is run for real, and one sees who falls and who stands.

It attacks the demo's SERVER1 and SERVER2, the tutorial receiver, and a receiver of its own: nothing
else, and nothing beyond this machine.
"""

from __future__ import annotations

from flask import Flask

from lab import tutorial
from lab.config import Config
from lab.hops import Hops

from . import mallory, pages
from .bench import Bench


def init_apps(app: Flask, attackers: Flask, config: Config, hops: Hops) -> None:
    """Give the lab's own host the bench and the tutorial, and the attacker's host its link."""
    bench = Bench(config, hops)
    tutorial.init_app(app, bench.reader, attacker_url=config.attacker_url)
    pages.init_app(app, bench)
    mallory.init_app(attackers, bench)
