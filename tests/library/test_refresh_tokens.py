"""Refresh tokens at /token: rotation, families, what ends them."""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from flask_handoff import ConfigurationError
from flask_handoff.claims import system_clock
from flask_handoff.errors import (
    RefreshStoreUnavailableError,
    SigningUnavailableError,
    TokenRevokedError,
)
from flask_handoff.issuer.codes import Codes
from flask_handoff.issuer.valid_after import ValidAfterRule
from flask_handoff.signals import refresh_token_reused, tokens_issued, tokens_refused
from flask_handoff.stores import MemoryCodeStore, MemoryRefreshStore
from flask_handoff.stores.sql import SQLCodeStore, SQLRefreshStore
from tests.attacks.test_replay_stores import in_processes
from tests.code_client import ask, claims_of, code_of, exchange, refresh, refused
from tests.minimal_pair import (
    CLIENT,
    CODE_CLIENT,
    ISSUER,
    PUBLIC_CLIENT,
    Browser,
    issuer_app,
    query_of,
)

NOTES = "https://notes.example.com"
SERVICE = {
    "client_id": "n",
    "name": "N",
    "redirect_uris": [],
    "resource": NOTES,
    "scopes": ["notes:r", "notes:w"],
}
SCOPE = "openid profile offline_access"
BOTH = pytest.mark.parametrize("client", [CODE_CLIENT, PUBLIC_CLIENT], ids=["secret", "public"])


class Families(MemoryRefreshStore):
    """A store that can be out of reach."""

    is_down = False

    def start(self, *arguments, **options):
        self._reach()
        super().start(*arguments, **options)

    def find(self, *arguments, **options):
        self._reach()
        return super().find(*arguments, **options)

    def _reach(self):
        if self.is_down:
            raise RefreshStoreUnavailableError("the database failed")


@pytest.fixture
def families():
    return Families()


@pytest.fixture
def codes():
    return MemoryCodeStore()


@pytest.fixture
def issuer(key_ring, clock, codes, families):
    clients = [CLIENT, CODE_CLIENT, PUBLIC_CLIENT, SERVICE]
    return issuer_app(key_ring, clock, codes, families, HANDOFF_CLIENTS=clients)


@pytest.fixture
def browser(issuer):
    browser = Browser(issuer, None)
    browser.sign_in()
    return browser


def first_tokens(browser, client=CODE_CLIENT, **asked):
    code = code_of(ask(browser, client, **{"scope": SCOPE, **asked}), client)
    return exchange(browser, code, client).get_json()


def refreshed(browser, token, client=CODE_CLIENT, **changed):
    answer = refresh(browser, token, client, **changed)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.get_json()


def userinfo(browser, tokens):
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return browser.get(f"{ISSUER}/userinfo", headers=headers, sends_cookies=False)


@BOTH
def test_a_refresh_token_brings_new_tokens_and_its_successor(browser, client, clock):
    first = first_tokens(browser, client, nonce="a-nonce")
    assert len(first["refresh_token"]) == 65
    clock.tick(days=6)
    second = refreshed(browser, first["refresh_token"], client)
    assert second.keys() == first.keys()
    assert second["scope"].split() == ["offline_access", "openid", "profile"]
    assert second["refresh_token"] != first["refresh_token"]
    assert userinfo(browser, second).json == {"sub": "ada", "name": "Ada"}
    third = refreshed(browser, second["refresh_token"], client)
    assert third["refresh_token"] not in (first["refresh_token"], second["refresh_token"])


def test_an_id_token_of_a_refresh_is_of_the_first_sign_in(browser, clock):
    before = first_tokens(browser, nonce="a-nonce")
    clock.tick(hours=20)
    after = refreshed(browser, before["refresh_token"])
    first, second = (claims_of(tokens["id_token"]) for tokens in (before, after))
    for claim in ("iss", "sub", "aud", "auth_time", "sid"):
        assert second[claim] == first[claim]
    assert "nonce" not in second
    assert second["iat"] == int(clock.now.timestamp())


def test_access_tokens_of_a_family_name_no_session(browser, issuer):
    first = first_tokens(browser)
    second = refreshed(browser, first["refresh_token"])
    issuer.extensions["hooks"].asked_for.clear()
    for tokens in (first, second):
        assert "sid" not in claims_of(tokens["access_token"])
        assert userinfo(browser, tokens).status_code == 200
    assert issuer.extensions["hooks"].asked_for == [("reader", "ada", None)] * 2


