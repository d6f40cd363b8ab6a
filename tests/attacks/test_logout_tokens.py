"""Logout tokens that are well written and well signed, and claim what they may not."""

from datetime import UTC, datetime, timedelta

import pytest

from flask_handoff.claims import Logout
from flask_handoff.errors import (
    HandoffRejectedError,
    ReplayStoreUnavailableError,
    TokenClaimError,
    TokenExpiredError,
    TokenMalformedError,
    TokenNotYetValidError,
    TokenReplayedError,
)
from flask_handoff.profiles import LOGOUT_EVENT, OIDC_LOGOUT
from flask_handoff.tokens.claim_reader import LATEST_DATE
from tests.token_trial import (
    CLIENT_ID,
    ISSUER,
    LogoutTrial,
    claims,
    dates,
    header,
    without,
)

CLAIM = (TokenClaimError, "token_claim")
EXPIRED = (TokenExpiredError, "token_expired")
NOT_YET = (TokenNotYetValidError, "token_not_yet_valid")
MALFORMED = (TokenMalformedError, "token_malformed")


@pytest.fixture
def trial(key_ring, clock):
    return LogoutTrial(key_ring, clock)


@pytest.fixture
def oidc_trial(key_ring, clock):
    return LogoutTrial(key_ring, clock, profile=OIDC_LOGOUT)


def refused(trial, change, expected, claim):
    """Check the error's class, code and claim, and that nothing was written about the token."""
    error = trial.refusal(change)
    assert error is not None, "the token was accepted"
    assert (type(error), error.code) == expected
    assert error.claim == claim
    assert trial.store.claimed == []


def values(*unwanted):
    return pytest.mark.parametrize("value", unwanted, ids=lambda value: ascii(value)[:60])


def test_a_logout_token_says_which_session_has_ended_and_when(trial):
    assert trial.present() == Logout(
        issuer=ISSUER,
        subject="u-7d9f2c",
        session_id="a-session-at-server1",
        ended_at=datetime(2026, 1, 1, 11, 59, 30, tzinfo=UTC),
    )


def test_an_account_s_sessions_end_up_to_twice_the_leeway_later(trial):
    # The issuer said 11:59:30, and two of its machines may differ by 10 s.
    proved = trial.present(without("sid"))
    assert proved.ended_at == datetime(2026, 1, 1, 11, 59, 40, tzinfo=UTC)


def test_the_session_that_it_names_may_go_on_at_the_issuer(trial):
    proved = trial.present(claims(valid_after=1767268801))
    assert proved.valid_after == datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC)


def test_an_account_never_goes_on(trial):
    assert trial.present(claims(sid=None, valid_after=1767268801)).valid_after is None


@values("1767268801", True, -1, [], 253_402_300_800)
def test_an_instant_of_another_form_is_refused(trial, value):
    refused(trial, claims(valid_after=value), CLAIM, "valid_after")


def test_it_may_name_the_session_alone_or_the_account_alone(trial):
    assert trial.present(without("sub")).subject is None
    assert trial.present(claims(sid=None, jti="m" * 43)).session_id is None


def test_without_the_time_of_the_event_it_ended_when_the_token_was_issued(trial, clock):
    def change(draft):
        del draft.payload["toe"], draft.payload["sid"]

    assert trial.present(change).ended_at == clock() + timedelta(seconds=10)


@values("http://schemas.openid.net/event/backchannel-logout/", "urn:x", LOGOUT_EVENT.upper(), "")
def test_another_event_is_refused(trial, value):
    refused(trial, claims(events={value: {}}), CLAIM, "events")


@values(
    *(LOGOUT_EVENT, [LOGOUT_EVENT], [{LOGOUT_EVENT: {}}], {}, [], True, 1, ""),
    *({LOGOUT_EVENT: None}, {LOGOUT_EVENT: True}, {LOGOUT_EVENT: "{}"}, {LOGOUT_EVENT: []}),
)
def test_an_event_that_is_no_object_in_an_object_is_refused(trial, value):
    refused(trial, claims(events=value), CLAIM, "events")


def test_what_an_event_says_beside_its_name_is_ignored(trial):
    more = {LOGOUT_EVENT: {"revoke_offline_access": True}, "urn:example:another": {}}
    assert trial.refusal(claims(events=more)) is None


@values("n" * 43, "", None, 0, [], {})
def test_a_nonce_is_refused_whatever_it_is(trial, oidc_trial, value):
    refused(trial, claims(nonce=value), CLAIM, "nonce")
    refused(oidc_trial, claims(nonce=value), CLAIM, "nonce")


def without_a_name(draft):
    del draft.payload["sid"], draft.payload["sub"]


@pytest.mark.parametrize("change", [without_a_name, claims(sid=None, sub=None)])
def test_a_logout_token_that_names_nobody_is_refused(trial, oidc_trial, change):
    refused(trial, change, CLAIM, "sid")
    refused(oidc_trial, change, CLAIM, "sid")


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "jti", "events"])
def test_a_logout_token_without_one_of_its_claims_is_refused(trial, oidc_trial, claim):
    refused(trial, without(claim), CLAIM, claim)
    refused(oidc_trial, without(claim), CLAIM, claim)


@values(f"{ISSUER}/", "https://other.example.com", [ISSUER], None, "")
def test_another_issuer_is_refused(trial, value):
    refused(trial, claims(iss=value), CLAIM, "iss")


@values("another-receiver", "Server2", [CLIENT_ID], [CLIENT_ID, "evil"], None, "")
def test_a_logout_token_for_another_receiver_is_refused(trial, value):
    refused(trial, claims(aud=value), CLAIM, "aud")


