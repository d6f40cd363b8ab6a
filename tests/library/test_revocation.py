"""Revocation at /revoke: what a client ends, what lives on, and what is told about it."""

import pytest

from flask_handoff.errors import (
    CodeStoreUnavailableError,
    RefreshStoreUnavailableError,
    RevokedTokenStoreUnavailableError,
)
from flask_handoff.signals import token_revoked, tokens_refused
from flask_handoff.stores import MemoryCodeStore
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
    ROBOT,
    SERVICE,
    Tokens,
    stores_at,
)
from tests.minimal_pair import CODE_CLIENT, ISSUER, PUBLIC_CLIENT, Browser, issuer_app

BOTH = pytest.mark.parametrize("client", [CODE_CLIENT, PUBLIC_CLIENT], ids=["secret", "public"])


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def any_url(request, tmp_path):
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return None if request.param == "memory" else f"sqlite:///{tmp_path / 'tokens.sqlite3'}"


@pytest.fixture
def tokens_in_any(any_url, key_ring, clock):
    with stores_at(any_url) as (stores, _):
        yield Tokens(key_ring, clock, stores)


@pytest.fixture
def stores():
    with stores_at(None) as (made, _):
        yield made


@pytest.fixture
def tokens(key_ring, clock, stores):
    return Tokens(key_ring, clock, stores)


@pytest.fixture
def told(tokens):
    heard = []
    listener = lambda sender, **facts: heard.append(facts)  # noqa: E731
    token_revoked.connect(listener, sender=tokens.app)
    yield heard
    token_revoked.disconnect(listener, sender=tokens.app)


def is_done(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {}
    return True


# What ends.


@BOTH
def test_a_refresh_token_ends_its_whole_family(tokens_in_any, client):
    tokens, browser = tokens_in_any, tokens_in_any.browser
    first, other = tokens.first(client), tokens.first(client)
    second = refresh(browser, first["refresh_token"], client).json
    assert is_done(revoke(browser, second["refresh_token"], client))
    for each in (first, second):
        assert refused(refresh(browser, each["refresh_token"], client)) == "invalid_grant"
        assert not tokens.is_alive(each)
    assert tokens.is_alive(other)
    assert refresh(browser, other["refresh_token"], client).status_code == 200


def test_an_older_refresh_token_ends_the_family_as_well(tokens, clock):
    first = tokens.first()
    second = refresh(tokens.browser, first["refresh_token"]).json
    clock.tick(minutes=5)
    assert is_done(revoke(tokens.browser, first["refresh_token"]))
    assert refused(refresh(tokens.browser, second["refresh_token"])) == "invalid_grant"


def test_a_revoked_family_is_not_revived_within_the_grace(tokens):
    first = tokens.first()["refresh_token"]
    second = refresh(tokens.browser, first).json["refresh_token"]
    revoke(tokens.browser, second)
    assert refused(refresh(tokens.browser, first)) == "invalid_grant"


@BOTH
def test_an_access_token_ends_alone(tokens_in_any, client):
    tokens, browser = tokens_in_any, tokens_in_any.browser
    first = tokens.first(client)
    second = refresh(browser, first["refresh_token"], client).json
    assert is_done(revoke(browser, first["access_token"], client))
    assert not tokens.is_alive(first)
    assert tokens.is_alive(second)
    assert tokens.is_alive(refresh(browser, second["refresh_token"], client).json)


def test_an_access_token_of_a_session_ends_alone(tokens_in_any):
    one, other = (tokens_in_any.first(scope="openid") for _ in range(2))
    assert is_done(revoke(tokens_in_any.browser, one["access_token"]))
    assert not tokens_in_any.is_alive(one)
    assert tokens_in_any.is_alive(other)


def test_a_service_revokes_its_own_access_token(tokens_in_any):
    token, browser = tokens_in_any.of_robot(), tokens_in_any.browser
    assert introspect(browser, token, SERVICE).json["active"]
    assert is_done(revoke(browser, token, ROBOT))
    assert not introspect(browser, token, SERVICE).json["active"]


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "id_token", "anything else"])
def test_a_hint_may_be_wrong(tokens, hint):
    first, second = tokens.first(), tokens.first()
    is_done(revoke(tokens.browser, first["refresh_token"], token_type_hint=hint))
    is_done(revoke(tokens.browser, second["access_token"], token_type_hint=hint))
    assert not tokens.is_alive(first)
    assert not tokens.is_alive(second)