@pytest.mark.parametrize("grants", [{"openid", "profile"}, None])
def test_without_offline_access_there_is_none(browser, issuer, grants):
    issuer.extensions["hooks"].grants = grants and frozenset(grants)
    tokens = first_tokens(browser, scope=SCOPE if grants else "openid profile")
    assert "refresh_token" not in tokens
    assert "sid" in claims_of(tokens["access_token"])
    assert tokens["scope"] == "openid profile"


def test_an_issuer_without_their_store_grants_no_offline_access(key_ring, clock, codes):
    browser = Browser(issuer_app(key_ring, clock, codes), None)
    browser.sign_in()
    tokens = first_tokens(browser)
    assert "refresh_token" not in tokens
    assert tokens["scope"] == "openid profile"
    assert refused(refresh(browser, "r" * 65)) == "unsupported_grant_type"
    document = browser.get(f"{ISSUER}/.well-known/openid-configuration").get_json()
    assert "refresh_token" not in document["grant_types_supported"]
    assert "offline_access" not in document["scopes_supported"]


def test_a_handoff_brings_no_offline_access(browser):
    asked = {"response_type": "id_token", "response_mode": "query", "code_challenge": None}
    client = {**CLIENT, "secret_hashes": []}
    scope = "openid offline_access"
    answer = ask(browser, client, scope=scope, state="s" * 43, nonce="n" * 43, **asked)
    assert claims_of(query_of(answer.location)["id_token"])["scope"] == "openid"


def test_the_metadata_announces_them(browser):
    document = browser.get(f"{ISSUER}/.well-known/openid-configuration").get_json()
    assert document["grant_types_supported"] == ["authorization_code", "implicit", "refresh_token"]
    assert document["scopes_supported"][:4] == ["openid", "profile", "email", "offline_access"]


def test_a_store_of_them_alone_is_refused_at_the_start(key_ring, clock, families):
    with pytest.raises(ConfigurationError, match="none of codes"):
        issuer_app(key_ring, clock, None, families)


def test_a_store_of_codes_without_token_user_is_refused():
    with pytest.raises(ConfigurationError, match="cannot tell whose"):
        Codes.of(MemoryCodeStore(), None, None, ValidAfterRule(None, system_clock), [])


# Time.


def test_a_token_that_is_not_used_for_seven_days_has_expired(browser, clock):
    token = first_tokens(browser)["refresh_token"]
    clock.tick(days=7, seconds=-1)
    token = refreshed(browser, token)["refresh_token"]
    clock.tick(days=7)
    assert refused(refresh(browser, token)) == "invalid_grant"


def test_no_family_is_older_than_thirty_days(browser, clock):
    token = first_tokens(browser)["refresh_token"]
    for _ in range(4):
        clock.tick(days=6)
        token = refreshed(browser, token)["refresh_token"]
    clock.tick(days=6, seconds=-1)
    token = refreshed(browser, token)["refresh_token"]
    clock.tick(seconds=1)
    assert refused(refresh(browser, token)) == "invalid_grant"


# Used again.


@BOTH
def test_a_lost_answer_can_be_had_again_for_ten_seconds(browser, clock, client):
    first = first_tokens(browser, client)["refresh_token"]
    lost = refreshed(browser, first, client)
    clock.tick(seconds=10)
    again = refreshed(browser, first, client)
    assert again["refresh_token"] == lost["refresh_token"]
    assert again["access_token"] != lost["access_token"]
    assert refresh(browser, again["refresh_token"], client).status_code == 200


