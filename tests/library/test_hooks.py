"""What an application gives the extensions is judged where it is given."""

import asyncio
import functools
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask, has_request_context, session
from sqlalchemy import create_engine

from flask_handoff import HandoffAPI, HandoffIssuer, HandoffReceiver, SignedInUser
from flask_handoff.errors import ConfigurationError, ReplayStoreUnavailableError
from flask_handoff.stores import MemoryCodeStore, MemoryRevocationList
from flask_handoff.stores.sql import SQLReplayStore
from tests.minimal_pair import CLIENT, ISSUER, RECEIVER, Browser, issuer_app

EARLIER = datetime(2020, 1, 1, tzinfo=UTC)


def no(*_asked: object) -> Any:
    """Answer that there is none."""


def receiver_hooks(**changed: Any) -> dict[str, Any]:
    return {"sign_in": str, "live_session": str, **changed}


class Asks:
    """An object as a hook."""

    async def __call__(self, *asked):
        return None


async def asks(*asked):
    return None


def yields(*asked):
    yield


async def yields_later(*asked):
    yield


@pytest.mark.parametrize("hook", ["sign_in", "live_session", "end_sessions", "not_confirmed"])
def test_a_receiver_s_hook_can_be_called(hook):
    with pytest.raises(ConfigurationError, match=f"^{hook} cannot be called: .* type int"):
        HandoffReceiver(**receiver_hooks(**{hook: 1}))


@pytest.mark.parametrize(
    "hook",
    [
        *("signed_in_user", "granted_scope", "transaction", "consented_at", "token_user"),
        *("client_scope", "end_session", "valid_after"),
    ],
)
def test_an_issuer_s_hook_can_be_called(hook):
    hooks: dict[str, Any] = {"signed_in_user": str, "granted_scope": str, hook: "a text"}
    with pytest.raises(ConfigurationError, match=f"^{hook} cannot be called: .* type str"):
        HandoffIssuer(login_endpoint="login", **hooks)


@pytest.mark.parametrize("hook", ["sign_in", "live_session"])
def test_a_hook_that_is_needed_is_not_none(hook):
    with pytest.raises(ConfigurationError, match=f"^{hook} cannot be called"):
        HandoffReceiver(**receiver_hooks(**{hook: None}))


@pytest.mark.parametrize("hook", [yields, yields_later])
def test_a_hook_that_yields_is_refused(build_receiver, hook):
    with pytest.raises(ConfigurationError, match=r"^not_confirmed is a generator"):
        build_receiver(not_confirmed=hook)


@pytest.mark.parametrize("hook", [asks, yields, yields_later, asynccontextmanager(yields_later)])
def test_a_transaction_is_a_plain_context(hook):
    with pytest.raises(ConfigurationError, match=r"^transaction is .* @contextmanager"):
        HandoffIssuer(signed_in_user=no, granted_scope=no, login_endpoint="login", transaction=hook)


def test_a_context_made_of_a_generator_is_a_transaction(key_ring, clock):
    issuer_app(key_ring, clock, transaction=contextmanager(yields))
    issuer_app(key_ring, clock, transaction=nullcontext)


def receiver_with(key_ring, store, clock, app=None, **hooks):
    app = app or Flask("receiver")
    app.testing = True
    app.config.update(
        SECRET_KEY="of the receiver in a test",
        HANDOFF_ISSUER=ISSUER,
        HANDOFF_BASE_URL=RECEIVER,
        HANDOFF_CLIENT_ID="notes",
        HANDOFF_RESPONSE_MODE="query",
    )
    receiver = HandoffReceiver(**{"sign_in": lambda _: "a handle", "live_session": no, **hooks})
    receiver.init_app(app, replay_store=store, keys=key_ring, clock=clock)
    return app


@pytest.fixture
def visitor(issuer, key_ring, store, clock):
    """Makes a browser that is signed in at SERVER1, before a receiver with these hooks."""
    issuer.testing = True

    def visitor(**hooks):
        browser = Browser(issuer, receiver_with(key_ring, store, clock, **hooks))
        browser.sign_in()
        return browser

    return visitor


@pytest.mark.parametrize(
    "hook", [asks, Asks(), functools.partial(asks)], ids=["function", "object", "partial"]
)
def test_an_async_hook_needs_what_flask_needs_for_it(key_ring, store, clock, hook):
    class WithoutAsgiref(Flask):
        def async_to_sync(self, func):
            raise RuntimeError("Install Flask with the 'async' extra")

    with pytest.raises(ConfigurationError, match=r"^sign_in is a coroutine .* flask\[async\]"):
        receiver_with(key_ring, store, clock, WithoutAsgiref("receiver"), sign_in=hook)


