"""Introspection at /introspect: who is told what about which token, and that nothing changes."""

import jwt
import pytest
from sqlalchemy import create_engine, inspect, text

from flask_handoff.errors import (
    CodeStoreUnavailableError,
    RefreshStoreUnavailableError,
    RevokedTokenStoreUnavailableError,
)
from flask_handoff.issuer.clients.assertions import ASSERTION_TYPE
from flask_handoff.signals import refresh_token_reused
from tests.code_client import (
    ask,
    claims_of,
    code_of,
    exchange,
    introspect,
    refresh,
    refused,
    revoke,
)
from tests.library.issued import (
    CLIENTS,
    OF_SERVICE,
    OTHER_SERVICE,
    RESOURCE,
    ROBOT,
    SERVICE,
    Tokens,
    stores_at,
)
from tests.library.test_client_credentials import PUBLIC, assertion
from tests.minimal_pair import (
    CLIENT,
    CODE_CLIENT,
    CODE_CLIENT_SECRET,
    ISSUER,
    PUBLIC_CLIENT,
    Browser,
    issuer_app,
)

INACTIVE = {"active": False}


@pytest.fixture
def stores():
    with stores_at(None) as (made, _):
        yield made


@pytest.fixture
def tokens(key_ring, clock, stores):
    return Tokens(key_ring, clock, stores)


def told(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json


# What is told.


def test_a_client_is_told_about_its_own_access_token(tokens):
    token = tokens.first(scope="openid profile")["access_token"]
    claims = claims_of(token)
    assert told(introspect(tokens.browser, token)) == {
        "active": True,
        "token_type": "Bearer",
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": "ada",
        "client_id": "reader",
        "scope": "openid profile",
        "sid": "a-session-at-server1",
        **{name: claims[name] for name in ("iat", "exp", "jti")},
    }


def test_a_service_is_told_about_a_token_for_its_resource(tokens):
    token = tokens.first(**OF_SERVICE)["access_token"]
    found = told(introspect(tokens.browser, token, SERVICE))
    assert (found["active"], found["aud"], found["scope"]) == (True, RESOURCE, "notes:read")
    assert (found["sub"], found["client_id"]) == ("ada", "reader")
    assert "sid" not in found


def test_a_service_is_told_about_a_service_that_acts_for_itself(tokens):
    found = told(introspect(tokens.browser, tokens.of_robot(), SERVICE))
    assert (found["active"], found["sub"], found["client_id"]) == (True, "robot", "robot")


def test_a_refresh_token_can_be_taken_for_no_access_token(tokens, clock):
    first = tokens.first(**OF_SERVICE)["refresh_token"]
    until = int(clock().timestamp()) + 7 * 24 * 3600
    assert told(introspect(tokens.browser, first)) == {
        "active": True,
        "iss": ISSUER,
        "sub": "ada",
        "client_id": "reader",
        "scope": "notes:read offline_access",
        "exp": until,
    }


def test_a_scope_that_is_empty_is_left_out(tokens):
    first = tokens.first(scope="openid offline_access notes:read")["refresh_token"]
    token = refresh(tokens.browser, first, scope="openid").json["access_token"]
    assert "scope" not in told(introspect(tokens.browser, token, SERVICE))


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "anything"])
def test_a_hint_may_be_wrong(tokens, hint):
    first = tokens.first()
    for which in ("access_token", "refresh_token"):
        assert told(introspect(tokens.browser, first[which], token_type_hint=hint))["active"]


# To whom.


def test_another_client_is_told_nothing(tokens):
    first = tokens.first(**OF_SERVICE)
    for client in (OTHER_SERVICE, ROBOT):
        for which in ("access_token", "refresh_token"):
            assert told(introspect(tokens.browser, first[which], client)) == INACTIVE
    assert told(introspect(tokens.browser, first["refresh_token"], SERVICE)) == INACTIVE
    assert told(introspect(tokens.browser, tokens.of_robot(), CODE_CLIENT)) == INACTIVE