@pytest.mark.parametrize("uses", [1, 2], ids=["late", "two before"])
def test_a_token_used_again_ends_the_family(browser, issuer, codes, families, clock, caplog, uses):
    told = []
    listener = lambda sender, **facts: told.append(facts)  # noqa: E731
    refresh_token_reused.connect(listener, sender=issuer)
    every = [first_tokens(browser)]
    for _ in range(uses):
        every.append(refreshed(browser, every[-1]["refresh_token"]))
    clock.tick(seconds=11 if uses == 1 else 0)
    assert all(userinfo(browser, tokens).status_code == 200 for tokens in every)
    assert refused(refresh(browser, every[0]["refresh_token"])) == "invalid_grant"
    for tokens in every:
        assert refused(refresh(browser, tokens["refresh_token"])) == "invalid_grant"
        assert userinfo(browser, tokens).status_code == 401
    assert caplog.text.count("code=refresh_token_reused client_id=reader") == 1
    [facts] = told
    assert (facts["client"].client_id, facts["family"].subject) == ("reader", "ada")
    assert facts["family"].family_id == claims_of(every[0]["access_token"])["jti"][:24]
    secrets = [tokens["refresh_token"] for tokens in every]
    assert not [one for one in secrets if one in caplog.text or one in repr(facts)]


def test_one_family_that_ends_leaves_the_others(browser, clock):
    one, other = first_tokens(browser), first_tokens(browser)
    refreshed(browser, one["refresh_token"])
    clock.tick(seconds=11)
    refused(refresh(browser, one["refresh_token"]))
    assert userinfo(browser, other).status_code == 200
    refreshed(browser, other["refresh_token"])


def test_a_second_use_of_the_code_ends_its_family(browser):
    code = code_of(ask(browser, scope=SCOPE))
    first = exchange(browser, code).get_json()
    second = refreshed(browser, first["refresh_token"])
    assert refused(exchange(browser, code)) == "invalid_grant"
    assert refused(refresh(browser, second["refresh_token"])) == "invalid_grant"
    for tokens in (first, second):
        assert userinfo(browser, tokens).status_code == 401


def test_a_second_use_of_the_code_in_between_ends_the_family_too(browser, codes, families):
    code = code_of(ask(browser, scope=SCOPE))
    start = families.start

    def slow_start(*arguments, **options):
        families.start = start
        assert refused(exchange(browser, code)) == "invalid_grant"
        start(*arguments, **options)

    families.start = slow_start
    assert refused(exchange(browser, code)) == "invalid_grant"
    assert families.families_of("ada", now=0) == []


def test_a_successor_survives_a_change_of_the_secret_key(key_ring, clock, codes, families):
    before = Browser(issuer_app(key_ring, clock, codes, families, SECRET_KEY="old"), None)
    before.sign_in()
    first = first_tokens(before)["refresh_token"]
    lost = refreshed(before, first)["refresh_token"]
    keys = {"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": ["old"]}
    after = Browser(issuer_app(key_ring, clock, codes, families, **keys), None)
    assert refreshed(after, first)["refresh_token"] == lost
    assert refreshed(after, lost)["refresh_token"]
    # A process that does not know the new key yet can make no successor of it, and ends nothing.
    assert refused(refresh(before, lost)) == "invalid_grant"
    assert refresh(after, lost).status_code == 200


# What is asked for.


def test_the_granted_resource_stays_with_the_family(browser):
    first = first_tokens(browser, scope="openid offline_access notes:r", resource=NOTES)
    for options in ({}, {"resource": NOTES}, {"resource": f"{NOTES}/"}):
        access = claims_of(refreshed(browser, first["refresh_token"], **options)["access_token"])
        assert (access["aud"], access["scope"]) == (NOTES, "notes:r")


@pytest.mark.parametrize("resource", [ISSUER, "https://other.example", [NOTES, ISSUER]])
def test_another_resource_is_refused_and_uses_nothing(browser, clock, resource):
    token = first_tokens(browser, scope="offline_access notes:r")["refresh_token"]
    assert refused(refresh(browser, token, resource=resource)) == "invalid_target"
    clock.tick(seconds=60)
    refreshed(browser, token)


@pytest.mark.parametrize(
    ("asked", "scope", "access_scope"),
    [
        ("openid profile offline_access", "offline_access openid", None),
        ("openid offline_access notes:r notes:w x", "notes:r notes:w offline_access openid", None),
        ("notes:r", "notes:r", "notes:r"),
        ("openid", "openid", ""),
    ],
    ids=["always the same words", "more", "less", "none of the service"],
)
def test_a_scope_is_met_as_far_as_it_was_granted(browser, asked, scope, access_scope):
    first = first_tokens(browser, scope="openid offline_access notes:r notes:w")
    narrowed = refreshed(browser, first["refresh_token"], scope=asked)
    assert narrowed["scope"] == scope
    assert ("id_token" in narrowed) == ("openid" in scope)
    if access_scope is not None:
        assert claims_of(narrowed["access_token"]).get("scope", "") == access_scope
    whole = refreshed(browser, narrowed["refresh_token"])
    assert whole["scope"] == "notes:r notes:w offline_access openid"
    assert claims_of(whole["access_token"])["scope"] == "notes:r notes:w"


