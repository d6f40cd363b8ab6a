"""Client assertions: what a client has signed to prove who it is, spoiled in one place."""

import hmac
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import create_engine

from flask_handoff.errors import (
    HandoffRejectedError,
    ReplayStoreUnavailableError,
    TokenClaimError,
    TokenExpiredError,
    TokenKeyUnknownError,
    TokenMalformedError,
    TokenNotYetValidError,
    TokenReplayedError,
    TokenSignatureError,
)
from flask_handoff.keys import VerificationKey
from flask_handoff.stores.sql import SQLReplayStore
from flask_handoff.tokens.assertion_verifier import unverified_client_id
from tests.token_trial import (
    CLIENT_ID,
    ISSUER,
    AccessTrial,
    AssertionTrial,
    LogoutTrial,
    RecordingStore,
    TokenTrial,
    base64url,
    claims,
    dates,
    header,
    raw_header,
    raw_payload,
    to_json,
    with_member,
    without,
)

ENDPOINT = f"{ISSUER}/token"
OTHER_TYPES = (7, 1.5, True, ["x"], {"x": 1}, None)


@pytest.fixture
def trial(key_ring, clock):
    return AssertionTrial(key_ring, clock)


@pytest.fixture
def lenient(key_ring, clock):
    """For a client whose library knows no audience but the address of /token."""
    return AssertionTrial(key_ring, clock, token_endpoint=ENDPOINT)


def refused(trial, change, error_class, claim=None):
    error = trial.refusal(change)
    assert error is not None, "the assertion was accepted"
    assert type(error) is error_class
    assert getattr(error, "claim", None) == claim
    assert trial.store.claimed == []


def values(*unwanted):
    return pytest.mark.parametrize("value", unwanted, ids=lambda value: ascii(value)[:40])


def test_a_good_assertion_is_accepted_once(trial):
    trial.present()
    until = trial.now + 60 + 10 + 60
    assert trial.store.claimed == [(f"client:{CLIENT_ID}", "c" * 22, until)]
    with pytest.raises(TokenReplayedError) as refusal:
        trial.present()
    assert refusal.value.check == "one_use"


# Who it is from.


@values("another", "Server2", f"{CLIENT_ID} ", "", ISSUER, [CLIENT_ID], *OTHER_TYPES)
@pytest.mark.parametrize("claim", ["iss", "sub"])
def test_an_assertion_speaks_for_its_own_client_only(trial, claim, value):
    refused(trial, claims(**{claim: value}), TokenClaimError, claim)


def test_another_client_in_both_places_is_refused(trial):
    refused(trial, claims(iss="another", sub="another"), TokenClaimError, "iss")


@values("", "a b", "a:b", "a/b", "a" * 129, "a\n", "ä", *OTHER_TYPES)
def test_what_names_no_client_leads_to_no_client(trial, value):
    draft = trial.draft()
    draft.payload["sub"] = value
    with pytest.raises(TokenMalformedError):
        unverified_client_id(draft.signed())


@pytest.mark.parametrize("payload", [b"[]", b'{"sub":"a","sub":"b"}', b"\xff\xff", b"{", b"7"])
def test_what_is_no_strict_json_leads_to_no_client(trial, payload):
    draft = trial.draft()
    draft.payload = payload
    with pytest.raises(TokenMalformedError):
        unverified_client_id(draft.signed())


# Whom it is for.


@values(
    *([ISSUER], [ISSUER, "https://evil.example.com"], [ISSUER, ISSUER], f"{ISSUER}/", ISSUER[:-1]),
    *(ENDPOINT, [ENDPOINT], f"{ISSUER}.evil.example.com", "https://other.example.com", "", []),
    *(ISSUER.upper(), f" {ISSUER}", {ISSUER: 1}, *OTHER_TYPES),
)
def test_the_audience_is_the_issuer_and_nothing_else(trial, value):
    refused(trial, claims(aud=value), TokenClaimError, "aud")


@values(ISSUER, ENDPOINT, [ENDPOINT])
def test_a_registration_may_allow_the_token_endpoint(lenient, value):
    lenient.present(claims(aud=value))


@values(
    *([ISSUER], [ENDPOINT, ENDPOINT], [ENDPOINT, ISSUER], [ENDPOINT, "https://evil.example.com"]),
    *(f"{ENDPOINT}/", ENDPOINT[:-1], "https://other.example.com/token", [[ENDPOINT]], []),
)
def test_it_allows_no_other_endpoint_and_no_longer_list(lenient, value):
    refused(lenient, claims(aud=value), TokenClaimError, "aud")


