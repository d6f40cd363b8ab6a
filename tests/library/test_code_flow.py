"""The code flow at the issuer: /authorize answers with a code, /token exchanges it."""

from typing import Any

import jwt
import pytest

from flask_handoff import AccessDeniedError
from flask_handoff.errors import CodeStoreUnavailableError, TokenRevokedError
from flask_handoff.signals import tokens_issued, tokens_refused
from flask_handoff.stores import MemoryCodeStore, MemoryRevokedTokenStore
from flask_handoff.web import limit_bodies
from tests.code_client import CHALLENGE, VERIFIER, ask, claims_of, code_of, exchange, refused
from tests.minimal_pair import (
    CLIENT,
    CODE_CLIENT,
    CODE_CLIENT_SECRET,
    ISSUER,
    PUBLIC_CLIENT,
    Browser,
    Form,
    issuer_app,
    query_of,
)

NOTES = "https://notes.example.com"
FILES = "https://files.example.com"
SERVICES = [
    {"client_id": "n", "name": "N", "redirect_uris": [], "resource": NOTES, "scopes": ["notes:r"]},
    {"client_id": "f", "name": "F", "redirect_uris": [], "resource": FILES, "scopes": ["files:r"]},
]


class Codes(MemoryCodeStore):
    """A store that can be out of reach."""

    is_down = False

    def keep(self, *arguments, **options):
        self._reach()
        super().keep(*arguments, **options)

    def redeem(self, *arguments, **options):
        self._reach()
        return super().redeem(*arguments, **options)

    def _reach(self):
        if self.is_down:
            raise CodeStoreUnavailableError("the database failed")


@pytest.fixture
def codes():
    return Codes()


@pytest.fixture
def issuer(key_ring, clock, codes):
    clients = [CLIENT, CODE_CLIENT, PUBLIC_CLIENT, *SERVICES]
    return issuer_app(key_ring, clock, codes, HANDOFF_CLIENTS=clients)


@pytest.fixture
def browser(issuer):
    """A browser in which somebody is signed in at the issuer."""
    browser = Browser(issuer, None)
    browser.sign_in()
    return browser


def test_a_code_is_exchanged_for_an_id_token_and_an_access_token(browser, key_ring, clock):
    answer = exchange(browser, code_of(ask(browser, nonce="a-nonce")))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    tokens = answer.get_json()
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "scope", "id_token"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 600)
    assert tokens["scope"].split() == ["email", "openid", "profile"]
    headers = [jwt.get_unverified_header(tokens[name]) for name in ("id_token", "access_token")]
    assert [header["typ"] for header in headers] == ["JWT", "at+jwt"]
    key = key_ring.key(headers[0]["kid"]).public_key
    options: Any = {"verify_exp": False, "verify_iat": False}
    about = jwt.decode(
        tokens["id_token"], key, ["RS256"], options, audience="reader", issuer=ISSUER
    )
    assert (about["sub"], about["nonce"], about["name"]) == ("ada", "a-nonce", "Ada")
    assert about["auth_time"] == int(clock.now.timestamp())  # when the code was granted, not later
    access = jwt.decode(
        tokens["access_token"], key, ["RS256"], options, audience=ISSUER, issuer=ISSUER
    )
    assert (access["sub"], access["client_id"]) == ("ada", "reader")
    assert access["sid"] == about["sid"]
    assert access["exp"] - access["iat"] == 600


def test_an_answer_carries_state_and_issuer_and_no_token(browser):
    answer = ask(browser)
    assert answer.status_code == 303
    assert query_of(answer.location).keys() == {"code", "state", "iss"}
    assert query_of(answer.location)["iss"] == ISSUER
    assert len(query_of(answer.location)["code"]) == 43


def test_a_code_may_be_posted_to_its_client(browser):
    form = Form(ask(browser, response_mode="form_post").text)
    assert form.action == CODE_CLIENT["redirect_uris"][0]
    assert form.fields.keys() == {"code", "state", "iss"}


def test_a_request_may_be_posted(browser):
    answer = ask(browser, method="POST")
    assert code_of(browser.get(ISSUER + answer.location))


def test_a_public_client_exchanges_its_code_with_a_verifier(browser):
    answer = exchange(browser, code_of(ask(browser, PUBLIC_CLIENT), PUBLIC_CLIENT), PUBLIC_CLIENT)
    assert claims_of(answer.get_json()["id_token"])["aud"] == "single-page"