@pytest.mark.parametrize("scope", ["files:r", "  ", "OPENID"])
def test_a_scope_of_which_nothing_was_granted_uses_nothing(browser, clock, scope):
    token = first_tokens(browser)["refresh_token"]
    assert refused(refresh(browser, token, scope=scope)) == "invalid_scope"
    clock.tick(seconds=60)
    refreshed(browser, token)


# Who asks, and with what.


def test_another_clients_refresh_token_is_refused(browser, clock):
    token = first_tokens(browser)["refresh_token"]
    assert refused(refresh(browser, token, PUBLIC_CLIENT)) == "invalid_grant"
    clock.tick(seconds=60)
    refreshed(browser, token)


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"client_secret": None}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "unknown"}, 401, "invalid_client"),
        ({"refresh_token": None}, 400, "invalid_request"),
        ({"refresh_token": ["r" * 65] * 2}, 400, "invalid_request"),
        ({"refresh_token": "r" * 65}, 400, "invalid_grant"),
        ({"refresh_token": "r" * 64}, 400, "invalid_grant"),
        ({"refresh_token": "r" * 64 + "\n"}, 400, "invalid_grant"),
        ({"refresh_token": "\u00df" * 65}, 400, "invalid_grant"),
        ({"refresh_token": "r" * 9000}, 400, "invalid_grant"),
        ({"scope": ["openid", "openid"]}, 400, "invalid_request"),
        ({"client_id": "notes", "client_secret": None}, 400, "unauthorized_client"),
    ],
)
def test_a_wrong_request_uses_no_token(browser, clock, changed, status, error):
    token = first_tokens(browser)["refresh_token"]
    answer = refresh(browser, **{"token": token, **changed})
    assert refused(answer, status) == error
    clock.tick(seconds=60)
    refreshed(browser, token)


def test_a_family_ends_with_its_account_or_consent(browser, issuer):
    first = first_tokens(browser)
    issuer.extensions["hooks"].session_ended = True
    assert refused(refresh(browser, first["refresh_token"])) == "invalid_grant"
    assert userinfo(browser, first).status_code == 401
    issuer.extensions["hooks"].session_ended = False
    assert userinfo(browser, first).status_code == 401
    assert refused(refresh(browser, first["refresh_token"])) == "invalid_grant"


def test_an_access_token_without_a_session_needs_that_store(key_ring, clock, codes, families):
    browser = Browser(issuer_app(key_ring, clock, codes, families), None)
    browser.sign_in()
    tokens = first_tokens(browser)
    without = Browser(issuer_app(key_ring, clock, codes), None)
    assert userinfo(browser, tokens).status_code == 200
    assert userinfo(without, tokens).status_code == 401


# What fails, and what is told.


def test_a_store_that_is_down_is_a_503(browser, families):
    token, code = first_tokens(browser)["refresh_token"], code_of(ask(browser, scope=SCOPE))
    families.is_down = True
    for answer in (refresh(browser, token), exchange(browser, code)):
        assert refused(answer, 503) == "temporarily_unavailable"
        assert answer.headers["Retry-After"]
    families.is_down = False
    refreshed(browser, token)


def test_what_cannot_be_signed_costs_no_token(key_directory, clock, tmp_path):
    engine = database_at(f"sqlite:///{tmp_path / 'tokens.sqlite3'}")
    issuer = shared_issuer(engine, key_directory, clock)
    browser = Browser(issuer, None)
    browser.sign_in()
    token = first_tokens(browser)["refresh_token"]

    def fail(*_, **__):
        raise SigningUnavailableError("the key is elsewhere")

    tokens_issued.connect(fail, sender=issuer)
    assert refused(refresh(browser, token), 503) == "temporarily_unavailable"
    tokens_issued.disconnect(fail, sender=issuer)
    clock.tick(minutes=5)
    refreshed(browser, token)
    engine.dispose()