# How long it lives.


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "jti"])
def test_a_claim_that_is_missing_is_named(trial, claim):
    refused(trial, without(claim), TokenClaimError, claim)


def test_the_time_of_issue_may_be_missing(trial):
    trial.present(without("iat"))


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param({"exp": 300}, id="five minutes"),
        pytest.param({"exp": 310}, id="five minutes by a clock that is ahead"),
        pytest.param({"exp": -9}, id="over for 9 s"),
        pytest.param({"iat": 10, "exp": 70}, id="begun 10 s ahead"),
        pytest.param({"nbf": 10}, id="not before 10 s from now"),
        pytest.param({"iat": -0.75, "exp": 59.25, "nbf": -0.5}, id="fractions"),
        pytest.param({"iat": -86400}, id="begun yesterday"),
    ],
)
def test_an_assertion_within_its_time_is_accepted(trial, seconds):
    trial.present(dates(**seconds))


@pytest.mark.parametrize(
    ("seconds", "error", "claim"),
    [
        pytest.param({"exp": 311}, TokenClaimError, "exp", id="five minutes and eleven seconds"),
        pytest.param({"exp": 310.5}, TokenClaimError, "exp", id="half a second too long"),
        pytest.param({"exp": 3600}, TokenClaimError, "exp", id="an hour"),
        pytest.param({"exp": -10}, TokenExpiredError, "exp", id="over for 10 s"),
        pytest.param({"exp": -86400}, TokenExpiredError, "exp", id="over since yesterday"),
        pytest.param({"iat": 11, "exp": 60}, TokenNotYetValidError, "iat", id="begun 11 s ahead"),
        pytest.param({"iat": 10.5}, TokenNotYetValidError, "iat", id="half a second too early"),
        pytest.param({"nbf": 11}, TokenNotYetValidError, "nbf", id="not before 11 s from now"),
        pytest.param({"nbf": 61}, TokenClaimError, "nbf", id="not before its end"),
    ],
)
def test_an_assertion_outside_of_its_time_is_refused(trial, seconds, error, claim):
    refused(trial, dates(**seconds), error, claim)


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@values(
    *("1767268800", "", "now", True, [1767268800], {"at": 1767268800}, 0, -1, 0.0, -1.5),
    *(10**12, 10**18, 1e18, 1e300),
)
def test_a_date_that_is_none_is_refused(trial, claim, value):
    refused(trial, claims(**{claim: value}), TokenClaimError, claim)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_date_that_is_not_finite_is_refused(trial, number):
    trial.present(without("iat"))
    trial.store.claimed.clear()

    def change(draft):
        del draft.payload["exp"]
        draft.payload = with_member(f'"exp":{number}')(to_json(draft.payload))

    refused(trial, change, TokenMalformedError)


def test_no_other_kind_of_token_has_fractional_dates(key_ring, clock):
    for trial in (TokenTrial, LogoutTrial, AccessTrial):
        error = trial(key_ring, clock).refusal(dates(iat=-0.5))
        assert (type(error), error.claim) == (TokenClaimError, "iat")


@values("", "x" * 256, "a\nb", " a", 7, ["c"], True)
def test_an_identifier_that_is_not_of_its_form_is_refused(trial, value):
    refused(trial, claims(jti=value), TokenClaimError, "jti")


# How it is signed.


@values("handoff+jwt", "at+jwt", "logout+jwt", "jwt ", "jws", "", 7, None, ["JWT"])
def test_another_type_is_refused(trial, value):
    refused(trial, header(typ=value), TokenMalformedError)


@values("JWT", "jwt", "application/jwt", "client-authentication+jwt")
def test_the_types_of_assertions_are_accepted(trial, value):
    trial.present(header(typ=value))


def test_the_type_may_be_absent(trial):
    trial.present(lambda draft: draft.header.pop("typ") and None)


def test_the_thumbprints_of_certificates_are_left_alone(trial):
    trial.present(header(x5t="abc", **{"x5t#S256": "def"}))


@values("none", "None", "HS256", "RS384", "RS512", "PS256", "ES256", "", None, 256)
def test_another_algorithm_is_refused(trial, value):
    refused(trial, header(alg=value), TokenMalformedError)


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "cty"])
def test_a_header_that_brings_its_own_key_is_refused(trial, name):
    refused(trial, header(**{name: "x"}), TokenMalformedError)


def test_a_secret_made_of_the_public_key_is_none(trial):
    pem = trial.signing_key.verification_key.to_jwk()["n"].encode()

    def change(draft):
        draft.header["alg"] = "HS256"
        signature = hmac.digest(pem, draft.signing_input.encode(), "sha256")
        return f"{draft.signing_input}.{base64url(signature)}"

    refused(trial, change, TokenMalformedError)


