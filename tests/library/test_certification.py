"""What the OpenID Foundation's conformance tests ask of either side, see docs/conformance.md."""

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from flask_handoff import OIDC
from flask_handoff.profiles import OIDC_LOGOUT
from tests.minimal_pair import (
    CALLBACK,
    CLIENT,
    ISSUER,
    RECEIVER,
    Browser,
    Form,
    is_signed_in,
    is_uniform_refusal,
    landed_at,
    query_of,
)
from tests.token_trial import LogoutTrial, TokenTrial, claims, without

ASKED = {
    "client_id": "notes",
    "redirect_uri": CALLBACK,
    "response_type": "id_token",
    "response_mode": "form_post",
    "scope": "openid",
    "state": "a-state-of-128-characters" + "." * 103,
    "nonce": "a-nonce",
}


# SERVER1 as the provider of software that knows OpenID Connect, and asks for form_post.


@pytest.fixture
def provider(build_issuer):
    """A browser at SERVER1 in which nobody is signed in."""
    client = {**CLIENT, "policy": "oidc", "response_modes": ["form_post"]}
    return Browser(build_issuer(HANDOFF_CLIENTS=[client]), None)


def ask(provider, **changed):
    given = {name: value for name, value in {**ASKED, **changed}.items() if value is not None}
    return provider.get(f"{ISSUER}/authorize", query_string=given)


def posted(answer):
    """What the client's callback is posted."""
    form = Form(answer.text)
    assert (answer.status_code, form.action) == (200, CALLBACK)
    return form.fields


def told(answer):
    """The claims of an ID Token, read with PyJWT alone."""
    return jwt.decode(posted(answer)["id_token"], options={"verify_signature": False})


def test_any_library_verifies_the_id_token_by_the_published_key(provider, clock):
    provider.sign_in()
    fields = posted(ask(provider))
    assert {name: fields[name] for name in ("state", "iss")} == {
        "state": ASKED["state"],
        "iss": ISSUER,
    }
    keys = jwt.PyJWKSet.from_dict(provider.get(f"{ISSUER}/.well-known/jwks.json").json)
    kid = jwt.get_unverified_header(fields["id_token"])["kid"]
    read = jwt.decode(
        fields["id_token"],
        keys[kid].key,
        algorithms=["RS256"],
        audience="notes",
        issuer=ISSUER,
        # PyJWT compares dates with this machine's clock.
        options={"verify_exp": False, "verify_iat": False},
    )
    assert (read["sub"], read["nonce"]) == ("ada", "a-nonce")
    assert read["iat"] == int(clock().timestamp()) < read["exp"]
    assert not {"name", "email", "at_hash"} & read.keys(), "none was asked for, none is issued"


@pytest.mark.parametrize(
    "unknown",
    [
        {"extra": "foobar"},
        {"display": "page"},
        {"display": "popup"},
        {"display": "hologram"},
        {"ui_locales": "se"},
        {"claims_locales": "se tlh"},
        {"acr_values": "1 2"},
        {"claims": '{"id_token": {"name": {"essential": true}, "acr": {"values": ["2"]}}}'},
        {"claims": "{"},
        {"login_hint": "buffy@localhost"},
    ],
    ids=str,
)
def test_a_wish_that_cannot_be_met_is_no_fault(provider, unknown):
    resumed = provider.sign_in(**query_of(ask(provider, **unknown).location))
    for answer in (provider.get(ISSUER + resumed.location), ask(provider, **unknown)):
        read = told(answer)
        assert read["sub"] == "ada"
        assert not {"name", "acr"} & read.keys()


@pytest.mark.parametrize("scope", ["openid email", "email openid"])
def test_no_order_of_what_is_asked_matters(provider, scope):
    provider.sign_in()
    backwards = dict(reversed({**ASKED, "scope": scope}.items()))
    answer = provider.get(f"{ISSUER}/authorize", query_string=backwards)
    assert told(answer)["email"] == "ada@example.com"