def test_no_refresh_token_reaches_the_log(browser, caplog, clock):
    caplog.set_level("DEBUG")
    first = first_tokens(browser)["refresh_token"]
    second = refreshed(browser, first)["refresh_token"]
    clock.tick(seconds=11)
    refresh(browser, first)
    refresh(browser, second, client_secret="wrong")
    refresh(browser, second, PUBLIC_CLIENT)
    assert caplog.text.count("token request refused") == 3
    assert not [one for one in (first, second, first[:22]) if one in caplog.text]


def test_what_happens_to_refresh_tokens_is_told_to_whoever_counts(browser, issuer, clock):
    token = first_tokens(browser)["refresh_token"]
    told = []
    hears = {
        signal: (lambda sender, name=signal.name, **facts: told.append((name, facts)))
        for signal in (tokens_issued, tokens_refused, refresh_token_reused)
    }
    for signal, listener in hears.items():
        signal.connect(listener, sender=issuer)
    refreshed(browser, token, scope="openid")
    clock.tick(seconds=11)
    refresh(browser, token)
    assert [name for name, _ in told] == ["tokens-issued", "refresh-token-reused", "tokens-refused"]
    assert told[0][1]["grant"].scope == {"openid"}
    assert told[2][1]["error"].code == "refresh_token_reused"


# Many at once.

PROCESSES, THREADS = 2, 10


def engine_of(url):
    patience = {"timeout": 60} if url.startswith("sqlite") else {}
    return create_engine(url, connect_args=patience, pool_size=THREADS)


def database_at(url):
    engine = engine_of(url)
    for store in (SQLCodeStore(engine), SQLRefreshStore(engine)):
        store.create_tables()
    return engine


def lent_by(engine):
    """Lend each thread one transaction at a time, as an application does."""
    thread = threading.local()

    @contextmanager
    def transaction():
        if (opened := getattr(thread, "connection", None)) is not None:
            yield opened
            return
        with engine.begin() as thread.connection:
            try:
                yield thread.connection
            finally:
                thread.connection = None

    return transaction


def shared_issuer(engine, keys, clock=system_clock):
    lent = lent_by(engine)
    kinds = (SQLCodeStore, SQLRefreshStore)
    return issuer_app(
        Path(keys), clock, *(kind(engine, transaction=lent, reading=lent) for kind in kinds)
    )


def refresh_at_once(url, keys, token):
    """Be one of the processes; runs there, see ``in_processes``."""
    engine = engine_of(url)
    browser = Browser(shared_issuer(engine, keys), None)
    print("here", flush=True)  # noqa: T201 - the other process reads it
    sys.stdin.readline()
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda _: refresh(browser, token), range(THREADS)))
    engine.dispose()
    print(json.dumps([[one.status_code, one.get_json()] for one in answers]))  # noqa: T201


REFRESH = f"import sys; from {__name__} import refresh_at_once; refresh_at_once(*sys.argv[1:])"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tokens.sqlite3'}"
    return request.getfixturevalue("postgresql_url")


@pytest.mark.processes
def test_twenty_refreshes_in_two_processes_get_one_successor(url, key_directory):
    engine = database_at(url)
    browser = Browser(shared_issuer(engine, key_directory), None)
    browser.sign_in()
    token = first_tokens(browser)["refresh_token"]
    printed = in_processes(REFRESH, url, str(key_directory), token, processes=PROCESSES)
    answers = [answer for one in printed for answer in json.loads(one)]
    assert [status for status, _ in answers] == [200] * PROCESSES * THREADS
    [successor] = {tokens["refresh_token"] for _, tokens in answers}
    assert len({tokens["access_token"] for _, tokens in answers}) == PROCESSES * THREADS
    families = SQLRefreshStore(engine).families_of("ada", now=0)
    assert len(families) == 1
    assert refreshed(browser, successor)["refresh_token"] not in (token, successor)
    engine.dispose()


def test_an_ended_family_has_no_living_access_token(browser, families):
    every = [first_tokens(browser)]
    every.append(refreshed(browser, every[0]["refresh_token"]))
    [family] = families.families_of("ada", now=0)
    families.end(family_id=family.family_id)
    for tokens in every:
        with pytest.raises(TokenRevokedError):
            families.check_not_revoked(claims_of(tokens["access_token"])["jti"])
