"""What policy ``oidc`` takes beyond a handoff token; what it refuses is among the attacks."""

import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from flask_handoff import OIDC
from flask_handoff.errors import ConfigurationError, JWKSMalformedError
from flask_handoff.keys import JWKSClient, PinnedKeys
from flask_handoff.keys.foreign import parse_foreign_jwks
from flask_handoff.profiles import OIDC_LOGOUT
from flask_handoff.receiver.attempts import CLOCK_LEEWAY, LIFETIME
from flask_handoff.receiver.backchannel import CLOCK_STEP
from flask_handoff.receiver.config import ReceiverConfig
from flask_handoff.receiver.context import receiver_context
from flask_handoff.tokens.explain import explain
from tests.jwks_endpoint import JWKSEndpoint, response, sends
from tests.minimal_pair import (
    CALLBACK,
    ISSUER,
    RECEIVER,
    Browser,
    Heard,
    is_signed_in,
    is_uniform_refusal,
    landed_at,
    query_of,
)
from tests.token_trial import (
    CLIENT_ID,
    LogoutTrial,
    TokenTrial,
    base64url,
    claims,
    dates,
    header,
    raw_payload,
    with_member,
    without,
)


@pytest.fixture
def trial(key_ring, clock):
    return TokenTrial(key_ring, clock, profile=OIDC)


# The text of a token.


@pytest.mark.parametrize(
    "members",
    [
        {"ver": "2"},
        {"cty": "JWT"},
        {"x5c": ["MIIC" * 500]},
        {"jku": "https://attacker.example/keys"},
        {"jwk": {"kty": "oct", "k": "AA"}},
        {"zip": "DEF"},
        {"nonce": "of the header"},
    ],
    ids=str,
)
def test_a_header_parameter_that_is_not_understood_is_ignored(trial, members):
    assert trial.refusal(header(**members)) is None


def test_a_token_of_many_groups_is_read(trial):
    def many_groups(draft):
        draft.payload["groups"] = ["g" * 60] * 130

    draft = trial.draft()
    many_groups(draft)
    assert 11_000 < len(draft.signed()) < 12_288
    assert trial.refusal(many_groups) is None


@pytest.mark.parametrize("audience", [CLIENT_ID, [CLIENT_ID]], ids=str)
@pytest.mark.parametrize("azp", [None, CLIENT_ID])
def test_the_audience_may_be_a_list_of_this_receiver(trial, audience, azp):
    assert trial.present(claims(aud=audience, azp=azp)).audience == CLIENT_ID


# Dates.


@pytest.mark.parametrize(
    ("text", "microsecond"), [("1767268800.0", 0), ("1.7672688e9", 0), ("1767268800.25", 250_000)]
)
def test_a_date_may_be_written_as_any_number(trial, text, microsecond):
    change = without("iat")

    def both(draft):
        change(draft)
        raw_payload(with_member(f'"iat":{text}'))(draft)

    issued_at = trial.present(both).issued_at
    assert issued_at == datetime(2026, 1, 1, 12, 0, 0, microsecond, tzinfo=UTC)


def test_a_fraction_of_a_second_counts(trial):
    assert trial.refusal(claims(exp=trial.now - 4.75)).claim == "exp"  # not after iat
    assert trial.refusal(dates(iat=-60, exp=-4.75)) is None
    assert trial.refusal(dates(iat=-60, exp=-5.0)).code == "token_expired"


@pytest.mark.parametrize("life", [3900, 36_000, 86_400, 31_536_000])
def test_a_token_may_live_as_long_as_its_issuer_likes(trial, life):
    assert trial.refusal(dates(exp=life)) is None


@pytest.mark.parametrize("value", [None, 0])
def test_a_date_not_before_may_be_none(trial, key_ring, clock, value):
    assert trial.refusal(claims(nbf=value)) is None
    logout = LogoutTrial(key_ring, clock, profile=OIDC_LOGOUT)
    assert logout.refusal(claims(nbf=value)) is None


@pytest.mark.parametrize("value", ["0", False, -1, "now", 10**13])
def test_a_date_not_before_that_is_none_of_its_form_refuses(trial, value):
    assert trial.refusal(claims(nbf=value)).claim == "nbf"


def test_a_sign_in_of_the_future_counts_as_none(trial, caplog):
    assert trial.present(dates(auth_time=6)).auth_time is None
    assert "claims left out, not of their form: claims=auth_time jti=" in caplog.text


def test_a_sign_in_counts_that_a_clock_ahead_has_dated(trial):
    assert trial.present(dates(auth_time=5)).auth_time