@pytest.mark.parametrize(
    ("scope", "known"),
    [
        ("openid address", set()),
        ("openid phone", set()),
        ("openid profile email address phone", {"name", "email", "email_verified"}),
    ],
)
def test_scopes_of_which_nothing_is_known_tell_nothing(provider, scope, known):
    provider.sign_in()
    about = {"name", "email", "email_verified", "address", "phone_number"}
    assert told(ask(provider, scope=scope)).keys() & about == known
    supported = provider.get(f"{ISSUER}/.well-known/openid-configuration").json["scopes_supported"]
    assert not {"address", "phone"} & {*supported}


@pytest.mark.parametrize("second", ["prompt", "max_age", "id_token_hint"])
def test_a_sign_in_that_suffices_is_not_asked_for_again(provider, clock, second):
    provider.sign_in()
    first = ask(provider, max_age="15000")
    clock.tick(minutes=5)
    asked = {
        "prompt": {"prompt": "none"},
        "max_age": {"max_age": "10000"},
        "id_token_hint": {"prompt": "none", "id_token_hint": posted(first)["id_token"]},
    }
    before, after = told(first), told(ask(provider, **asked[second]))
    assert before["iat"] < after["iat"]
    for claim in ("sub", "auth_time"):
        assert before[claim] == after[claim]


@pytest.mark.parametrize("second", [{"prompt": "login"}, {"max_age": "1"}], ids=str)
def test_a_new_sign_in_shows_in_the_token(provider, clock, second):
    provider.sign_in()
    before = told(ask(provider))
    clock.tick(seconds=2)
    to_sign_in = ask(provider, **second)
    assert to_sign_in.location.startswith("/login?")
    clock.tick(seconds=1)
    resumed = provider.sign_in(**query_of(to_sign_in.location))
    after = told(provider.get(ISSUER + resumed.location))
    assert after["auth_time"] == before["auth_time"] + 3
    assert after["sub"] == before["sub"]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"prompt": "none"}, "login_required"),
        ({"nonce": None}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://rp.example/r"}, "request_uri_not_supported"),
        ({"response_type": "id_token token"}, "unsupported_response_type"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_error_is_posted_with_its_state_and_nothing_else(provider, changed, error):
    assert posted(ask(provider, **changed)) == {
        "error": error,
        "state": ASKED["state"],
        "iss": ISSUER,
    }


@pytest.mark.parametrize("name", ["request", "request_uri"])
def test_an_object_that_is_not_read_is_refused_by_post(provider, name):
    provider.sign_in()
    inside = {"response_mode": None, "state": None, "nonce": None}
    answer = ask(provider, **inside, **{name: "https://rp.example/r"})
    assert posted(answer) == {"error": f"{name}_not_supported", "iss": ISSUER}


def test_a_request_for_nothing_is_told_so_in_the_query(provider):
    answer = ask(provider, response_type=None, response_mode=None)
    assert answer.location.startswith(f"{CALLBACK}?")
    assert query_of(answer.location) == {
        "error": "invalid_request",
        "state": ASKED["state"],
        "iss": ISSUER,
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"response_mode": None},
        {"response_mode": None, "request": ""},
        {"response_mode": "fragment", "request": "eyJhbGciOiJub25lIn0.e30."},
        {"redirect_uri": f"{RECEIVER}/sso/elsewhere"},
        {"redirect_uri": f"{RECEIVER}/elsewhere", "request": "eyJhbGciOiJub25lIn0.e30."},
    ],
    ids=str,
)
def test_without_a_good_way_back_there_is_a_page(provider, changed):
    provider.sign_in()
    answer = ask(provider, **changed)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert CALLBACK not in answer.text


# SERVER2 under policy ``oidc``, at a provider that is not SERVER1.


@pytest.fixture
def trial(key_ring, clock):
    return TokenTrial(key_ring, clock, profile=OIDC)


@pytest.fixture
def relying_party(build_receiver):
    return Browser.at_receiver(
        build_receiver(HANDOFF_POLICY="oidc", HANDOFF_RESPONSE_MODE="form_post")
    )


