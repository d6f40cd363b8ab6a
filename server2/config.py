"""The settings of SERVER2, read once at start-up from the environment and ``.env``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import URL

from flask_handoff.settings import API_SETTINGS, ISSUER_SETTINGS, RECEIVER_SETTINGS
from flask_service.settings import Lab, Serving, SettingReader

SETTINGS: Mapping[str, str] = {
    "SERVER2_INSTANCE": "instance/server2",
    "SERVER2_DATABASE_URL": "",
    "SERVER2_DATABASE_POOL": "",
    "SERVER2_SESSION_SAMESITE": "Lax",
    "SERVER2_TRUST_AFTER_START": "15",
    "SERVER2_DEMO": "0",
    "SERVER2_PUBLISHED_ON_LOOPBACK": "0",
    "SERVER2_BIND": "127.0.0.1",
    "SERVER2_PORT": "",
    "SERVER2_WORKERS": "1",
    "SERVER2_THREADS": "32",
    "SERVER2_CONNECTIONS": "1024",
    "SERVER2_TRUSTED_PROXIES": "0",
    "SERVER2_LAB_URL": "",
    "SERVER2_LAB_ADDRESS": "",
}
"""Every ``SERVER2_…`` setting and its default."""


@dataclass(frozen=True, slots=True)
class Config:
    """What SERVER2 runs with. Exists only when every value was found good."""

    instance: Path  # directory of what this server makes: secret key, SQLite database
    database_url: URL  # SQLite (a file) or PostgreSQL
    database_pool: int  # connections that one process opens at most
    base_url: str  # scheme, host and port by which browsers reach it; no slash at the end
    session_samesite: str  # Lax or Strict
    trust_after_start: timedelta  # for how long sessions from before count unconfirmed
    demo: bool  # whether this is the demonstration on one machine
    lab: Lab | None  # of the demo, which is told of every request
    serving: Serving
    handoff: Mapping[str, object]  # the library's settings, for ``app.config``

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Config:
        """Read and check all settings: those of *environment*, or the process's over ``.env``.

        Raises:
            ConfigurationError: A value is wrong; the text says which one and what to do.
        """
        read = SettingReader(
            "SERVER2",
            SETTINGS,
            base_url="HANDOFF_BASE_URL",
            others=(*ISSUER_SETTINGS, *RECEIVER_SETTINGS, *API_SETTINGS),
            environment=environment,
        )
        instance = Path(read.text("SERVER2_INSTANCE")).absolute()
        base_url = read.base_url(f"http://127.0.0.1:{read.port('SERVER2_PORT', 5002)}")
        serving = read.serving(base_url, 5002)
        database_url = read.database_url(instance / "server2.sqlite3")
        samesite = read.choice("SERVER2_SESSION_SAMESITE", ("Lax", "Strict"))
        demo = read.demo(read.reached_from_elsewhere(base_url, serving))
        return cls(
            instance=instance,
            database_url=database_url,
            database_pool=read.database_pool(database_url),
            base_url=base_url,
            session_samesite=samesite,
            trust_after_start=timedelta(seconds=read.number("SERVER2_TRUST_AFTER_START", 0, 43200)),
            demo=demo,
            lab=read.lab(serving, demo=demo),
            serving=serving,
            handoff=_handoff(read, instance, base_url, samesite, demo),
        )


def _handoff(
    read: SettingReader, instance: Path, base_url: str, samesite: str, demo: bool
) -> dict[str, object]:
    defaults = {
        "HANDOFF_ISSUER": f"http://localhost:{read.port('SERVER1_PORT', 5001)}",
        "HANDOFF_CLIENT_ID": "server2",
        # The demo is there to be looked at; elsewhere a token has no place in an address.
        "HANDOFF_RESPONSE_MODE": "query" if demo else "form_post",
        "HANDOFF_SCOPE": "openid profile email notes:read notes:write",
        "HANDOFF_ATTEMPT_COOKIE": "s2_tx_",
        "HANDOFF_DEFAULT_TARGET": "/notes",
        "HANDOFF_JWKS_FLUSH_FILE": instance / "flush_keys",
        "HANDOFF_REVOCATION": "blocklist",
        # A Strict cookie does not travel on a redirect that began at SERVER1.
        "HANDOFF_LANDING": "refresh" if samesite == "Strict" else "redirect",
    }
    return {**defaults, **read.given("HANDOFF_"), "HANDOFF_BASE_URL": base_url}
