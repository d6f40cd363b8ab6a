"""An issuer that revokes and introspects, on stores of each kind, and clients that hold tokens."""

import threading
from contextlib import contextmanager
from typing import Any

from sqlalchemy import create_engine

from flask_handoff.stores import (
    MemoryCodeStore,
    MemoryRefreshStore,
    MemoryReplayStore,
    MemoryRevokedTokenStore,
)
from flask_handoff.stores.sql import (
    SQLCodeStore,
    SQLRefreshStore,
    SQLReplayStore,
    SQLRevokedTokenStore,
)
from tests.code_client import ask, code_of, exchange
from tests.minimal_pair import (
    CODE_CLIENT,
    CODE_CLIENT_SECRET,
    ISSUER,
    PUBLIC_CLIENT,
    Browser,
    issuer_app,
)

RESOURCE = "https://notes.example.com"
SECRET_HASHES = CODE_CLIENT["secret_hashes"]
SERVICE: dict[str, Any] = {
    "client_id": "notes",
    "name": "Notes",
    "redirect_uris": [],
    "resource": RESOURCE,
    "scopes": ["notes:read", "notes:write"],
    "secret_hashes": SECRET_HASHES,
}
OTHER_SERVICE: dict[str, Any] = {
    **SERVICE,
    "client_id": "mail",
    "resource": "https://mail.example.com",
    "scopes": ["mail:send"],
}
ROBOT: dict[str, Any] = {
    **{"client_id": "robot", "name": "Robot", "redirect_uris": [], "response_types": []},
    **{"service": True, "secret_hashes": SECRET_HASHES},
}
CLIENTS = [SERVICE, OTHER_SERVICE, ROBOT, CODE_CLIENT, PUBLIC_CLIENT]
SCOPE = "openid profile offline_access"
OF_SERVICE = {"scope": "offline_access notes:read"}

IN_MEMORY = (MemoryCodeStore, MemoryRefreshStore, MemoryReplayStore, MemoryRevokedTokenStore)
IN_SQL = (SQLCodeStore, SQLRefreshStore, SQLReplayStore, SQLRevokedTokenStore)


class Transactions:
    """Lends each thread one transaction at a time, as an application does."""

    def __init__(self, engine):
        self._engine = engine
        self._thread = threading.local()
        self.begun = 0
        self.wrote = False

    @contextmanager
    def writing(self):
        with self.reading() as connection:
            self.wrote = True
            yield connection

    @contextmanager
    def reading(self):
        if (opened := getattr(self._thread, "connection", None)) is not None:
            yield opened
            return
        self.begun += 1
        with self._engine.begin() as self._thread.connection:
            try:
                yield self._thread.connection
            finally:
                self._thread.connection = None


class Breakable:
    """A store in memory that is out of reach while there is an ``error`` to raise."""

    def __init__(self, store):
        self._store = store
        self.error = None

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if self.error is not None:
            raise self.error("the database failed")
        return found


@contextmanager
def stores_at(url):
    """Make the four stores there, in memory without a URL; with what they were lent."""
    if url is None:
        yield [Breakable(kind()) for kind in IN_MEMORY], None
        return
    engine = create_engine(url)
    lent = Transactions(engine)
    for kind in IN_SQL:
        kind(engine).create_tables()
    yield [kind(engine, transaction=lent.writing, reading=lent.reading) for kind in IN_SQL], lent
    engine.dispose()


class Tokens:
    """A signed-in user, and how clients come by tokens."""

    def __init__(self, key_ring, clock, stores, **settings):
        self.app = issuer_app(key_ring, clock, *stores, **{"HANDOFF_CLIENTS": CLIENTS, **settings})
        self.browser = Browser(self.app, None)
        self.browser.sign_in()

    def first(self, client=CODE_CLIENT, **asked):
        code = code_of(ask(self.browser, client, **{"scope": SCOPE, **asked}), client)
        return exchange(self.browser, code, client).get_json()

    def of_robot(self, scope="notes:read"):
        form = {"grant_type": "client_credentials", "client_id": "robot", "scope": scope}
        form["client_secret"] = CODE_CLIENT_SECRET
        answer = self.browser.post(f"{ISSUER}/token", form, sends_cookies=False)
        return answer.get_json()["access_token"]

    def userinfo(self, tokens):
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        return self.browser.get(f"{ISSUER}/userinfo", headers=headers, sends_cookies=False)

    def is_alive(self, tokens):
        return self.userinfo(tokens).status_code == 200