def test_a_sign_in_of_the_future_is_none_where_one_was_asked_for(trial):
    error = trial.refusal(dates(auth_time=6), authenticated_after=trial.clock())
    assert (error.check, error.claim) == ("authentication", "auth_time")


# What nobody asked for.


@pytest.mark.parametrize(
    "member",
    [
        '"nickname":"Ada \\ud83d"',
        f'"employee":{10**40}',
        '"score":1e999',
        '"verified_claims":' + "[" * 20 + "]" * 20,
    ],
    ids=lambda member: member[:16],
)
def test_what_is_not_read_refuses_nobody(trial, member):
    change = raw_payload(with_member(member))
    assert trial.refusal(change) is None
    draft = trial.draft()
    change(draft)
    assert explain(trial.verifier, draft.signed()).verdict == "accepted"


@pytest.mark.parametrize(
    "member",
    ['"x":{"a":1,"a":2}', '"name":"Eve"', '"x":NaN', '"x":' + "[" * 32 + "]" * 32],
    ids=ascii,
)
def test_what_two_readers_would_read_apart_is_refused(trial, member):
    assert trial.refusal(raw_payload(with_member(member))).check == "payload"


def test_an_encrypted_token_is_named(trial):
    error = trial.refusal(lambda draft: f"{draft.signed()}.AAAA.BBBB")
    assert str(error) == "encrypted (a JWE)"


# What is only shown.

SLIPS = {
    "name": ["", "n" * 256, {"first": "Ada"}, 7, "a\nb", "Ada \ud83d"],
    "email": ["", " ", 7, ["a@example.com"], "a@example.com\r\n", "a@\ud83d"],
    "email_verified": ["true", None, 1, []],
    "jti": ["", 7, "x" * 256],
    "sid": [7, "", ["s"]],
    "auth_time": [None, "1767268800", True],
    "scope": [["openid"], "", 7, "a  b"],
}


@pytest.mark.parametrize(
    ("claim", "value"),
    [(name, value) for name, values in SLIPS.items() for value in values],
    ids=str,
)
def test_a_slip_in_what_is_only_shown_locks_nobody_out(trial, caplog, claim, value):
    taken = trial.present(claims(**{claim: value}))
    assert taken.subject == "u-7d9f2c"
    assert not taken.email_verified or claim not in {"email", "email_verified"}
    logged = f"claims left out, not of their form: claims={claim} jti="
    assert (logged in caplog.text) == (value is not None)


def test_a_sign_in_of_no_known_time_is_none_where_one_was_asked_for(trial):
    error = trial.refusal(claims(auth_time="now"), authenticated_after=trial.clock())
    assert error.claim == "auth_time"


# Keys.


def jwk_of(ring, **members):
    jwk = ring.signing_key.verification_key.to_jwk() | members
    return {name: value for name, value in jwk.items() if value is not ...}


def jwks(*entries):
    return json.dumps({"keys": entries}).encode()


@pytest.mark.parametrize(
    "kid",
    ["ab+c/d=", "public:op.id-token:1", "https://idp.example.com/k#1", "k" * 255, "ключ", "a b"],
)
def test_a_kid_is_any_text(key_ring, clock, kid):
    keys = PinnedKeys(parse_foreign_jwks(jwks(jwk_of(key_ring, kid=kid))).values())
    trial = TokenTrial(key_ring, clock, profile=OIDC, keys=keys)
    assert trial.present(header(kid=kid)).kid == kid
    explanation = explain(trial.verifier, trial.draft().signed())
    assert all(text.isascii() and text.isprintable() for text in explanation.expected.values())


def test_a_foreign_token_is_explained_by_its_own_checks(trial):
    draft = trial.draft()
    draft.payload.update(aud=[CLIENT_ID], exp=trial.now + 86_400.5)
    explanation = explain(trial.verifier, draft.signed())
    outcomes = {result.name: result.outcome for result in explanation.results}
    assert explanation.verdict == "accepted"
    assert outcomes["transaction"] == "not checked"
    assert explanation.expected["kind"] == "OpenID Connect ID Token, at most 600 s old"
    assert explanation.said["exp"] == "2026-01-02 12:00:00 UTC, in 86400 s"


