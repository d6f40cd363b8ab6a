"""Both demo servers, for tests of what they stand on."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import make_url

import server1.config
import server2.config
from flask_service.database import database_of
from tests.conftest import (
    empty_postgresql,
    new_postgresql_database,
    run_subqueries_for_each_row,
)
from tests.servers.accounts_visitor import CHEAP_HASHES, CLIENTS
from tests.servers.conftest import (
    clock,
    issuer_key_ring,
    issuer_public_key,
    server1_keys,
)
from tests.service.small_outbox import small_outbox

__all__ = ["clock", "issuer_key_ring", "issuer_public_key", "server1_keys"]  # fixtures

CREATE: dict[str, Callable[..., Any]] = {
    "server1": server1.create_app,
    "server2": server2.create_app,
}
CONFIGS: dict[str, Any] = {"server1": server1.config.Config, "server2": server2.config.Config}
BASE_URLS = {"server1": "http://localhost:5001", "server2": "http://127.0.0.1:5002"}
BASE_URL_SETTINGS = {"server1": "HANDOFF_ISSUER", "server2": "HANDOFF_BASE_URL"}


class DemoServer:
    """One of the two servers, as it is built from settings, with *clock* as its clock.

    Names of settings are given without the server's own: ``BIND`` in place of ``SERVER1_BIND``.
    """

    def __init__(self, name, environment, clock):
        self.name = name
        self.base_url = BASE_URLS[name]
        self.base_url_setting = BASE_URL_SETTINGS[name]
        self.cookie = {"server1": "s1_session", "server2": "s2_session"}[name]
        self.environment = environment
        self.clock = clock
        self.built = []

    def setting(self, name):
        return name if name.startswith("HANDOFF_") else f"{self.name.upper()}_{name}"

    def settings(self, **given):
        return {self.setting(name): value for name, value in given.items()}

    def config(self, **settings):
        return CONFIGS[self.name].from_environment(
            {**self.environment, **self.settings(**settings)}
        )

    def build(self, **settings):
        app = CREATE[self.name](self.config(**settings), clock=self.clock)
        self.built.append(app)
        return app

    def get(self, app, path, **options):
        return app.test_client().get(path, base_url=self.base_url, **options)

    def hidden_fields(self, page):
        return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page))

    def close(self):
        for app in self.built:
            database_of(app).close()


@pytest.fixture(params=CREATE)
def server(request, tmp_path, clock, server1_keys, issuer_public_key):
    """Each of the two demo servers, which has yet to be built."""
    environment = {
        "SERVER1_INSTANCE": str(tmp_path / "server1"),
        "HANDOFF_KEYS_DIRECTORY": str(server1_keys),
        "HANDOFF_CLIENTS": CLIENTS,
        **CHEAP_HASHES,
    }
    if request.param == "server2":
        environment = {
            "SERVER2_INSTANCE": str(tmp_path / "server2"),
            "HANDOFF_PINNED_KEYS": str(issuer_public_key),
            "HANDOFF_RESPONSE_MODE": "query",
        }
    built = DemoServer(request.param, environment, clock)
    yield built
    built.close()


@pytest.fixture
def app(server):
    return server.build()


@pytest.fixture(scope="session")
def small_database():
    with new_postgresql_database() as url:
        run_subqueries_for_each_row(url)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def small(request, tmp_path, clock):
    """An outbox on either database."""
    url = f"sqlite:///{tmp_path / 'small.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("small_database")
        empty_postgresql(url)
    with small_outbox(make_url(url), tmp_path, clock) as small:
        yield small


@pytest.fixture
def small_on_sqlite(tmp_path, clock):
    url = make_url(f"sqlite:///{tmp_path / 'small.sqlite3'}")
    with small_outbox(url, tmp_path, clock) as small:
        yield small