def test_a_client_with_a_secret_may_use_pkce_as_well(browser):
    code = code_of(ask(browser, code_challenge=CHALLENGE))
    assert exchange(browser, code, code_verifier=VERIFIER).status_code == 200


@pytest.mark.parametrize("redirect_uri", ["com.example.app:/x", "http://127.0.0.1:51004/x"])
def test_an_app_gets_its_code_on_its_own_machine(key_ring, clock, codes, redirect_uri):
    app = {
        **PUBLIC_CLIENT,
        "native": True,
        "redirect_uris": ["com.example.app:/x", "http://127.0.0.1/x"],
    }
    issuer = issuer_app(key_ring, clock, codes, HANDOFF_CLIENTS=[app])
    browser = Browser(issuer, None)
    browser.sign_in()
    answer = ask(browser, app, redirect_uri=redirect_uri)
    assert answer.location.startswith(f"{redirect_uri}?code=")
    code = query_of(answer.location)["code"]
    assert exchange(browser, code, app, redirect_uri=redirect_uri).status_code == 200
    assert ask(browser, app, response_mode="form_post").status_code == 400


def test_without_openid_there_is_no_id_token(browser):
    tokens = exchange(browser, code_of(ask(browser, scope="notes:r"))).get_json()
    assert "id_token" not in tokens
    assert claims_of(tokens["access_token"])["aud"] == NOTES


def test_without_a_nonce_the_id_token_has_none(browser):
    tokens = exchange(browser, code_of(ask(browser))).get_json()
    assert "nonce" not in claims_of(tokens["id_token"])


def test_what_is_asked_for_is_narrowed_to_what_is_granted(browser, issuer):
    issuer.extensions["hooks"].grants = frozenset({"openid", "profile"})
    tokens = exchange(browser, code_of(ask(browser))).get_json()
    assert tokens["scope"] == "openid profile"
    assert "email" not in claims_of(tokens["id_token"])
    assert claims_of(tokens["access_token"])["scope"] == "openid profile"


@pytest.mark.parametrize(
    ("asked", "audience", "scope"),
    [
        ({"scope": "openid notes:r"}, NOTES, "notes:r"),
        ({"scope": "openid files:r"}, FILES, "files:r"),
        ({"scope": "openid", "resource": NOTES}, NOTES, None),
        ({"scope": "openid email", "resource": ISSUER}, ISSUER, "email openid"),
    ],
)
def test_an_access_token_has_one_audience(browser, asked, audience, scope):
    tokens = exchange(browser, code_of(ask(browser, **asked))).get_json()
    claims = claims_of(tokens["access_token"])
    assert (claims["aud"], claims.get("scope")) == (audience, scope)


# What /authorize refuses. Only a request whose return address is good is answered there.


@pytest.mark.parametrize(
    ("client", "changed", "error"),
    [
        (PUBLIC_CLIENT, {"code_challenge": None}, "invalid_request"),
        (PUBLIC_CLIENT, {"code_challenge_method": "plain"}, "invalid_request"),
        (PUBLIC_CLIENT, {"code_challenge_method": ""}, "invalid_request"),
        (PUBLIC_CLIENT, {"code_challenge": "c" * 42}, "invalid_request"),
        (PUBLIC_CLIENT, {"code_challenge": "c" * 42 + "="}, "invalid_request"),
        (CODE_CLIENT, {"code_challenge_method": "S256"}, "invalid_request"),
        (
            CODE_CLIENT,
            {"response_type": "id_token", "response_mode": "query"},
            "unauthorized_client",
        ),
        (CODE_CLIENT, {"response_type": "hybrid"}, "unsupported_response_type"),
        (CODE_CLIENT, {"response_type": None}, "invalid_request"),
        (CODE_CLIENT, {"scope": None}, "invalid_scope"),
        (CODE_CLIENT, {"scope": 'openid "'}, "invalid_scope"),
        (CODE_CLIENT, {"nonce": "a b"}, "invalid_request"),
        (CODE_CLIENT, {"scope": "notes:r files:r"}, "invalid_target"),
        (CODE_CLIENT, {"scope": "notes:r", "resource": FILES}, "invalid_target"),
        (CODE_CLIENT, {"resource": "https://unknown.example.com"}, "invalid_target"),
        (CODE_CLIENT, {"resource": [NOTES, FILES]}, "invalid_target"),
        (CODE_CLIENT, {"request": "eyJ"}, "request_not_supported"),
        (CODE_CLIENT, {"prompt": "none login"}, "invalid_request"),
        (CODE_CLIENT, {"prompt": "none", "max_age": "0"}, "login_required"),
    ],
)
def test_an_unmet_request_goes_back_to_its_client(browser, client, changed, error, clock):
    clock.tick(seconds=1)
    answer = ask(browser, client, **changed)
    fields = query_of(answer.location)
    assert answer.location.startswith(client["redirect_uris"][0])
    assert (fields["error"], fields["state"], fields["iss"]) == (error, "a-state", ISSUER)
    assert "code" not in fields


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "unknown"},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": None},
        {"response_mode": "fragment"},
        {"response_mode": "web_message"},
        {"response_type": "code id_token"},
        {"response_type": "token"},
        {"state": "s" * 4097},
    ],
)
def test_a_request_without_a_good_return_address_gets_a_page(browser, changed):
    answer = ask(browser, **changed)
    assert answer.status_code == 400
    assert answer.location is None


