"""The settings of the lab, read once at start-up from the environment and ``.env``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_handoff import ConfigurationError
from flask_service.settings import Serving, SettingReader

SETTINGS: Mapping[str, str] = {
    "LAB_DEMO": "0",
    "LAB_BIND": "127.0.0.1",
    "LAB_PUBLISHED_ON_LOOPBACK": "0",
    "LAB_PORT": "5003",
    "LAB_SERVER1_URL": "http://localhost:5001",
    "LAB_SERVER1_ADDRESS": "",
    "LAB_SERVER2_URL": "http://127.0.0.1:5002",
    "LAB_SERVER2_ADDRESS": "",
}
"""Every ``LAB_…`` setting and its default."""


@dataclass(frozen=True, slots=True)
class Server:
    """One of the demo's two servers: where browsers find it, and where the lab does."""

    url: str
    address: str


@dataclass(frozen=True, slots=True)
class Config:
    """What the lab runs with. Exists only in the demo, and where every value was found good."""

    base_url: str  # of the victim
    attacker_url: str
    address: str  # where programs of this machine reach both: few resolve names below localhost
    server1: Server
    server2: Server
    demo_password: str = field(repr=False)  # empty where it is not known here
    serving: Serving

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Config:
        """Read and check all settings: those of *environment*, or the process's over ``.env``.

        Raises:
            ConfigurationError: A value is wrong, other machines could reach the lab, or this is not
                the demo.
        """
        read = SettingReader("LAB", SETTINGS, others=["DEMO_PASSWORD"], environment=environment)
        port = read.port("LAB_PORT", 5003)
        serving = Serving(
            bind=read.bind(),
            port=port,
            workers=1,  # what visitors have seen is in its memory
            threads=8,
            connections=256,
            trusted_proxies=0,
            published_on_loopback=read.switch("LAB_PUBLISHED_ON_LOOPBACK"),
        )
        base_url = f"http://lab.localhost:{port}"
        if not read.demo(read.reached_from_elsewhere(base_url, serving)):
            raise ConfigurationError(
                "The lab has a hole that is planted, and is for the demo only.",
                "Start it with make demo, or set LAB_DEMO=1 on a machine of your own.",
            )
        host = f"[{serving.bind}]" if ":" in serving.bind else serving.bind
        return cls(
            base_url=base_url,
            attacker_url=f"http://attacker.localhost:{port}",
            address=f"http://{host}:{port}",
            server1=_server(read, serving, "LAB_SERVER1_URL", "LAB_SERVER1_ADDRESS"),
            server2=_server(read, serving, "LAB_SERVER2_URL", "LAB_SERVER2_ADDRESS"),
            demo_password=read.secret("DEMO_PASSWORD"),
            serving=serving,
        )


def _server(read: SettingReader, serving: Serving, url: str, address: str) -> Server:
    base_url = read.local_url(url)
    in_container = serving.published_on_loopback
    return Server(base_url, read.local_url(address, base_url, any_host=in_container))
