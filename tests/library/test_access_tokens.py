from datetime import timedelta

import pytest

from flask_handoff.claims import AccessClaims, UnverifiedToken
from flask_handoff.errors import (
    CodeStoreUnavailableError,
    TokenClaimError,
    TokenExpiredError,
    TokenMalformedError,
    TokenNotYetValidError,
    TokenRevokedError,
    TokenSignatureError,
)
from flask_handoff.profiles import LOGOUT_EVENT
from flask_handoff.tokens import TokenMinter
from tests.token_trial import ISSUER, SERVICE, AccessTrial, claims, dates, header, without


class Revocations:
    """Knows one revoked token, or nothing at all."""

    def __init__(self, revoked=None, out_of_reach=False):
        self.revoked = revoked
        self.out_of_reach = out_of_reach
        self.asked = []

    def check_not_revoked(self, claims, _token):
        self.asked.append(claims.jwt_id)
        if self.out_of_reach:
            raise CodeStoreUnavailableError("out of reach")
        if claims.jwt_id == self.revoked:
            raise TokenRevokedError("revoked")


@pytest.fixture
def trial(key_ring, clock):
    return AccessTrial(key_ring, clock)


def refused(trial, change, error, check, claim=None):
    refusal = trial.refusal(change)
    assert (type(refusal), refusal.check) == (error, check)
    assert getattr(refusal, "claim", None) == claim


def values(*unwanted):
    return pytest.mark.parametrize("value", unwanted, ids=lambda value: ascii(value)[:60])


def test_an_access_token_says_what_a_program_may_do_here(trial, clock):
    assert trial.present() == AccessClaims(
        issuer=ISSUER,
        subject="u-7d9f2c",
        audience=SERVICE,
        client_id="reader",
        scope=frozenset({"notes:read", "notes:write"}),
        session_id="a-session-at-server1",
        issued_at=clock(),
        expires_at=clock() + timedelta(minutes=10),
        jwt_id="a" * 43,
        kid=trial.signing_key.kid,
    )


def test_what_the_minter_makes_is_accepted(trial, key_ring, clock):
    token = TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock).mint_access(
        subject="u-1",
        client_id="reader",
        audience=SERVICE,
        scope=frozenset(),
        session_id=None,
        jwt_id="m" * 43,
    )
    proved = trial.verify(UnverifiedToken(token))
    assert (proved.subject, proved.jwt_id) == ("u-1", "m" * 43)
    assert (proved.scope, proved.session_id) == (frozenset(), None)


def test_it_may_be_presented_until_it_expires(trial, clock):
    token = trial.draft().signed()
    for seconds in (0, 300, 304):
        clock.tick(seconds=seconds)
        assert trial.verify(token).client_id == "reader"
    clock.tick(seconds=1)
    with pytest.raises(TokenExpiredError):
        trial.verify(token)


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "client_id", "exp", "iat", "jti"])
def test_an_access_token_without_a_required_claim_is_refused(trial, claim):
    refused(trial, without(claim), TokenClaimError, "required_claims", claim)


@pytest.mark.parametrize("claim", ["scope", "sid"])
def test_scope_and_session_may_be_absent(trial, claim):
    assert trial.refusal(without(claim)) is None


@values("https://notes.example.com/", "other", [SERVICE], [SERVICE, "https://evil.example"], "")
def test_an_access_token_for_another_service_is_refused(trial, value):
    refused(trial, claims(aud=value), TokenClaimError, "audience", "aud")


@values(f"{ISSUER}/", "https://other.example.com", [ISSUER], "")
def test_an_access_token_of_another_issuer_is_refused(trial, value):
    refused(trial, claims(iss=value), TokenClaimError, "issuer", "iss")


@values("jwt", "handoff+jwt", "logout+jwt", "at+jwt ", "", None, "client-authentication+jwt")
def test_another_type_is_no_access_token(trial, value):
    refused(trial, header(typ=value), TokenMalformedError, "header")


@values("at+jwt", "AT+JWT", "application/at+jwt")
def test_every_spelling_of_its_type_is_accepted(trial, value):
    assert trial.refusal(header(typ=value)) is None


@pytest.mark.parametrize(("claim", "value"), [("nonce", "n" * 43), ("events", {LOGOUT_EVENT: {}})])
def test_a_claim_of_another_kind_is_refused(trial, claim, value):
    refused(trial, claims(**{claim: value}), TokenClaimError, "no_other_kind", claim)
    refused(trial, claims(**{claim: None}), TokenClaimError, "no_other_kind", claim)


@pytest.mark.parametrize("claim", ["sub", "client_id", "sid"])
@values("", " x", "a\nb", "x" * 256, 7, True, ["x"], {"x": 1})
def test_a_name_that_is_not_printable_text_is_refused(trial, claim, value):
    refused(trial, claims(**{claim: value}), TokenClaimError, "claims", claim)


@values("", " openid", "openid  email", 'a"b', ["openid"], True, "s" * 1025)
def test_a_scope_that_is_not_of_its_form_is_refused(trial, value):
    refused(trial, claims(scope=value), TokenClaimError, "claims", "scope")


@values("j" * 21, "j" * 65, "a b" * 10, 7)
def test_an_identifier_that_is_not_of_its_form_is_refused(trial, value):
    refused(trial, claims(jti=value), TokenClaimError, "claims", "jti")


def test_an_access_token_of_over_ten_minutes_is_refused(trial):
    refused(trial, dates(exp=601), TokenClaimError, "lifetime", "exp")


def test_an_access_token_from_the_future_is_refused(trial):
    refused(trial, dates(iat=6, exp=60), TokenNotYetValidError, "time", "iat")
    assert trial.refusal(dates(iat=5, exp=60)) is None


def test_a_forged_access_token_is_refused(trial, strangers_key):
    draft = trial.draft()
    draft.private_key = strangers_key
    with pytest.raises(TokenSignatureError):
        trial.verify(draft.signed())


def test_a_revoked_access_token_is_refused_and_named(key_ring, clock):
    trial = AccessTrial(key_ring, clock, Revocations(revoked="a" * 43))
    error = trial.refusal()
    assert (type(error), error.code, error.check) == (
        TokenRevokedError,
        "token_revoked",
        "not_revoked",
    )
    assert error.jwt_id == "a" * 43
    assert trial.refusal(claims(jti="b" * 43)) is None


def test_only_a_good_token_is_looked_up_among_the_revoked(key_ring, clock):
    revocations = Revocations()
    trial = AccessTrial(key_ring, clock, revocations)
    assert trial.refusal(dates(iat=-700, exp=-100)) is not None
    assert trial.refusal(claims(aud="other")) is not None
    assert revocations.asked == []
    assert trial.refusal() is None
    assert revocations.asked == ["a" * 43]


def test_a_token_of_which_nothing_is_known_lets_nobody_in(key_ring, clock):
    trial = AccessTrial(key_ring, clock, Revocations(out_of_reach=True))
    with pytest.raises(CodeStoreUnavailableError):
        trial.present()