def test_a_request_that_cannot_be_met_asks_nobody_to_sign_in(issuer):
    answer = ask(Browser(issuer, None), scope="notes:r files:r")
    assert query_of(answer.location)["error"] == "invalid_target"


@pytest.mark.parametrize("name", ["request", "request_uri", "registration", "prompt", "resource"])
def test_a_parameter_without_a_value_is_absent(browser, name):
    assert code_of(ask(browser, **{name: ""}))


def test_a_long_state_comes_back_whole(browser):
    state = "\u00df \r\n<>&" + "s" * 4000
    assert query_of(ask(browser, state=state).location)["state"] == state


def test_an_issuer_without_codes_says_so_to_its_client(key_ring, clock):
    issuer = issuer_app(key_ring, clock, HANDOFF_CLIENTS=[CODE_CLIENT])
    browser = Browser(issuer, None)
    browser.sign_in()
    assert query_of(ask(browser).location)["error"] == "unsupported_response_type"
    assert exchange(browser, "c" * 43).status_code == 404


# Before a code is issued: sign-in, then consent, then what the user may do.


def test_the_user_signs_in_before_a_code_is_issued(issuer):
    browser = Browser(issuer, None)
    to_sign_in = ask(browser, login_hint="ada@example.com")
    assert browser.get(ISSUER + to_sign_in.location).get_json()["client"] == "Reader"
    signed_in = browser.post(ISSUER + to_sign_in.location, {"subject": "ada"})
    assert code_of(browser.get(ISSUER + signed_in.location))


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
def test_a_client_may_ask_for_a_new_sign_in(browser, clock, prompt):
    clock.tick(seconds=1)
    to_sign_in = ask(browser, prompt=prompt)
    assert to_sign_in.location.startswith("/login?")


def test_the_user_is_asked_for_consent(browser, issuer):
    issuer.extensions["hooks"].agreed_at = None
    to_consent = ask(browser)
    assert to_consent.location.startswith("/consent?")
    assert browser.get(ISSUER + to_consent.location).get_json()["client"] == "Reader"
    agreed = browser.post(ISSUER + to_consent.location)
    assert code_of(browser.get(ISSUER + agreed.location))
    assert code_of(ask(browser))


def test_a_user_who_does_not_agree_is_led_back(browser, issuer):
    issuer.extensions["hooks"].agreed_at = None
    to_consent = ask(browser)
    denied = browser.post(ISSUER + to_consent.location, {"denies": "1"})
    assert query_of(denied.location)["error"] == "access_denied"
    assert query_of(denied.location)["state"] == "a-state"


def test_consent_that_may_not_be_asked_for_is_told_to_the_client(browser, issuer):
    issuer.extensions["hooks"].agreed_at = None
    assert query_of(ask(browser, prompt="none").location)["error"] == "consent_required"


def test_a_client_may_have_consent_asked_for_again(browser, clock):
    clock.tick(seconds=1)
    to_consent = ask(browser, prompt="consent")
    assert to_consent.location.startswith("/consent?")
    agreed = browser.post(ISSUER + to_consent.location)
    assert code_of(browser.get(ISSUER + agreed.location))


