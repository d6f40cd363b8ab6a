import logging
import shutil
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives import serialization

from flask_handoff.keys import KeyRing, new_key
from flask_service.logs import OneLineFormatter
from server2 import create_app
from server2.config import Config
from tests import ports
from tests.compiled_templates import COMPILED
from tests.conftest import new_postgresql_database
from tests.servers import accounts_visitor
from tests.servers.emptied_tables import EmptiedTables
from tests.servers.notes_visitor import FakeClock, Visitor

CLOCK = FakeClock()


@pytest.fixture
def clock():
    """One clock for all tests of this process, as applications are kept that it tells the time."""
    CLOCK.put_back()
    return CLOCK


@pytest.fixture(scope="session")
def issuer_key_ring(tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys") / "ring"
    new_key(directory)
    return KeyRing.open(directory)


@pytest.fixture(scope="session")
def issuer_public_key(issuer_key_ring, tmp_path_factory):
    """The path of the PEM file with the public key of whoever plays SERVER1."""
    path = tmp_path_factory.mktemp("public") / "server1.pem"
    public_key = issuer_key_ring.signing_key.verification_key.public_key
    path.write_bytes(
        public_key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return path


@pytest.fixture
def notes_environment(tmp_path, issuer_public_key):
    return {
        "SERVER2_INSTANCE": str(tmp_path / "server2"),
        "HANDOFF_PINNED_KEYS": str(issuer_public_key),
        "HANDOFF_RESPONSE_MODE": "query",
    }


@pytest.fixture
def build_notes(notes_environment, clock):
    """Builds SERVER2 with the settings given, on top of a fresh instance directory."""
    built = []

    def build(**settings):
        config = Config.from_environment({**notes_environment, **settings})
        built.append(create_app(config, clock=clock))
        built[-1].jinja_env.bytecode_cache = COMPILED
        return built[-1]

    yield build
    for app in built:
        app.extensions["database"].close()


@pytest.fixture
def notes_app(build_notes):
    return build_notes()


@pytest.fixture
def visitor(notes_app, issuer_key_ring, clock):
    return Visitor(notes_app, issuer_key_ring, clock)


@pytest.fixture
def another_visitor(notes_app, issuer_key_ring, clock):
    return Visitor(notes_app, issuer_key_ring, clock)


@pytest.fixture
def free_port():
    """A port of loopback on which nothing listens."""
    return ports.free_port()


@pytest.fixture(scope="session")
def server1_keys(tmp_path_factory):
    """A directory with SERVER1's signing key."""
    directory = tmp_path_factory.mktemp("server1") / "keys"
    new_key(directory)
    return directory


@pytest.fixture(scope="session")
def server1_instance(tmp_path_factory):
    """The path of the instance directory that each test finds empty."""
    return tmp_path_factory.mktemp("instance") / "server1"


@pytest.fixture
def accounts_environment(server1_instance, server1_keys):
    yield environment_of_accounts(server1_instance, server1_keys)
    if server1_instance.exists():
        shutil.rmtree(server1_instance)


def environment_of_accounts(instance, keys):
    return {
        "SERVER1_INSTANCE": str(instance),
        "HANDOFF_KEYS_DIRECTORY": str(keys),
        "HANDOFF_CLIENTS": accounts_visitor.CLIENTS,
        **accounts_visitor.CHEAP_HASHES,
    }


@pytest.fixture(scope="session")
def made_accounts(tmp_path_factory, server1_keys):
    """What SERVER1 has made at its first start, and the account of ada@example.com in it."""
    instance = tmp_path_factory.mktemp("made") / "server1"
    settings = environment_of_accounts(instance, server1_keys)
    with accounts_visitor.running_accounts(settings, FakeClock()):
        pass
    return instance


@pytest.fixture(scope="session")
def share_accounts(tmp_path_factory, made_accounts, server1_keys):
    """Runs a SERVER1 for many tests that leave it as it is; its clock stands."""

    @contextmanager
    def run(**settings):
        instance = tmp_path_factory.mktemp("shared") / "server1"
        shutil.copytree(made_accounts, instance)
        environment = {**environment_of_accounts(instance, server1_keys), **settings}
        with accounts_visitor.running_accounts(environment, FakeClock()) as running:
            yield running

    return run


@pytest.fixture
def made_environment(accounts_environment, made_accounts):
    """Settings as they are after SERVER1's first start: the account is there."""
    shutil.copytree(made_accounts, accounts_environment["SERVER1_INSTANCE"])
    return accounts_environment


@pytest.fixture(scope="session")
def kept_applications():
    return accounts_visitor.KeptApplications()


@pytest.fixture
def accounts(made_environment, clock, kept_applications):
    """SERVER1 on SQLite, with the account of ada@example.com."""
    with accounts_visitor.running_accounts(made_environment, clock, kept_applications) as running:
        yield running


@pytest.fixture(scope="session")
def emptied_tables():
    with new_postgresql_database() as url:
        yield EmptiedTables(url)


@pytest.fixture
def server1_postgresql_url(emptied_tables):
    """The URL of a PostgreSQL database with SERVER1's tables, which are empty."""
    emptied_tables.empty()
    return emptied_tables.url


@pytest.fixture(params=["sqlite", "postgresql"])
def accounts_on(request, made_environment, clock, kept_applications):
    """SERVER1 on either database, with the account of ada@example.com."""
    settings = made_environment
    if request.param == "postgresql":
        url = request.getfixturevalue("server1_postgresql_url")
        settings = {**settings, "SERVER1_DATABASE_URL": url}
    with accounts_visitor.running_accounts(settings, clock, kept_applications) as running:
        yield running


@pytest.fixture
def browser1(accounts):
    return accounts_visitor.Visitor(accounts)


@pytest.fixture
def log(caplog):
    """The log lines of SERVER1 and of the library, as they are written."""
    caplog.set_level(logging.INFO, "server1")
    caplog.set_level(logging.INFO, "flask_handoff")
    caplog.handler.setFormatter(OneLineFormatter())
    return caplog