def test_the_settings_lead_to_the_keys_of_a_foreign_issuer(foreign, trial, key_ring):
    kid = "k+/="
    document = jwks(None, jwk_of(key_ring, kid=kid))
    with JWKSEndpoint(sends(response(document))) as endpoint:
        browser, heard, app = foreign(keys=None, HANDOFF_JWKS_URI=endpoint.uri)
        fields = answer_of(trial, query_of(browser.begin("/notes")), header(kid=kid))
        assert landed_at(post(browser, fields)) == "/notes"
        assert heard.errors() == []
        with app.app_context():
            keys = receiver_context().verifier.keys
        assert isinstance(keys, JWKSClient)
        keys.close()


@pytest.mark.parametrize("kid", ["of the set", ...], ids=["a kid in the set", "none at all"])
def test_a_token_needs_no_kid_where_there_is_one_key(key_ring, clock, kid):
    keys = JWKSClient(
        "https://idp.example.com",
        foreign=True,
        fetch=lambda: (jwks(jwk_of(key_ring, kid=kid), jwk_of(key_ring, use="enc")), None),
    )
    trial = TokenTrial(key_ring, clock, profile=OIDC, keys=keys)
    assert trial.refusal(lambda draft: draft.header.pop("kid") and None) is None
    keys.close()


def test_what_cannot_be_used_is_skipped_and_the_other_keys_serve(key_ring, caplog):
    good = jwk_of(key_ring)
    bad = [
        None,
        7,
        "x",
        [good],
        {**good, "kid": "padded", "n": f"{good['n']}="},
        {**good, "kid": "weak", "n": "AQAB"},
        {**good, "kid": 7},
        {**good, "kid": ""},
        {**good, "kid": "a\0b"},
        {**good, "kid": "private", "d": "AQAB"},
    ]
    keys = parse_foreign_jwks(jwks(*bad[:5], good, *bad[5:]))
    assert list(keys) == [good["kid"]]
    skipped = [record for record in caplog.records if "is not used" in record.getMessage()]
    assert len(skipped) == len(bad)
    assert [record.levelname for record in skipped].count("ERROR") == 1


@pytest.mark.parametrize(
    "members",
    [
        {"d": None, "p": None, "k": None, "oth": [], "x5u": None},
        {"alg": None, "use": None},
        {"key_ops": [], "x5c": []},
        {"kid": None},
    ],
    ids=str,
)
def test_a_member_without_a_value_counts_as_absent(key_ring, tmp_path, members):
    document = jwks(jwk_of(key_ring, **members))
    assert [*parse_foreign_jwks(b"\xef\xbb\xbf" + document)] == [key_ring.signing_key.kid]
    (tmp_path / "keys.json").write_bytes(document)
    assert PinnedKeys.from_file(tmp_path / "keys.json", foreign=True).kids
    with pytest.raises(ConfigurationError):
        PinnedKeys.from_file(tmp_path / "keys.json")


def test_two_different_keys_of_one_name_are_skipped_alone(key_ring, strangers_key, caplog):
    good = jwk_of(key_ring)
    numbers = strangers_key.public_key().public_numbers()
    other = {**good, "n": base64url(numbers.n.to_bytes(256, "big"))}
    assert list(parse_foreign_jwks(jwks(good, {**other, "kid": "other"}, good))) == [
        good["kid"],
        "other",
    ]
    keys = parse_foreign_jwks(jwks({**good, "kid": "mine"}, good, other))
    assert list(keys) == ["mine"]
    assert f"kid={good['kid']} reason=another one has its kid" in caplog.text


def test_after_16_keys_no_more_are_read(key_ring, caplog):
    entries = [jwk_of(key_ring, kid=f"k{number}") for number in range(18)]
    keys = parse_foreign_jwks(jwks({"kty": "EC"}, *entries))
    assert len(keys) == 16
    assert "kid=k17 reason=16 come before it" in caplog.text


def test_a_set_of_thousands_of_entries_writes_few_lines(key_ring, caplog):
    assert len(parse_foreign_jwks(jwks(*[None] * 5000, jwk_of(key_ring)))) == 1
    assert len(caplog.records) == 17
    assert "more keys of the issuer's JWK Set are not used: number=4984" in caplog.text


def test_a_set_without_any_usable_key_is_refused():
    for document in (b'{"keys":[]}', b'{"keys":[null]}', b"[]", b"{}", b"<html>"):
        with pytest.raises(JWKSMalformedError):
            parse_foreign_jwks(document)


