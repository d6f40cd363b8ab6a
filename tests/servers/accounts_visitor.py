"""A browser at SERVER1, and what an operator does beside it."""

import functools
import json
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from flask_handoff.keys import KeyRing, ring_exists
from flask_service.database import database_of
from server1 import create_app
from server1.accounts import sessions, users
from server1.accounts.administration import create_account
from server1.accounts.passwords import PasswordHasher
from server1.config import Config
from tests.compiled_templates import COMPILED

SERVER1 = "http://localhost:5001"
EMAIL = "ada@example.com"
PASSWORD = "a password of the tests"
CHEAP_HASHES = {
    "SERVER1_ARGON2_MEMORY_KIB": "64",
}
CLIENTS = json.dumps(
    [
        {
            "client_id": "server2",
            "name": "Notes",
            "redirect_uris": ["http://127.0.0.1:5002/sso/callback"],
            "response_modes": ["query", "form_post"],
            "initiate_login_uri": "http://127.0.0.1:5002/sso/login",
            "first_party": True,
        }
    ]
)
REQUEST = {
    "client_id": "server2",
    "redirect_uri": "http://127.0.0.1:5002/sso/callback",
    "response_type": "id_token",
    "response_mode": "query",
    "scope": "openid profile email notes:read",
    "nonce": "a-nonce-of-the-tests",
    "state": "a-state-of-the-tests-with-some-length",
}

EXTENSIONS = {
    "clock": "clock",
    "database": "database",
    "hasher": "server1.accounts.hasher",
}


@functools.cache
def opened(directory):
    """Open a key ring once for all tests: OpenSSL would check its keys each time."""
    return KeyRing.open(directory)


def build(environment, clock):
    """Build SERVER1's application; the time is told by *clock*."""
    config = Config.from_environment(environment)
    directory, keys = Path(environment["HANDOFF_KEYS_DIRECTORY"]), None
    if ring_exists(directory):
        keys = opened(directory)
        config = replace(config, handoff={**config.handoff, "HANDOFF_KEYS_DIRECTORY": ""})
    app = create_app(config, keys=keys, clock=clock, sleep=getattr(clock, "sleep", time.sleep))
    app.jinja_env.bytecode_cache = COMPILED
    # Nobody is put off because the machine is busy and their turn comes late.
    patient = PasswordHasher(config.hashing, longest_wait=timedelta(minutes=1))
    app.extensions[EXTENSIONS["hasher"]] = patient
    return app


class KeptApplications:
    """Applications of SERVER1, each built once: that takes longer than most tests.

    It is the caller who puts back the instance directory, the database and the clock.
    """

    def __init__(self):
        self._kept = {}

    def get(self, environment, clock):
        """Return the application with these settings, with everything in its place."""
        key = (clock, *sorted(environment.items()))
        if key not in self._kept:
            app = build(environment, clock)
            self._kept[key] = (app, dict(app.extensions))
        app, extensions = self._kept[key]
        app.extensions.clear()
        app.extensions.update(extensions)
        if "SERVER1_DATABASE_URL" in environment:
            database_of(app).prepare()  # the caller has emptied it
        return app


class Accounts:
    """SERVER1 with one account."""

    def __init__(self, app):
        self.app = app
        self.config = app.extensions["server1.config"]
        self.clock = app.extensions[EXTENSIONS["clock"]]
        self.hasher = app.extensions[EXTENSIONS["hasher"]]
        self.database = database_of(self.app)
        self.issuer = self.config.issuer
        if not self._rows(users.users):
            self.create(EMAIL, PASSWORD)

    def install(self, **replacements):
        """Put something in the place of what the application was made with."""
        for name, replacement in replacements.items():
            assert EXTENSIONS[name] in self.app.extensions
            self.app.extensions[EXTENSIONS[name]] = replacement

    def create(self, email, password=PASSWORD):
        with self.app.app_context():
            return create_account(
                email=email, name="Ada", unverified_password=password, email_verified=True
            )

    def find(self, email=EMAIL):
        with self.database.reading() as connection:
            return users.by_email(connection, email)

    def disable(self, email=EMAIL):
        self.run("users", "disable", email)

    def run(self, *arguments, **options):
        """Run a command and return its result; it must succeed."""
        result = self.try_to_run(*arguments, **options)
        assert result.exit_code == 0, result.output
        return result

    def try_to_run(self, *arguments, **options):
        return self.app.test_cli_runner().invoke(args=arguments, **options)

    def session_rows(self):
        return self._rows(sessions.sessions)

    def user_row(self, email=EMAIL):
        with self.database.reading() as connection:
            query = users.users.select().where(users.users.c.email_folded == email)
            return connection.execute(query).one()

    def _rows(self, table):
        with self.database.reading() as connection:
            return connection.execute(table.select()).all()

    def close(self):
        self.database.close()


class Visitor:
    """One browser, with a cookie jar of its own."""

    def __init__(self, accounts, address="127.0.0.1"):
        self.accounts = accounts
        self.client = accounts.app.test_client()
        self.client.environ_base["REMOTE_ADDR"] = address

    def get(self, path, **options):
        return self.client.get(path, base_url=self.accounts.issuer, **options)

    def post(self, path, data=None, **options):
        return self.client.post(path, base_url=self.accounts.issuer, data=data, **options)

    def submit(self, path, data=None, *, page="/login", **options):
        """Fill in the form of *page* and send it to *path*."""
        return self.post(path, {**hidden_fields(self.get(page).text), **(data or {})}, **options)

    def sign_in(self, email=EMAIL, password=PASSWORD, *, page="/login", **options):
        fields = {"email": email, "password": password}
        return self.submit("/login", fields, page=page, **options)

    def sign_out(self):
        return self.submit("/logout", page="/logout")

    def authorize(self, **parameters):
        return self.get("/authorize", query_string={**REQUEST, **parameters})

    @property
    def cookie(self):
        name = self.accounts.app.config["SESSION_COOKIE_NAME"]
        found = self.client.get_cookie(name, domain="localhost")
        return None if found is None else found.value

    @cookie.setter
    def cookie(self, value):
        name = self.accounts.app.config["SESSION_COOKIE_NAME"]
        self.client.set_cookie(name, value, domain="localhost")

    def get_with_cookies(self, path, header):
        """Ask for *path* with exactly this Cookie header."""
        client = self.accounts.app.test_client(use_cookies=False)
        return client.get(path, base_url=self.accounts.issuer, headers={"Cookie": header})

    @property
    def is_signed_in(self):
        return "You are signed in" in self.get("/").text


def user_rows(accounts):
    with accounts.database.reading() as connection:
        return connection.execute(users.users.select()).all()


def hidden_fields(page):
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page))


def problem(answer):
    """Return what the sign-in page says went wrong."""
    return re.search(r'role="alert">([^<]+)<', answer.text)[1]


@contextmanager
def running_accounts(environment, clock, kept=None):
    """Run SERVER1 until the block ends; *kept* may have its application already."""
    accounts = Accounts((kept.get if kept else build)(environment, clock))
    try:
        yield accounts
    finally:
        accounts.close()


def assert_waits(future):
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    assert not done.wait(0.2)