@pytest.mark.parametrize("claim", ["sid", "sub"])
@values("", " x", "a\nb", "a\x00b", "x" * 256, 7, True, ["x"], {"x": 1})
def test_a_name_that_is_not_printable_text_is_refused(trial, claim, value):
    refused(trial, claims(**{claim: value}), CLAIM, claim)


def test_an_account_s_logout_at_the_end_of_all_dates_is_refused(trial, oidc_trial):
    change = claims(iat=LATEST_DATE - 1, toe=LATEST_DATE - 1, exp=LATEST_DATE, sid=None)
    refused(trial, change, NOT_YET, "iat")
    refused(oidc_trial, change, NOT_YET, "iat")


@values("", "bWJq", "j" * 21, "j" * 65, "j" * 30 + "\n", 7, ["j" * 43])
def test_an_identifier_that_is_not_of_its_form_is_refused(trial, value):
    refused(trial, claims(jti=value), CLAIM, "jti")


def test_a_foreign_issuer_names_its_tokens_as_it_likes(oidc_trial):
    assert oidc_trial.refusal(claims(jti="bWJq")) is None


def test_a_foreign_logout_token_lives_for_a_day_at_most(oidc_trial):
    refused(oidc_trial, dates(exp=86_401), CLAIM, "exp")


@pytest.mark.parametrize(
    ("offsets", "expected", "claim"),
    [
        pytest.param({"exp": 121}, CLAIM, "exp", id="two minutes and a second"),
        pytest.param({"iat": -86400, "exp": 60, "toe": -86400}, CLAIM, "exp", id="begun yesterday"),
        pytest.param({"exp": 0}, CLAIM, "exp", id="no life at all"),
        pytest.param({"iat": 11, "exp": 60}, NOT_YET, "iat", id="begun 11 s ahead"),
        pytest.param({"iat": -130, "exp": -10, "toe": -130}, EXPIRED, "exp", id="over for 10 s"),
        pytest.param({"iat": -3600, "exp": -3480, "toe": -3600}, EXPIRED, "exp", id="an hour old"),
        pytest.param({"nbf": 11}, NOT_YET, "nbf", id="not before 11 s from now"),
        pytest.param({"toe": 1}, CLAIM, "toe", id="of something to come"),
    ],
)
def test_a_logout_token_outside_of_its_time_is_refused(trial, offsets, expected, claim):
    refused(trial, dates(**offsets), expected, claim)


@pytest.mark.parametrize(
    "offsets",
    [
        pytest.param({"exp": 120}, id="two minutes"),
        pytest.param({"iat": 10, "exp": 60}, id="begun 10 s ahead"),
        pytest.param({"iat": -129, "exp": -9, "toe": -129}, id="over for 9 s"),
        pytest.param({"toe": 0}, id="ended this second"),
        pytest.param({"toe": -(10**6)}, id="ended long ago and told late"),
    ],
)
def test_a_logout_token_is_accepted_up_to_its_limits(trial, offsets):
    assert trial.refusal(dates(**offsets)) is None


@values("1767268800", 1767268800.0, True, 0, -1, [1])
@pytest.mark.parametrize("claim", ["iat", "exp", "toe"])
def test_a_date_that_is_no_whole_number_of_seconds_is_refused(trial, claim, value):
    refused(trial, claims(**{claim: value}), CLAIM, claim)


@pytest.mark.parametrize(
    "typ", ["JWT", "jwt", "handoff+jwt", "at+jwt", "secevent+jwt", "", None, 1, ["logout+jwt"]]
)
def test_another_type_is_refused(trial, typ):
    error = trial.refusal(header(typ=typ))
    assert (type(error), error.code) == MALFORMED


def test_a_type_is_required(trial):
    error = trial.refusal(lambda draft: draft.header.pop("typ") and None)
    assert (type(error), error.code) == MALFORMED


@pytest.mark.parametrize("typ", ["logout+jwt", "application/logout+jwt", "JWT", "jwt"])
def test_a_foreign_issuer_may_use_the_plain_type(oidc_trial, typ):
    assert oidc_trial.refusal(header(typ=typ)) is None


def test_a_foreign_issuer_may_leave_the_type_out(oidc_trial):
    assert oidc_trial.refusal(lambda draft: draft.header.pop("typ") and None) is None


@pytest.mark.parametrize("typ", ["handoff+jwt", "at+jwt", "secevent+jwt", "", 1, ["logout+jwt"]])
def test_a_foreign_issuer_may_use_no_other_type(oidc_trial, typ):
    error = oidc_trial.refusal(header(typ=typ))
    assert (type(error), error.code) == MALFORMED


def test_a_logout_token_is_accepted_only_once(trial):
    token = trial.draft().signed()
    trial.verify(token)
    with pytest.raises(TokenReplayedError):
        trial.verify(token)


def test_a_used_logout_token_is_remembered_for_a_minute_longer_than_it_is_accepted(trial):
    trial.present()
    assert trial.store.claimed == [(ISSUER, "l" * 43, trial.now + 120 + 10 + 60)]


def test_while_it_cannot_be_told_whether_it_was_used_it_is_not_accepted(trial):
    trial.store.out_of_reach = True
    with pytest.raises(ReplayStoreUnavailableError):
        trial.present()


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "jti", "events", "toe"])
def test_a_refusal_does_not_repeat_what_was_claimed(trial, claim):
    error = trial.refusal(claims(**{claim: "secret-of-the-sender\n"}))
    assert isinstance(error, HandoffRejectedError)
    assert "secret-of-the-sender" not in str(error)