def test_the_log_says_which_keys_there_are_in_place_of_one_that_is_usable(key_ring):
    elliptic = {"kty": "EC", "alg": "ES256", "use": "sig", "kid": "1"}
    others = [elliptic, {**elliptic, "kid": "2"}, jwk_of(key_ring, alg="RS512", use=...), None]
    with pytest.raises(JWKSMalformedError, match=r"RS256 key, but EC/ES256/sig, RSA/RS512$"):
        parse_foreign_jwks(jwks(*others))
    with pytest.raises(JWKSMalformedError, match=r"RS256 key, but a\\u000d\\u000ab$"):
        parse_foreign_jwks(jwks({"kty": "a\r\nb"}))


# Logout tokens.


@pytest.mark.parametrize(
    "change",
    [
        claims(aud=[CLIENT_ID]),
        header(ver="1", cty="JWT"),
        dates(iat=-0.5, toe=-1.5),
        dates(exp=86_400),
    ],
    ids=["a list of one", "private parameters", "fractions", "a day"],
)
def test_a_foreign_logout_token_is_taken_alike(key_ring, clock, change):
    trial = LogoutTrial(key_ring, clock, profile=OIDC_LOGOUT)
    assert trial.refusal(change) is None


@pytest.mark.parametrize("session_id", [7, "", ["s"], "a\nb"], ids=ascii)
def test_a_logout_whose_session_cannot_be_read_ends_the_account(key_ring, clock, session_id):
    trial = LogoutTrial(key_ring, clock, profile=OIDC_LOGOUT)
    logout = trial.present(claims(sid=session_id))
    assert (logout.subject, logout.session_id) == ("u-7d9f2c", None)
    assert trial.refusal(claims(sid=session_id, sub=None)).claim == "sid"


def test_a_long_session_id_is_known_by_its_hash(trial, key_ring, clock):
    # No standard says how long it may be.
    one, other = (claims(sid=letter * 256, jti=letter * 43) for letter in "ab")
    logout = LogoutTrial(key_ring, clock, profile=OIDC_LOGOUT).present(one)
    handoff = trial.present(one)
    assert handoff.session_id == logout.session_id == f"sha256:{sha256(b'a' * 256).hexdigest()}"
    assert trial.present(other).session_id != logout.session_id
    assert trial.present(claims(sid="s" * 255, jti="c" * 43)).session_id == "s" * 255


# The receiver.


def answer_of(trial, asked, *changes, **told):
    """Answer as a provider whose ID Token names no scope."""
    draft = trial.draft()
    for claim in ("jti", "sid", "auth_time", "scope"):
        draft.payload.pop(claim)
    draft.payload.update(iss=ISSUER, aud=asked["client_id"], nonce=asked["nonce"], **told)
    for change in changes:
        change(draft)
    return {"id_token": draft.signed(), "state": asked["state"]}


@pytest.fixture
def foreign(build_receiver):
    """Builds a receiver of a foreign provider, and a browser at it."""

    def build(**settings):
        app = build_receiver(
            HANDOFF_POLICY="oidc", **{"HANDOFF_RESPONSE_MODE": "form_post", **settings}
        )
        return Browser.at_receiver(app), Heard(app), app

    return build


def post(browser, fields):
    return browser.repost(browser.post(CALLBACK, fields, sends_cookies=False))


@pytest.mark.parametrize(
    ("setting", "named", "scope"),
    [
        ("", None, set()),
        ("notes:read notes:write", None, {"notes:read", "notes:write"}),
        ("notes:read", "openid notes:write", {"openid", "notes:write"}),
    ],
)
def test_a_token_that_names_no_scope_is_worth_the_setting(foreign, trial, setting, named, scope):
    browser, _, app = foreign(HANDOFF_DEFAULT_SCOPE=setting)
    told = {} if named is None else {"scope": named}
    fields = answer_of(trial, query_of(browser.begin("/notes")), **told)
    assert landed_at(post(browser, fields)) == "/notes"
    [arrival] = app.extensions["sessions"].values()
    assert arrival.claims.scope == scope


def test_a_long_token_is_taken_where_it_is_posted_and_in_no_url(foreign, trial):
    for mode, landed in (("form_post", "/notes"), ("query", None)):
        browser, heard, _ = foreign(HANDOFF_RESPONSE_MODE=mode)
        asked = query_of(browser.begin("/notes"))
        fields = answer_of(trial, asked, groups=["g" * 60] * 130)
        if mode == "form_post":
            assert landed_at(post(browser, fields)) == landed
        else:
            assert browser.get(CALLBACK, query_string=fields).status_code == 400
            assert heard.errors() == ["request_malformed"]