def test_it_is_dead_as_long_as_it_could_be_used(tokens, stores, clock):
    first = tokens.first()
    clock.tick(minutes=9)
    revoke(tokens.browser, first["access_token"])
    clock.tick(minutes=1, seconds=4)  # within the leeway
    revoke(tokens.browser, tokens.first()["access_token"])  # which forgets what has expired
    assert not tokens.is_alive(first)
    forget_at = stores[3]._forget_at[claims_of(first["access_token"])["jti"]]
    assert forget_at == claims_of(first["access_token"])["exp"] + 65


# What does not.


UNKNOWN = {
    "not of any form": "x",
    "a refresh token's form": "r" * 65,
    "a code's form": "c" * 43,
    "a token's form": "a.b.c",
    "too long": "e" * 5000,
    "not ASCII": "\u00df\U0001f511" * 20,
    "with a line break": "r" * 64 + "\n",
}


@pytest.mark.parametrize("token", UNKNOWN.values(), ids=list(UNKNOWN))
def test_what_is_no_token_of_ours_is_done_already(tokens, told, token):
    assert is_done(revoke(tokens.browser, token))
    assert told == []


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_another_clients_token_lives_on(tokens, told, which):
    first = tokens.first()
    for client in (PUBLIC_CLIENT, SERVICE, ROBOT):
        assert is_done(revoke(tokens.browser, first[which], client))
    assert told == []
    assert tokens.is_alive(first)
    assert refresh(tokens.browser, first["refresh_token"]).status_code == 200


def test_a_service_ends_no_token_that_is_merely_for_it(tokens):
    first = tokens.first(**OF_SERVICE)
    is_done(revoke(tokens.browser, first["access_token"], SERVICE))
    assert introspect(tokens.browser, first["access_token"]).json["active"]


def test_a_code_is_unknown_and_stays_good(tokens):
    code = code_of(ask(tokens.browser))
    is_done(revoke(tokens.browser, code))
    assert exchange(tokens.browser, code).status_code == 200


def test_an_id_token_ends_nothing(tokens, told):
    first = tokens.first()
    is_done(revoke(tokens.browser, first["id_token"]))
    assert told == []
    assert tokens.is_alive(first)


def test_what_has_expired_is_done_already(tokens, told, clock):
    first = tokens.first(scope="openid")
    clock.tick(minutes=10, seconds=5)
    assert is_done(revoke(tokens.browser, first["access_token"]))
    assert told == []


# Who asks.


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"client_secret": None}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "unknown"}, 401, "invalid_client"),
        ({"client_id": None, "client_secret": None}, 401, "invalid_client"),
        ({"client_id": PUBLIC_CLIENT["client_id"]}, 401, "invalid_client"),
        ({"token": None}, 400, "invalid_request"),
        ({"token": ["r" * 65, "r" * 65]}, 400, "invalid_request"),
        ({"token_type_hint": ["access_token"] * 2}, 400, "invalid_request"),
        ({"headers": {"Authorization": "Basic eDp5"}}, 400, "invalid_request"),
    ],
)
def test_a_wrong_request_ends_nothing(tokens, changed, status, error):
    first = tokens.first()
    answer = revoke(tokens.browser, **{"token": first["refresh_token"], **changed})
    assert refused(answer, status) == error
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert tokens.is_alive(first)


def test_a_token_in_a_query_is_not_taken(tokens):
    first = tokens.first()
    query = {"token": first["refresh_token"], "client_id": "single-page"}
    answer = tokens.browser.post(f"{ISSUER}/revoke", {"client_id": "x"}, query_string=query)
    assert refused(answer) == "invalid_request"
    assert tokens.browser.get(f"{ISSUER}/revoke", query_string=query).status_code == 405
    assert tokens.is_alive(first)


def test_a_script_of_any_site_may_revoke_its_own_token(tokens):
    answer = revoke(tokens.browser, tokens.first(PUBLIC_CLIENT)["refresh_token"], PUBLIC_CLIENT)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


# What fails, and what is told.