def test_a_first_party_client_needs_no_consent(key_ring, clock, codes):
    own = {**CODE_CLIENT, "first_party": True}
    issuer = issuer_app(key_ring, clock, codes, HANDOFF_CLIENTS=[own])
    issuer.extensions["hooks"].agreed_at = None
    browser = Browser(issuer, None)
    browser.sign_in()
    assert code_of(ask(browser))


def test_a_user_who_may_not_enter_gets_no_code(browser, issuer):
    issuer.extensions["hooks"].denies = AccessDeniedError()
    assert query_of(ask(browser).location)["error"] == "access_denied"


# What /token refuses. Each spends the code, and nothing else.


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uri": None}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:5003/other"}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_grant"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": CHALLENGE}, "invalid_grant"),
        ({"code_verifier": "v" * 42}, "invalid_grant"),
        ({"code_verifier": ["v" * 43, "v" * 43]}, "invalid_request"),
        ({"resource": NOTES}, "invalid_target"),
        ({"resource": [ISSUER, NOTES]}, "invalid_target"),
    ],
)
def test_a_code_with_a_wrong_request_is_spent(browser, changed, error):
    code = code_of(ask(browser, PUBLIC_CLIENT), PUBLIC_CLIENT)
    assert refused(exchange(browser, code, PUBLIC_CLIENT, **changed)) == error
    assert refused(exchange(browser, code, PUBLIC_CLIENT)) == "invalid_grant"


@pytest.mark.parametrize("named", [NOTES, f"{NOTES}/", [NOTES, NOTES]], ids=["as is", "/", "twice"])
def test_the_resource_of_the_code_may_be_named_again(browser, named):
    code = code_of(ask(browser, resource=named))
    assert exchange(browser, code, resource=named).status_code == 200


def test_a_verifier_without_a_challenge_is_refused(browser):
    assert refused(exchange(browser, code_of(ask(browser)), code_verifier=VERIFIER)) == (
        "invalid_grant"
    )


def test_another_clients_code_is_refused(browser):
    code = code_of(ask(browser, code_challenge=CHALLENGE))
    answer = exchange(browser, code, PUBLIC_CLIENT, redirect_uri=CODE_CLIENT["redirect_uris"][0])
    assert refused(answer) == "invalid_grant"


@pytest.mark.parametrize(
    "code", ["c" * 43, "c", "c" * 5000, "\u00df" * 43, "eyJ.eyJ.x", "c" * 42 + "\n"]
)
def test_an_unknown_code_is_refused(browser, code):
    assert refused(exchange(browser, code)) == "invalid_grant"


def test_an_expired_code_is_refused(browser, clock):
    code = code_of(ask(browser))
    clock.tick(seconds=60)
    assert refused(exchange(browser, code)) == "invalid_grant"


def test_a_second_use_revokes_the_first_ones_access_token(browser, codes):
    code = code_of(ask(browser))
    tokens = exchange(browser, code).get_json()
    jwt_id = claims_of(tokens["access_token"])["jti"]
    codes.check_not_revoked(jwt_id)
    assert refused(exchange(browser, code)) == "invalid_grant"
    with pytest.raises(TokenRevokedError):
        codes.check_not_revoked(jwt_id)


def test_two_tabs_that_mix_up_their_verifiers_end_nothing_else(browser, caplog):
    first, second = (code_of(ask(browser, PUBLIC_CLIENT), PUBLIC_CLIENT) for _ in range(2))
    wrong = exchange(browser, first, PUBLIC_CLIENT, code_verifier="w" * 43)
    assert refused(wrong) == "invalid_grant"
    assert "code=code_verifier" in caplog.text
    assert exchange(browser, second, PUBLIC_CLIENT).status_code == 200


def test_a_code_is_worth_nothing_once_its_session_has_ended(browser, issuer):
    code = code_of(ask(browser))
    issuer.extensions["hooks"].session_ended = True
    assert refused(exchange(browser, code)) == "invalid_grant"


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"client_id": "unknown"}, 401, "invalid_client"),
        ({"client_id": None, "client_secret": None}, 401, "invalid_client"),
        ({"client_id": ["reader", "reader"]}, 400, "invalid_request"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ["authorization_code"] * 2}, 400, "invalid_request"),
        ({"code": None}, 400, "invalid_request"),
        ({"code": ""}, 400, "invalid_request"),
        ({"client_id": "notes", "client_secret": None}, 400, "unauthorized_client"),
    ],
)
def test_a_request_that_never_reaches_a_code_spends_none(browser, changed, status, error):
    code = code_of(ask(browser))
    assert refused(exchange(browser, **{"code": code, **changed}), status) == error
    assert exchange(browser, code).status_code == 200