def test_hooks_may_be_async(visitor, in_another_thread):
    arrived = []

    async def sign_in(arrival):
        await asyncio.sleep(0)
        arrived.append((arrival.claims.subject, has_request_context()))
        session["id"] = "an id"
        return "a handle"

    landed = in_another_thread(visitor(sign_in=sign_in).arrive, "/me")
    assert (landed.status_code, landed.location) == (303, "/me")
    assert any("session=" in cookie for cookie in landed.headers.getlist("Set-Cookie"))
    assert arrived == [("ada", True)]


@pytest.mark.parametrize("handle", [None, 7, "", " a", "a\nb", "a" * 256], ids=repr)
def test_a_handle_is_a_text_for_a_log(visitor, handle):
    with pytest.raises(TypeError, match=r"^sign_in must return the session's handle"):
        visitor(sign_in=lambda _: handle).arrive()


def test_a_live_session_is_a_live_session(visitor):
    browser = visitor(live_session=lambda: {"handle": "h"})
    with pytest.raises(TypeError, match=r"^live_session must return a LiveSession, or None"):
        browser.another().follow(browser.come_back())


def test_a_silent_sign_in_that_fails_leads_to_an_address(visitor):
    browser = visitor(not_confirmed=lambda _: None).another()
    with pytest.raises(TypeError, match=r"^not_confirmed must return an address"):
        browser.arrive(prompt="none")


@pytest.mark.parametrize(
    "granted", [False, "openid", ["openid"], {1}, {"openid profile"}, {""}], ids=repr
)
def test_a_granted_scope_is_a_set_of_its_values(issuer, visitor, granted):
    issuer.extensions["hooks"].grants = granted
    with pytest.raises(TypeError, match=r"^granted_scope must return a set of texts"):
        visitor().arrive()


def issuer_with(key_ring, **hooks):
    app = Flask("issuer")
    app.testing = True
    app.config.update(
        SECRET_KEY="of the issuer in a test", HANDOFF_ISSUER=ISSUER, HANDOFF_CLIENTS=[CLIENT]
    )
    given = {"signed_in_user": no, "granted_scope": no, **hooks}
    HandoffIssuer(login_endpoint="login", **given).init_app(app, keys=key_ring)
    app.add_url_rule("/login", "login", no)
    return app


@pytest.mark.parametrize(
    ("hook", "answer", "problem"),
    [
        ("signed_in_user", "ada", "a SignedInUser, or None; this is of the type str"),
        ("signed_in_user", SignedInUser("ada", "", EARLIER), "a user with a session_id"),
        ("valid_after", EARLIER.replace(tzinfo=None), "a datetime with a time zone, or None"),
    ],
)
def test_what_an_issuer_s_hook_returns_is_checked(key_ring, store, clock, hook, answer, problem):
    user, everything = SignedInUser("ada", "a-session", EARLIER), frozenset({"openid"})
    hooks = {"signed_in_user": lambda: user, "granted_scope": lambda *_: everything}
    app = issuer_with(key_ring, **{**hooks, hook: lambda *_: answer})
    browser = Browser(app, receiver_with(key_ring, store, clock))
    with pytest.raises(TypeError, match=f"^{hook} must return {problem}"):
        browser.arrive()


# Stores.


class Model:
    """Of Flask-SQLAlchemy's kind: it has an engine, and is no store."""

    engine = session = None


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (None, "of the type NoneType, which is no ReplayStore"),
        ("sqlite://user:secret@host", "of the type str, which is no ReplayStore"),
        (Model(), "of the type Model, which is no ReplayStore: it has no claim, ready"),
        (create_engine("sqlite://"), "of the type Engine"),
        (SQLReplayStore, "the class SQLReplayStore itself"),
        (MemoryCodeStore(), "of the type MemoryCodeStore, which is no ReplayStore"),
    ],
    ids=["None", "URL", "model", "engine", "class", "another store"],
)
def test_what_is_no_store_is_refused_at_the_start(key_ring, clock, given, problem):
    with pytest.raises(ConfigurationError, match=f"^replay_store is {problem}") as refusal:
        receiver_with(key_ring, given, clock)
    assert "Give SQLReplayStore(engine)" in refusal.value.remedy
    assert "secret" not in str(refusal.value)


def test_the_stores_of_an_issuer_and_of_an_api_are_checked(key_ring, clock):
    with pytest.raises(ConfigurationError, match=r"^codes is .*Give SQLCodeStore"):
        issuer_app(key_ring, clock, codes="sqlite")
    with pytest.raises(ConfigurationError, match=r"^revocation_list is the class Memory"):
        HandoffAPI().init_app(Flask("api"), revocation_list=MemoryRevocationList)  # type: ignore[arg-type]


def test_a_forgotten_table_is_named_with_the_call_that_makes_it(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'used.sqlite3'}")
    store = SQLReplayStore(engine)
    with pytest.raises(ReplayStoreUnavailableError, match=r"the table handoff_replay is missing"):
        store.ready()
    store.create_tables()
    store.ready()
    engine.dispose()
