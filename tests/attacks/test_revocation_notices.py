"""Revocation notices that are well signed, and name what they may not, or nothing."""

from datetime import timedelta

import pytest

from flask_handoff import Revocation, TokenMinter, UnverifiedToken
from flask_handoff.errors import ReplayStoreUnavailableError, TokenExpiredError, TokenReplayedError
from flask_handoff.profiles import LOGOUT_EVENT, SESSION_REVOKED, TOKEN_REVOKED, TOKENS_REVOKED
from tests.token_trial import CLIENT_ID, ISSUER, NoticeTrial, claims, dates, header, without

DATE = 1_900_000_000


@pytest.fixture
def trial(key_ring, clock):
    return NoticeTrial(key_ring, clock)


@pytest.fixture
def mint(key_ring, clock):
    minter = TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock)
    return lambda revocation: minter.mint_revocation(audience=CLIENT_ID, revocation=revocation)


@pytest.mark.parametrize(
    "named",
    [
        {"jwt_id": "j" * 43},
        {"family_id": "f" * 24},
        {"session_id": "a-session"},
        {"subject": "u"},
        {"client_id": "reader"},
        {},
    ],
    ids=["token", "family", "session", "user", "client", "everything"],
)
def test_what_is_minted_is_what_the_notice_proves(trial, mint, clock, named):
    date = "expires_at" if "jwt_id" in named else "valid_after"
    revocation = Revocation(**named, **{date: clock() + timedelta(seconds=1)})
    assert trial.verify(UnverifiedToken(mint(revocation))) == revocation


BAD_EVENTS = {
    "no object": [TOKENS_REVOKED],
    "none": {},
    "a logout": {LOGOUT_EVENT: {}},
    "two events": {
        TOKENS_REVOKED: {"valid_after": DATE},
        SESSION_REVOKED: {"sid": "s", "valid_after": DATE},
    },
    "no event object": {TOKENS_REVOKED: DATE},
    "a token without a date": {TOKEN_REVOKED: {"jti": "j" * 43}},
    "a token and a user": {TOKEN_REVOKED: {"jti": "j" * 43, "exp": DATE, "sub": "u"}},
    "a session without a date": {SESSION_REVOKED: {"sid": "s"}},
    "a session that is null": {SESSION_REVOKED: {"sid": None, "valid_after": DATE}},
    "a session without a name": {SESSION_REVOKED: {"valid_after": DATE}},
    "a user that is null": {TOKENS_REVOKED: {"sub": None, "valid_after": DATE}},
    "a family and a user": {TOKENS_REVOKED: {"family_id": "f", "sub": "u", "valid_after": DATE}},
    "a user and a client": {TOKENS_REVOKED: {"sub": "u", "client_id": "c", "valid_after": DATE}},
    "a name not known": {TOKENS_REVOKED: {"group": "g", "valid_after": DATE}},
    "everything without a date": {TOKENS_REVOKED: {}},
}


@pytest.mark.parametrize("events", BAD_EVENTS.values(), ids=BAD_EVENTS)
def test_a_notice_names_one_thing_in_a_known_way(trial, events):
    error = trial.refusal(claims(events=events))
    assert (error.code, error.claim, error.check) == ("token_claim", "events", "event")
    assert trial.store.claimed == []


@pytest.mark.parametrize(
    ("told", "claim"),
    [
        ({"sub": 7}, "sub"),
        ({"sub": " u"}, "sub"),
        ({"sub": "u" * 256}, "sub"),
        ({"client_id": "\u202e"}, "client_id"),
        ({"jti": "short", "exp": DATE}, "jti"),
        ({"sub": "u", "valid_after": True}, "valid_after"),
        ({"sub": "u", "valid_after": 1.5}, "valid_after"),
        ({"sub": "u", "valid_after": -1}, "valid_after"),
    ],
)
def test_what_it_names_is_of_its_type_and_form(trial, told, claim):
    is_token = "jti" in told
    event = told if is_token else {"valid_after": trial.now, **told}
    error = trial.refusal(claims(events={TOKEN_REVOKED if is_token else TOKENS_REVOKED: event}))
    assert (error.code, error.claim) == ("token_claim", claim)


def test_a_date_ahead_would_lock_out_whoever_signs_in(trial):
    def cut(ahead):
        return claims(events={TOKENS_REVOKED: {"valid_after": trial.now + ahead}})

    assert trial.refusal(cut(11)).claim == "valid_after"
    assert trial.refusal(cut(10)) is None


@pytest.mark.parametrize("claim", ["nonce", "sub", "sid", "client_id"])
def test_a_notice_bears_no_claim_of_another_kind(trial, claim):
    assert trial.refusal(claims(**{claim: "u-7d9f2c"})).check == "no_other_kind"


@pytest.mark.parametrize("claim", ["iss", "aud", "iat", "exp", "jti", "events"])
def test_each_claim_of_a_notice_is_required(trial, claim):
    assert trial.refusal(without(claim)).claim == claim


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (header(typ="logout+jwt"), "header"),
        (header(typ="JWT"), "header"),
        (header(typ="at+jwt"), "header"),
        (claims(iss="https://other.example"), "issuer"),
        (claims(aud="another"), "audience"),
        (claims(aud=[CLIENT_ID]), "audience"),
        (claims(jti="short"), "claims"),
        (dates(exp=121), "lifetime"),
        (dates(iat=11, exp=60), "time"),
    ],
)
def test_a_notice_meets_the_checks_of_every_kind(trial, change, check):
    assert trial.refusal(change).check == check
    assert trial.store.claimed == []


def test_an_old_notice_is_refused(trial, clock):
    notice = trial.draft().signed()
    clock.tick(seconds=130)
    with pytest.raises(TokenExpiredError):
        trial.verify(notice)


def test_a_notice_counts_once(trial):
    trial.present()
    with pytest.raises(TokenReplayedError):
        trial.present()


def test_without_a_replay_store_no_notice_counts(trial):
    trial.store.out_of_reach = True
    with pytest.raises(ReplayStoreUnavailableError):
        trial.present()


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"jwt_id": "j"},
        {"subject": "", "valid_after": "date"},
        {"subject": "u", "client_id": "c"},
        {"family_id": "f", "session_id": "s"},
        {"subject": "u", "expires_at": "date"},
        {"jwt_id": "j", "expires_at": "date", "valid_after": "date"},
        {"subject": "u", "valid_after": "half"},
    ],
    ids=str,
)
def test_a_revocation_that_says_two_things_or_none_is_no_revocation(clock, named):
    values = {"date": clock(), "half": clock().replace(microsecond=500_000)}
    with pytest.raises(ValueError, match="revocation"):
        Revocation(**{name: values.get(value, value) for name, value in named.items()})
