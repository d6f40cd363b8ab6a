"""The settings of the lab, read once at start-up from the environment and ``.env``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask_handoff import ConfigurationError
from flask_service.settings import Serving, SettingReader

SETTINGS: Mapping[str, str] = {
    "LAB_DEMO": "0",
    "LAB_BIND": "127.0.0.1",
    "LAB_PUBLISHED_ON_LOOPBACK": "0",
    "LAB_PORT": "5003",
}
"""Every ``LAB_…`` setting and its default."""


@dataclass(frozen=True, slots=True)
class Config:
    """What the lab runs with. Exists only in the demo, and where every value was found good."""

    base_url: str  # of the victim
    attacker_url: str
    address: str  # where programs of this machine reach both: few resolve names below localhost
    serving: Serving

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Config:
        """Read and check all settings: those of *environment*, or the process's over ``.env``.

        Raises:
            ConfigurationError: A value is wrong, other machines could reach the lab, or this is not
                the demo.
        """
        read = SettingReader("LAB", SETTINGS, environment=environment)
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
            serving=serving,
        )