def answer_with(browser, fields):
    """Post an answer as the provider's page does, and follow it to the verdict."""
    return browser.repost(browser.post(CALLBACK, fields, sends_cookies=False))


def enter(browser, trial, change=lambda _draft: None):
    """Sign in with an ID Token that is spoiled in one place, or in none."""
    asked = query_of(browser.get(f"{RECEIVER}/sso/login?iss={ISSUER}").location)
    assert (asked["response_mode"], "openid" in asked["scope"].split()) == ("form_post", True)
    draft = trial.draft()
    for claim in ("jti", "auth_time", "scope"):
        draft.payload.pop(claim)
    draft.payload.update(iss=ISSUER, aud=asked["client_id"], nonce=asked["nonce"])
    text = change(draft) or draft.signed()
    return answer_with(browser, {"id_token": text, "state": asked["state"], "session_state": "x"})


def unsigned(draft):
    draft.header = {"alg": "none"}
    return f"{draft.signing_input}."


def by_es256(draft):
    draft.header["alg"] = "ES256"
    private_key = ec.generate_private_key(ec.SECP256R1())
    draft.sign = lambda _, octets: private_key.sign(octets, ec.ECDSA(hashes.SHA256()))


def signed_wrongly(draft):
    sign = draft.sign
    draft.sign = lambda key, octets: sign(key, octets)[::-1]


def test_a_good_id_token_of_a_provider_signs_in(relying_party, trial):
    assert landed_at(enter(relying_party, trial)) == "/"
    assert is_signed_in(relying_party)


@pytest.mark.parametrize(
    "change",
    [
        claims(iss=f"{ISSUER}1"),
        claims(aud="notes1"),
        claims(nonce="another"),
        without("sub"),
        without("iat"),
        signed_wrongly,
        unsigned,
    ],
    ids=["iss", "aud", "nonce", "no sub", "no iat", "signature", "no signature"],
)
def test_an_id_token_wrong_in_one_place_signs_nobody_in(relying_party, trial, change):
    assert is_uniform_refusal(enter(relying_party, trial, change))
    assert not is_signed_in(relying_party)


def test_a_posted_error_is_explained_on_a_page(relying_party):
    begun = relying_party.get(f"{RECEIVER}/sso/login?prompt=none&max_age=0")
    asked = query_of(begun.location)
    assert (asked["prompt"], asked["max_age"]) == ("none", "0")
    refused = {"error": "login_required", "error_description": "Nobody", "state": asked["state"]}
    answer = answer_with(relying_party, refused)
    assert answer.status_code == 403
    assert "Try again" in answer.text
    assert "Nobody" not in answer.text
    assert relying_party.attempts() == {}


LOGOUTS = {
    "as it should be": (None, 200),
    "what is not known": (claims(ignored_claim="x"), 200),
    "no type": (lambda draft: draft.header.pop("typ") and None, 200),
    "alg none": (unsigned, 400),
    "alg ES256": (by_es256, 400),
    "signature": (signed_wrongly, 400),
    "no events": (without("events"), 400),
    "events": (claims(events={"http://schemas.openid.net/event/foobar": {}}), 400),
    "nonce": (claims(nonce="a-nonce"), 400),
    "aud": (claims(aud="notes1"), 400),
    "iss": (claims(iss=f"{ISSUER}1"), 400),
}


@pytest.mark.parametrize(("change", "status"), LOGOUTS.values(), ids=list(LOGOUTS))
def test_a_logout_token_ends_the_session_if_nothing_is_wrong(
    relying_party, trial, key_ring, clock, change, status
):
    enter(relying_party, trial)
    draft = LogoutTrial(key_ring, clock, profile=OIDC_LOGOUT).draft()
    draft.payload.pop("toe")
    draft.payload.update(iss=ISSUER, aud="notes")
    text = (change and change(draft)) or draft.signed()
    fields = {"logout_token": text, "ignored_parameter": "x"}
    answer = relying_party.post(f"{RECEIVER}/sso/backchannel-logout", fields, sends_cookies=False)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (status, "no-store")
    assert is_signed_in(relying_party) is (status == 400)