def test_a_token_for_userinfo_is_for_no_service(tokens):
    token = tokens.first()["access_token"]
    assert told(introspect(tokens.browser, token, SERVICE)) == INACTIVE


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"client_secret": None}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "unknown"}, 401, "invalid_client"),
        ({"client_id": "single-page", "client_secret": None}, 401, "invalid_client"),
        ({"client_id": None, "client_secret": None}, 401, "invalid_client"),
        ({"token": None}, 400, "invalid_request"),
        ({"token": ["x", "x"]}, 400, "invalid_request"),
        ({"token_type_hint": ["x", "x"]}, 400, "invalid_request"),
        ({"headers": {"Authorization": "Basic eDp5"}}, 400, "invalid_request"),
    ],
)
def test_a_wrong_request_is_told_nothing(tokens, changed, status, error):
    answer = introspect(tokens.browser, **{"token": tokens.first()["access_token"], **changed})
    assert refused(answer, status) == error


def test_a_public_client_learns_nothing_of_its_own_token(tokens):
    token = tokens.first(PUBLIC_CLIENT)["access_token"]
    assert refused(introspect(tokens.browser, token, PUBLIC_CLIENT), 401) == "invalid_client"


def test_no_script_of_another_site_may_ask(tokens):
    answer = introspect(tokens.browser, "x")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_service_with_nothing_but_its_key_may_ask(key_ring, clock, stores):
    notes = {**CLIENT, "client_id": "report", "public_keys": [PUBLIC["report"]]}
    notes |= {"resource": RESOURCE, "scopes": SERVICE["scopes"]}
    settings = {"HANDOFF_CLIENTS": [notes, CODE_CLIENT, PUBLIC_CLIENT]}
    tokens = Tokens(key_ring, clock, stores, **settings)
    form = {"token": tokens.first(**OF_SERVICE)["access_token"]}
    form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion(clock)}
    answers = [
        tokens.browser.post(f"{ISSUER}/introspect", form, sends_cookies=False) for _ in range(2)
    ]
    assert told(answers[0])["active"]
    assert refused(answers[1], 401) == "invalid_client"


# Which tokens are active.


def test_an_access_token_is_active_as_long_as_it_is_accepted(tokens, clock):
    first = tokens.first()
    clock.tick(minutes=10, seconds=4)
    assert told(introspect(tokens.browser, first["access_token"]))["active"]
    assert tokens.is_alive(first)
    clock.tick(seconds=1)
    assert told(introspect(tokens.browser, first["access_token"])) == INACTIVE


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_what_was_revoked_is_not_active(tokens, which):
    first = tokens.first(**OF_SERVICE)
    revoke(tokens.browser, first[which])
    found = [told(introspect(tokens.browser, first[name])) for name in (which, "access_token")]
    assert found == [INACTIVE] * 2
    is_active = told(introspect(tokens.browser, first["refresh_token"]))["active"]
    assert is_active == (which == "access_token")


def test_what_came_of_a_code_used_twice_is_not_active(tokens):
    code = code_of(ask(tokens.browser, scope="openid offline_access"))
    first = exchange(tokens.browser, code).json
    exchange(tokens.browser, code)
    for which in ("access_token", "refresh_token"):
        assert told(introspect(tokens.browser, first[which])) == INACTIVE


@pytest.mark.parametrize("scope", ["openid", "openid offline_access"], ids=["session", "away"])
def test_what_its_user_has_ended_is_not_active(tokens, scope):
    first = tokens.first(scope=scope)
    tokens.app.extensions["hooks"].session_ended = True
    for which in first.keys() & {"access_token", "refresh_token"}:
        assert told(introspect(tokens.browser, first[which])) == INACTIVE


def test_what_a_removed_client_holds_is_not_active(key_ring, clock, stores):
    tokens = Tokens(key_ring, clock, stores)
    held = [tokens.first(**OF_SERVICE)["access_token"], tokens.of_robot()]
    remaining = [client for client in CLIENTS if client not in (CODE_CLIENT, ROBOT)]
    after = Tokens(key_ring, clock, stores, HANDOFF_CLIENTS=remaining)
    for token in held:
        assert told(introspect(tokens.browser, token, SERVICE))["active"]
        assert told(introspect(after.browser, token, SERVICE)) == INACTIVE


def test_a_replaced_refresh_token_is_active_within_the_grace(tokens, clock):
    first = tokens.first()["refresh_token"]
    second = refresh(tokens.browser, first).json["refresh_token"]
    clock.tick(seconds=10)
    assert told(introspect(tokens.browser, first))["active"]
    clock.tick(seconds=1)
    assert told(introspect(tokens.browser, first)) == INACTIVE
    assert told(introspect(tokens.browser, second))["active"]