def test_a_client_that_fails_to_authenticate_is_told_how(browser):
    answer = exchange(browser, "c" * 43, client_secret="wrong")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_only_a_form_is_read(browser):
    for options in (
        {"json": {"grant_type": "authorization_code"}},
        {"data": "x", "content_type": "text/plain"},
        {"data": {"grant_type": "authorization_code"}, "query_string": {"code": "c"}},
    ):
        answer = browser.open(f"{ISSUER}/token", method="POST", **options)
        assert refused(answer) == "invalid_request"
    assert browser.get(f"{ISSUER}/token").status_code == 405


@pytest.mark.parametrize("path", ["token", "revoke", "introspect", "userinfo"])
@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"data": "x" * 20_000}, 413),
        ({"headers": {"Transfer-Encoding": "chunked"}}, 411),
        ({"headers": {"Host": "other.example"}}, 400),
    ],
    ids=["too large", "of unknown length", "for another host"],
)
def test_a_program_is_told_in_json_what_is_refused_unread(
    key_ring, clock, codes, path, options, status
):
    revoked_tokens = MemoryRevokedTokenStore()
    issuer = issuer_app(key_ring, clock, codes=codes, revoked_tokens=revoked_tokens)
    limit_bodies(issuer)
    answer = issuer.test_client().post(f"/{path}", base_url=ISSUER, **options)
    assert refused(answer, status) == "invalid_request"


def test_a_store_that_is_down_is_a_503(browser, codes):
    code = code_of(ask(browser))
    codes.is_down = True
    answer = exchange(browser, code)
    assert refused(answer, 503) == "temporarily_unavailable"
    assert answer.headers["Retry-After"]
    assert ask(browser).status_code == 503
    codes.is_down = False
    assert exchange(browser, code).status_code == 200


def test_no_code_and_no_secret_reach_the_log(browser, caplog):
    caplog.set_level("DEBUG")
    code = code_of(ask(browser))
    tokens = exchange(browser, code).get_json()
    exchange(browser, code)
    exchange(browser, code, client_secret="wrong-secret")
    secret = (code, CODE_CLIENT_SECRET, "wrong-secret", tokens["id_token"], tokens["access_token"])
    assert caplog.text.count("token request refused") == 2
    assert f"client_authentication client_id={CODE_CLIENT['client_id']} " in caplog.text
    assert not [one for one in secret if one in caplog.text]


def test_what_happens_at_the_token_endpoint_is_told_to_whoever_counts(browser, issuer):
    told = []
    hears = {
        signal: (lambda sender, name=name, **facts: told.append((name, facts)))
        for name, signal in (("issued", tokens_issued), ("refused", tokens_refused))
    }
    for signal, listener in hears.items():
        signal.connect(listener, sender=issuer)
    code = code_of(ask(browser))
    exchange(browser, code)
    exchange(browser, code)
    (first, issued), (second, refusal) = told
    assert (first, issued["user"].subject, issued["client"].client_id) == (
        "issued",
        "ada",
        "reader",
    )
    assert (second, refusal["error"].code) == ("refused", "code_replayed")
    assert refusal["client"].client_id == "reader"


def test_the_metadata_announces_what_there_is(browser):
    document = browser.get(f"{ISSUER}/.well-known/openid-configuration").get_json()
    alias = browser.get(f"{ISSUER}/.well-known/oauth-authorization-server").get_json()
    assert alias == document
    assert document["response_types_supported"] == ["code", "id_token"]
    assert document["token_endpoint"] == f"{ISSUER}/token"
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["grant_types_supported"] == ["authorization_code", "implicit"]
    assert document["response_modes_supported"] == ["query", "form_post"]
    assert document["scopes_supported"] == ["openid", "profile", "email", "files:r", "notes:r"]
    assert "consent" in document["prompt_values_supported"]


def test_an_issuer_without_codes_announces_none(key_ring, clock):
    browser = Browser(issuer_app(key_ring, clock), None)
    document = browser.get(f"{ISSUER}/.well-known/openid-configuration").get_json()
    assert document["response_types_supported"] == ["id_token"]
    assert "token_endpoint" not in document
    assert browser.get(f"{ISSUER}/.well-known/oauth-authorization-server").status_code == 404