@pytest.mark.parametrize(("backdating", "arrives"), [("0", False), ("300", True)])
def test_a_provider_that_dates_back_needs_the_setting(foreign, trial, caplog, backdating, arrives):
    browser, _, _ = foreign(HANDOFF_BACKDATING=backdating)
    trial.clock.tick(milliseconds=900)
    asked = query_of(browser.begin("/notes"))
    answer = post(browser, answer_of(trial, asked, dates(iat=-300, exp=3600)))
    assert is_signed_in(browser) == arrives
    assert arrives or is_uniform_refusal(answer)
    assert ("and HANDOFF_BACKDATING where the issuer" in caplog.text) != arrives


def test_an_endpoint_keeps_its_query(build_receiver):
    config = ReceiverConfig(
        build_receiver(
            HANDOFF_POLICY="oidc",
            HANDOFF_AUTHORIZATION_ENDPOINT="https://a.example/authorize?p=b2c_1_sign_in",
            HANDOFF_END_SESSION_ENDPOINT="https://a.example/logout?",
        )
    )
    for request in config.authorization_requests.values():
        assert request.startswith("https://a.example/authorize?p=b2c_1_sign_in&client_id=notes&")
    assert config.end_session_endpoint == "https://a.example/logout"


COMPARED = {
    "audience": (claims(aud="another"), "compare HANDOFF_CLIENT_ID request_id="),
    "issuer": (claims(iss="https://another.example"), "compare HANDOFF_ISSUER request_id="),
    "header": (header(typ="at+jwt"), "compare HANDOFF_POLICY, and the algorithm"),
    "key": (header(kid="another"), "compare HANDOFF_JWKS_URI, or the file of"),
}


@pytest.mark.parametrize(("change", "logged"), COMPARED.values(), ids=list(COMPARED))
def test_the_log_says_which_setting_to_compare_and_the_page_guesses_nothing(
    foreign, trial, caplog, change, logged
):
    browser, _, _ = foreign()
    answer = post(browser, answer_of(trial, query_of(browser.begin("/notes")), change))
    assert is_uniform_refusal(answer)
    assert "This sign-in was not accepted." in answer.text
    assert logged in caplog.text


def test_a_date_may_lie_back_by_ten_minutes_at_most(foreign):
    foreign(HANDOFF_BACKDATING="600")
    with pytest.raises(ConfigurationError, match="600 at most"):
        foreign(HANDOFF_BACKDATING="601")


@pytest.mark.parametrize("name", ["HANDOFF_BACKDATING", "HANDOFF_DEFAULT_SCOPE"])
def test_a_setting_of_foreign_providers_is_refused_for_our_own(build_receiver, name):
    with pytest.raises(ConfigurationError, match="HANDOFF_POLICY=handoff"):
        build_receiver(**{name: "300"})


def test_a_logout_is_remembered_while_a_foreign_handoff_could_arrive(
    foreign, store, key_ring, clock
):
    browser, _, _ = foreign()
    logout = LogoutTrial(key_ring, clock, profile=OIDC_LOGOUT)
    draft = logout.draft()
    draft.payload.update(iss=ISSUER, aud="notes")
    answer = browser.post(f"{RECEIVER}/sso/backchannel-logout", {"logout_token": draft.signed()})
    assert answer.status_code == 200
    expected = clock() + LIFETIME + CLOCK_LEEWAY + CLOCK_STEP
    assert store.forgets_logout_at == int(expected.timestamp())


def test_a_kid_is_escaped_where_a_logout_meets_an_arrival(foreign, key_ring, clock, caplog):
    kid = "a b\r\nhandoff accepted"
    keys = PinnedKeys(parse_foreign_jwks(jwks(jwk_of(key_ring, kid=kid))).values())
    browser, heard, app = foreign(keys=keys)
    trial = TokenTrial(key_ring, clock, profile=OIDC)

    def end_the_account(_arrival):
        draft = LogoutTrial(key_ring, clock, profile=OIDC_LOGOUT).draft()
        draft.header["kid"] = kid
        draft.payload.update(iss=ISSUER, aud="notes", sub="u-7d9f2c")
        fields = {"logout_token": draft.signed()}
        assert browser.post(f"{RECEIVER}/sso/backchannel-logout", fields).status_code == 200

    app.extensions["signs_in"] = end_the_account
    told = {"sid": "a-session-at-server1", "jti": "a b"}
    fields = answer_of(trial, query_of(browser.begin()), header(kid=kid), **told)
    assert is_uniform_refusal(post(browser, fields))
    assert heard.errors() == ["session_ended"]
    assert (
        "check=session claim=- kid=a\\u0020b\\u000d\\u000ahandoff\\u0020accepted jti=-"
        in caplog.text
    )