@pytest.mark.parametrize("token", ["x", "r" * 65, "a.b.c", "e" * 5000, "\u00df" * 65])
def test_what_is_no_token_of_ours_is_not_active(tokens, token):
    assert told(introspect(tokens.browser, token)) == INACTIVE


def test_a_token_for_several_services_is_not_active(tokens, key_ring):
    claims = {**claims_of(tokens.first()["access_token"]), "aud": [RESOURCE, ISSUER]}
    key = key_ring.signing_key
    headers = {"kid": key.kid, "typ": "at+jwt"}
    token = jwt.encode(claims, key.private_key, algorithm="RS256", headers=headers)
    assert told(introspect(tokens.browser, token)) == INACTIVE


def test_where_services_alone_get_tokens_no_user_has_one(key_ring, clock, stores):
    app = issuer_app(key_ring, clock, None, None, *stores[2:], HANDOFF_CLIENTS=[SERVICE, ROBOT])
    form = {"grant_type": "client_credentials", "client_id": "robot"}
    form |= {"client_secret": CODE_CLIENT_SECRET}
    program = Browser(app, None)
    own = program.post(f"{ISSUER}/token", form, sends_cookies=False).json["access_token"]
    assert told(introspect(program, own, SERVICE))["active"]
    of_user = app.extensions["handoff_issuer"].minter.mint_access(
        subject="ada",
        client_id="robot",
        audience=RESOURCE,
        scope=frozenset({"notes:read"}),
        session_id="a-session",
        jwt_id="j" * 43,
    )
    assert told(introspect(program, of_user, SERVICE)) == INACTIVE
    for token in (own, "r" * 65):
        assert revoke(program, token, ROBOT).status_code == 200
    assert told(introspect(program, own, SERVICE)) == INACTIVE
    assert told(introspect(program, "r" * 65, SERVICE)) == INACTIVE


def test_codes_and_id_tokens_are_not_active(tokens):
    code = code_of(ask(tokens.browser))
    for token in (code, tokens.first()["id_token"]):
        assert told(introspect(tokens.browser, token)) == INACTIVE
    assert exchange(tokens.browser, code).status_code == 200


# Nothing changes by it.


def test_to_ask_about_a_used_refresh_token_ends_nothing(tokens, clock):
    heard = []
    listener = lambda sender, **facts: heard.append(facts)  # noqa: E731
    refresh_token_reused.connect(listener, sender=tokens.app)
    first = tokens.first()["refresh_token"]
    second = refresh(tokens.browser, first).json
    clock.tick(minutes=1)
    assert told(introspect(tokens.browser, first)) == INACTIVE
    assert heard == []
    assert tokens.is_alive(second)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return f"sqlite:///{tmp_path / 'tokens.sqlite3'}"


def test_it_reads_in_one_transaction_and_writes_nothing(url, key_ring, clock):
    with stores_at(url) as (stores, lent):
        tokens = Tokens(key_ring, clock, stores)
        first, robot = tokens.first(), tokens.of_robot()
        clock.tick(hours=1)
        second = refresh(tokens.browser, first["refresh_token"]).json
        before, lent.wrote = all_rows(url), False
        for token in (*first.values(), *second.values(), robot, "x"):
            for client in (CODE_CLIENT, SERVICE):
                lent.begun = 0
                introspect(tokens.browser, str(token), client)
                assert lent.begun == 1
        assert not lent.wrote
        assert all_rows(url) == before


def all_rows(url):
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            table: sorted(map(repr, connection.execute(text(f"SELECT * FROM {table}"))))  # noqa: S608
            for table in inspect(connection).get_table_names()
        }
    engine.dispose()
    return found


@pytest.mark.parametrize(
    ("which", "number", "error"),
    [
        ("access_token", 0, CodeStoreUnavailableError),
        ("access_token", 1, RefreshStoreUnavailableError),
        ("access_token", 3, RevokedTokenStoreUnavailableError),
        ("refresh_token", 1, RefreshStoreUnavailableError),
    ],
)
def test_a_store_that_is_down_is_a_503(tokens, stores, which, number, error):
    first = tokens.first()
    stores[number].error = error
    answer = introspect(tokens.browser, first[which])
    assert refused(answer, 503) == "temporarily_unavailable"
    assert answer.headers["Retry-After"]