def test_another_key_under_the_same_name_is_refused(trial, strangers_key):
    def change(draft):
        draft.private_key = strangers_key

    refused(trial, change, TokenSignatureError)


def test_a_change_after_the_signature_is_refused(trial):
    def change(draft):
        signature = draft.signature
        draft.payload["jti"] = "d" * 22
        return f"{draft.signing_input}.{signature}"

    refused(trial, change, TokenSignatureError)


@pytest.mark.parametrize("rewrite", [raw_header, raw_payload], ids=["header", "payload"])
def test_a_member_twice_is_refused(trial, rewrite):
    member = '"kid":"x"' if rewrite is raw_header else f'"sub":"{CLIENT_ID}"'
    refused(trial, rewrite(with_member(member)), TokenMalformedError)


# Which key it is.


@values("unknown", "k" * 43)
def test_a_key_that_is_not_the_clients_is_refused(trial, value):
    refused(trial, header(kid=value), TokenKeyUnknownError)


@values("", "../x", "a" * 65, 7, None, ["x"])
def test_a_key_name_that_is_not_of_its_form_is_refused(trial, value):
    refused(trial, header(kid=value), TokenMalformedError)


def no_kid(draft):
    del draft.header["kid"]


@pytest.fixture
def two_keys(key_ring):
    other = VerificationKey.from_public_key(rsa.generate_private_key(65537, 2048).public_key())
    return [other, key_ring.signing_key.verification_key]


def test_without_a_key_name_there_is_one_key_only(trial, key_ring, clock, two_keys):
    trial.present(no_kid)
    refused(AssertionTrial(key_ring, clock, keys=two_keys), no_kid, TokenKeyUnknownError)
    refused(AssertionTrial(key_ring, clock, keys=()), no_kid, TokenKeyUnknownError)


def test_both_keys_of_a_client_that_rotates_are_good(key_ring, clock, two_keys):
    AssertionTrial(key_ring, clock, keys=two_keys).present()
    AssertionTrial(key_ring, clock, keys=two_keys[::-1]).present()


# Once.


def test_a_use_is_remembered_as_long_as_it_could_be_repeated(trial, clock):
    trial.present(dates(exp=300.5))
    for seconds in (0, 200, 110):
        clock.tick(seconds=seconds)
        error = trial.refusal(lambda draft: draft.payload.update(exp=draft.payload["iat"]) and None)
        assert type(error) is TokenReplayedError
    assert trial.store.claimed[0][2] >= trial.now


def test_two_clients_may_choose_one_identifier(key_ring, clock):
    store = RecordingStore()
    AssertionTrial(key_ring, clock, store=store).present()
    store.claim(ISSUER, "c" * 22, expires_at=10**10, now=0)  # a token's of that issuer
    store.claim("client:another", "c" * 22, expires_at=10**10, now=0)


def test_nobody_is_let_in_while_the_store_is_out_of_reach(key_ring, clock):
    trial = AssertionTrial(key_ring, clock, store=RecordingStore(out_of_reach=True))
    with pytest.raises(ReplayStoreUnavailableError):
        trial.present()


def test_what_is_not_good_writes_nothing(trial, strangers_key):
    def change(draft):
        draft.private_key = strangers_key

    assert trial.refusal(change) is not None
    assert trial.refusal(claims(aud="https://other.example.com")) is not None
    assert trial.store.claimed == []


def test_of_many_at_once_one_is_accepted(key_ring, clock, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'replay.sqlite3'}")
    store = SQLReplayStore(engine)
    store.create_tables()
    trial = AssertionTrial(key_ring, clock, store=store)
    token = trial.draft().signed()

    def outcome(_):
        try:
            trial.verify(token)
        except HandoffRejectedError as error:
            return error.code
        return "accepted"

    with ThreadPoolExecutor(8) as threads:
        outcomes = sorted(threads.map(outcome, range(20)))
    assert outcomes == ["accepted", *["token_replayed"] * 19]
    engine.dispose()


def test_no_refusal_repeats_what_came(trial):
    marker = "marker-of-an-attacker"
    for change in (claims(aud=marker), claims(sub=marker), header(kid=marker), header(typ=marker)):
        error = trial.refusal(change)
        assert marker not in str(error)


def test_an_assertion_of_pyjwt_is_accepted(trial, clock):
    claims_made = {
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "aud": ISSUER,
        "exp": clock() + timedelta(minutes=1),
        "jti": "made-by-pyjwt",
    }
    key = trial.signing_key
    token = jwt.encode(claims_made, key.private_key, algorithm="RS256", headers={"kid": key.kid})
    trial.verify(token)