@pytest.mark.parametrize(
    ("which", "number", "error"),
    [
        ("access_token", 0, CodeStoreUnavailableError),
        ("access_token", 1, RefreshStoreUnavailableError),
        ("access_token", 3, RevokedTokenStoreUnavailableError),
        ("refresh_token", 1, RefreshStoreUnavailableError),
    ],
)
def test_a_store_that_is_down_is_a_503(tokens, stores, told, which, number, error):
    first = tokens.first()
    stores[number].error = error
    answer = revoke(tokens.browser, first[which])
    assert refused(answer, 503) == "temporarily_unavailable"
    assert answer.headers["Retry-After"]
    assert told == []
    stores[number].error = None
    assert tokens.is_alive(first)
    is_done(revoke(tokens.browser, first[which]))
    assert len(told) == 1


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_what_the_application_cannot_note_is_not_done(which, key_ring, clock, tmp_path):
    def fail(*_, **__):
        raise CodeStoreUnavailableError("the audit log failed")

    with stores_at(f"sqlite:///{tmp_path / 'tokens.sqlite3'}") as (made, _):
        tokens = Tokens(key_ring, clock, made)
        first = tokens.first()
        token_revoked.connect(fail, sender=tokens.app)
        assert refused(revoke(tokens.browser, first[which]), 503) == "temporarily_unavailable"
        token_revoked.disconnect(fail, sender=tokens.app)
        assert tokens.is_alive(first)


def test_the_application_is_told_once_what_ended(tokens, told):
    first, second = tokens.first(), tokens.first()
    for _ in range(2):
        revoke(tokens.browser, first["access_token"])
        revoke(tokens.browser, second["refresh_token"])
    by_token, by_family = told
    jwt_id = claims_of(first["access_token"])["jti"]
    assert (by_token["client"].client_id, by_token["revoked"].jwt_id) == ("reader", jwt_id)
    assert by_family["revoked"].family_id == claims_of(second["access_token"])["jti"][:24]
    secrets = [first["access_token"], second["refresh_token"]]
    assert not [one for one in secrets if one in repr(told)]


def test_no_token_reaches_the_log(tokens, caplog):
    caplog.set_level("DEBUG")
    first = tokens.first()
    presented = [*(first[name] for name in ("access_token", "refresh_token", "id_token"))]
    for token in presented:
        revoke(tokens.browser, token, client_secret="wrong")
        revoke(tokens.browser, token, PUBLIC_CLIENT)
        introspect(tokens.browser, token, SERVICE)
        revoke(tokens.browser, token)
        introspect(tokens.browser, token)
    assert caplog.text.count("revocation request refused: code=client_authentication") == 3
    assert caplog.text.count("nothing revoked: client_id=single-page") == 3
    assert not [one for one in presented if one in caplog.text or one[-40:] in caplog.text]


def test_a_refusal_is_told_to_whoever_counts(tokens):
    heard = []
    listener = lambda sender, **facts: heard.append(facts["error"].code)  # noqa: E731
    tokens_refused.connect(listener, sender=tokens.app)
    revoke(tokens.browser, "x", client_secret="wrong")
    introspect(tokens.browser, "x", client_secret="wrong")
    assert heard == ["client_authentication"] * 2


# Where there is such an endpoint.


def test_the_metadata_announces_both(tokens):
    document = tokens.browser.get(f"{ISSUER}/.well-known/oauth-authorization-server").json
    secret = ["client_secret_basic", "client_secret_post"]
    for name, path, methods in (
        ("revocation", "revoke", ["private_key_jwt", *secret, "none"]),
        ("introspection", "introspect", ["private_key_jwt", *secret]),
    ):
        assert document[f"{name}_endpoint"] == f"{ISSUER}/{path}"
        assert document[f"{name}_endpoint_auth_methods_supported"] == methods
        assert document[f"{name}_endpoint_auth_signing_alg_values_supported"] == ["RS256"]


@pytest.mark.parametrize("issues_codes", [True, False])
def test_an_issuer_without_the_store_announces_neither(key_ring, clock, stores, issues_codes):
    revoked_tokens = None if issues_codes else stores[3]
    codes = MemoryCodeStore() if issues_codes else None
    app = issuer_app(key_ring, clock, codes, revoked_tokens=revoked_tokens, HANDOFF_CLIENTS=CLIENTS)
    browser = Browser(app, None)
    document = browser.get(f"{ISSUER}/.well-known/openid-configuration").json
    assert not [name for name in document if name.startswith(("revocation", "introspection"))]
    for path in ("revoke", "introspect"):
        assert browser.post(f"{ISSUER}/{path}").status_code == 404


def test_an_operator_without_a_store_of_revoked_tokens_is_told_so(key_ring, clock):
    app = issuer_app(key_ring, clock, MemoryCodeStore())
    with app.app_context(), pytest.raises(RuntimeError, match="no revoked_tokens"):
        app.extensions["handoff"].revoke_token("an access token")
