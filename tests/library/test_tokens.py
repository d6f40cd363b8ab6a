import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_handoff import HANDOFF, OIDC, KeyRing, SignedInUser, TokenMinter
from flask_handoff.errors import (
    AttemptUnknownError,
    JWKSUnavailableError,
    ReplayStoreUnavailableError,
    TokenClaimError,
    TokenExpiredError,
    TokenKeyUnknownError,
    TokenMalformedError,
    TokenNotYetValidError,
    TokenReplayedError,
)
from flask_handoff.keys import new_key
from flask_handoff.profiles import LOGOUT, OIDC_LOGOUT
from flask_handoff.tokens.one_use import REPLAY_MARGIN
from flask_handoff.tokens.verification import MAXIMUM_TOKEN_LENGTH
from tests.token_trial import (
    CLIENT_ID,
    ISSUER,
    NONCE,
    LogoutTrial,
    TokenTrial,
    claims,
    dates,
    header,
    without,
)


@pytest.fixture
def trial(key_ring, clock):
    return TokenTrial(key_ring, clock)


@pytest.fixture
def oidc_trial(key_ring, clock):
    return TokenTrial(key_ring, clock, profile=OIDC)


@pytest.fixture
def minter(key_ring, clock):
    return TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock)


AUTH_TIME = datetime(2026, 1, 1, 11, 30, 0, 900_000, tzinfo=UTC)
ADA = SignedInUser(
    "u-7d9f2c", "a-session-at-server1", AUTH_TIME, "Ada", "ada@example.com", email_verified=True
)
ALL_SCOPES = frozenset({"openid", "profile", "email", "notes:read"})


def mint(minter, profile=HANDOFF, user=ADA, scope=ALL_SCOPES):
    return minter.mint(profile, user, audience=CLIENT_ID, nonce=NONCE, scope=scope)


def opened(token):
    """Return header and payload as anybody can read them."""
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


# Minting.


def test_a_minted_token_says_whose_it_is_for_whom_and_for_how_long(minter, clock, key_ring):
    head, payload = opened(mint(minter))
    now = int(clock().timestamp())
    assert head == {"alg": "RS256", "kid": key_ring.signing_key.kid, "typ": "handoff+jwt"}
    assert len(payload.pop("jti")) == 43
    assert payload == {
        "iss": ISSUER,
        "sub": "u-7d9f2c",
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 60,
        "nonce": NONCE,
        "sid": "a-session-at-server1",
        "auth_time": now - 1800,
        "scope": "email notes:read openid profile",
        "name": "Ada",
        "email": "ada@example.com",
        "email_verified": True,
    }


def test_a_token_for_a_foreign_library_has_the_plain_type(minter):
    assert opened(mint(minter, OIDC))[0]["typ"] == "JWT"


def test_no_two_tokens_share_an_identifier(minter):
    assert opened(mint(minter))[1]["jti"] != opened(mint(minter))[1]["jti"]


@pytest.mark.parametrize(
    ("scope", "claims"),
    [("profile", {"name"}), ("email", {"email", "email_verified"}), ("notes:read", set())],
)
def test_what_a_token_says_about_a_person_follows_the_scope(minter, scope, claims):
    _, payload = opened(mint(minter, scope=frozenset({"openid", scope})))
    assert payload.keys() & {"name", "email", "email_verified"} == claims


def test_a_minted_token_of_2048_bits_is_far_from_the_longest_allowed(minter):
    assert len(mint(minter)) < MAXIMUM_TOKEN_LENGTH / 3


@pytest.mark.parametrize("profile", [HANDOFF, OIDC], ids=lambda profile: profile.name)
def test_what_is_minted_is_what_is_proved(key_ring, minter, clock, profile):
    proved = TokenTrial(key_ring, clock, profile).verify(mint(minter, profile))
    assert (proved.issuer, proved.subject, proved.audience) == (ISSUER, "u-7d9f2c", CLIENT_ID)
    assert (proved.issued_at, proved.expires_at) == (clock(), clock() + timedelta(seconds=60))
    assert proved.auth_time == datetime(2026, 1, 1, 11, 30, tzinfo=UTC)
    assert proved.scope == ALL_SCOPES
    assert (proved.name, proved.email, proved.email_verified) == ("Ada", "ada@example.com", True)
    assert (proved.nonce, proved.session_id) == (NONCE, "a-session-at-server1")
    assert proved.kid == key_ring.signing_key.kid
    assert len(proved.jwt_id) == 43


def test_nothing_is_made_up_about_a_person(trial, minter):
    somebody = SignedInUser("u-7d9f2c", "a-session-at-server1", AUTH_TIME)
    proved = trial.verify(mint(minter, user=somebody))
    assert (proved.name, proved.email, proved.email_verified) == (None, None, False)


# Minting logout tokens.


def test_a_minted_logout_token_says_which_session_ended_and_when(minter, clock, key_ring):
    token = minter.mint_logout(
        audience=CLIENT_ID,
        session_id="a-session-at-server1",
        subject="u-7d9f2c",
        ended_at=datetime(2026, 1, 1, 11, 30, 0, 900_000, tzinfo=UTC),
    )
    head, payload = opened(token)
    now = int(clock().timestamp())
    assert head == {"alg": "RS256", "kid": key_ring.signing_key.kid, "typ": "logout+jwt"}
    assert len(payload.pop("jti")) == 43
    assert payload == {
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 120,
        "sid": "a-session-at-server1",
        "sub": "u-7d9f2c",
        "toe": now - 1800,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }


@pytest.mark.parametrize("whose", [{"session_id": "s"}, {"subject": "u"}])
@pytest.mark.parametrize("profile", [LOGOUT, OIDC_LOGOUT], ids=lambda profile: profile.name)
def test_a_minted_logout_token_is_what_is_proved(key_ring, minter, clock, profile, whose):
    token = minter.mint_logout(audience=CLIENT_ID, ended_at=clock(), **whose)
    proved = LogoutTrial(key_ring, clock, profile).verify(token)
    slack = timedelta(seconds=10 if "subject" in whose else 0)
    assert (proved.issuer, proved.ended_at) == (ISSUER, clock() + slack)
    assert (proved.session_id, proved.subject) == (whose.get("session_id"), whose.get("subject"))


def test_a_logout_token_about_nobody_is_not_minted(minter, clock):
    with pytest.raises(ValueError, match="names a session or an account"):
        minter.mint_logout(audience=CLIENT_ID, ended_at=clock())


def test_a_clock_that_went_back_makes_no_logout_token_that_is_refused(key_ring, minter, clock):
    later = clock() + timedelta(seconds=5)
    token = minter.mint_logout(audience=CLIENT_ID, ended_at=later, subject="u")
    assert LogoutTrial(key_ring, clock).verify(token).ended_at == clock() + timedelta(seconds=10)


# One use.


def test_a_token_is_accepted_only_once(trial):
    token = trial.draft().signed()
    trial.verify(token)
    with pytest.raises(TokenReplayedError) as refused:
        trial.verify(token)
    assert refused.value.code == "token_replayed"


def test_a_token_is_refused_as_used_by_any_verifier_that_shares_the_store(key_ring, clock):
    one, another = TokenTrial(key_ring, clock), TokenTrial(key_ring, clock)
    another.verifier.replay_store = one.store
    one.present()
    assert isinstance(another.refusal(), TokenReplayedError)


def test_a_used_token_is_remembered_for_a_minute_longer_than_it_is_accepted(trial):
    trial.present()
    assert trial.store.claimed == [(ISSUER, "j" * 43, trial.now + 60 + 5 + 60)]
    assert timedelta(seconds=60) == REPLAY_MARGIN


def test_a_token_is_not_accepted_again_in_the_last_second_of_its_life(trial):
    token = trial.draft().signed()
    trial.verify(token)
    trial.clock.tick(seconds=64)
    with pytest.raises(TokenReplayedError):
        trial.verify(token)
    trial.clock.tick(seconds=1)
    with pytest.raises(TokenExpiredError):
        trial.verify(token)


def test_nobody_is_let_in_while_the_store_is_out_of_reach(trial):
    trial.store.out_of_reach = True
    with pytest.raises(ReplayStoreUnavailableError):
        trial.present()
    trial.store.out_of_reach = False
    assert trial.refusal() is None


def test_a_foreign_token_without_identifier_is_good_once_by_its_nonce(oidc_trial):
    assert oidc_trial.present(without("jti")).jwt_id is None
    assert isinstance(oidc_trial.refusal(without("jti")), TokenReplayedError)


def test_a_foreign_token_without_identifier_is_remembered_until_the_attempt_ends(oidc_trial):
    ends_at = oidc_trial.clock() + timedelta(minutes=10)
    oidc_trial.present(without("jti"), remember_until=ends_at)
    assert oidc_trial.store.claimed == [(ISSUER, f"nonce:{NONCE}", int(ends_at.timestamp()))]


@pytest.mark.parametrize("remember_until", [None, timedelta(seconds=1)])
def test_a_foreign_token_is_remembered_no_shorter_than_it_could_be_accepted(
    oidc_trial, remember_until
):
    ends_at = remember_until and oidc_trial.clock() + remember_until
    oidc_trial.present(without("jti"), remember_until=ends_at)
    assert oidc_trial.store.claimed[0][2] == oidc_trial.now + 60 + 5 + 60


# One browser.


def test_a_token_is_refused_in_a_browser_without_an_attempt_and_spent(trial):
    token = trial.draft().signed()
    with pytest.raises(AttemptUnknownError) as refused:
        trial.verify(token, nonce=None)
    assert refused.value.code == "attempt_unknown"
    with pytest.raises(TokenReplayedError):
        trial.verify(token)


@pytest.mark.parametrize("nonce", [NONCE[:-1], NONCE + "x", NONCE.upper(), "", "ñ"])
def test_a_token_of_another_attempt_is_refused_and_spent(trial, nonce):
    error = trial.refusal(nonce=nonce)
    assert (error.code, error.claim) == ("token_claim", "nonce")
    assert isinstance(trial.refusal(), TokenReplayedError)


def test_a_forged_token_in_the_wrong_browser_writes_nothing(trial, strangers_key):
    def forged(draft):
        draft.private_key = strangers_key

    assert trial.refusal(forged, nonce=None) is not None
    assert trial.store.claimed == []


# A sign-in as lately as was asked for.


def test_a_sign_in_is_late_enough_up_to_the_leeway(trial):
    asked = trial.clock() - timedelta(seconds=25)
    assert trial.refusal(dates(auth_time=-30), authenticated_after=asked) is None


def test_a_sign_in_before_the_time_asked_for_is_refused(trial):
    asked = trial.clock() - timedelta(seconds=25)
    error = trial.refusal(dates(auth_time=-31), authenticated_after=asked)
    assert (type(error), error.claim) == (TokenClaimError, "auth_time")


def test_a_leaked_token_is_spent_whatever_the_age_of_its_sign_in(trial):
    asked = trial.clock()
    error = trial.refusal(nonce="of another attempt", authenticated_after=asked)
    assert error.claim == "nonce"
    assert isinstance(trial.refusal(), TokenReplayedError)


def test_a_foreign_token_need_not_tell_when_its_user_signed_in(oidc_trial):
    assert oidc_trial.refusal(without("auth_time")) is None


def test_a_foreign_token_that_does_not_tell_when_is_refused_where_it_was_asked(oidc_trial):
    error = oidc_trial.refusal(without("auth_time"), authenticated_after=oidc_trial.clock())
    assert (type(error), error.claim) == (TokenClaimError, "auth_time")


# Two clocks. The leeway is 5 seconds: in one place, and exact.


@pytest.mark.parametrize(("ahead", "accepted"), [(0, True), (5, True), (5.001, False), (6, False)])
def test_an_issuer_whose_clock_is_ahead(trial, ahead, accepted):
    draft = trial.draft()
    trial.clock.tick(seconds=-ahead)
    error = trial.refusal(lambda _: draft.signed())
    assert (error is None) == accepted
    assert accepted or (type(error), error.claim) == (TokenNotYetValidError, "iat")


@pytest.mark.parametrize(
    ("age", "accepted"), [(0, True), (64.999, True), (65, False), (600, False)]
)
def test_a_token_lives_a_minute_and_the_leeway(trial, age, accepted):
    draft = trial.draft()
    trial.clock.tick(seconds=age)
    error = trial.refusal(lambda _: draft.signed())
    assert (error is None) == accepted
    assert accepted or isinstance(error, TokenExpiredError)


def test_an_expired_token_names_the_claim_and_for_how_long(trial):
    draft = trial.draft()
    trial.clock.tick(minutes=5)
    error = trial.refusal(lambda _: draft.signed())
    assert (error.claim, str(error)) == ("exp", 'claim "exp" (expiration time): expired 240 s ago')


@pytest.mark.parametrize(
    ("profile", "issued", "accepted"),
    [(HANDOFF, 60, 120), (OIDC, 60, 600)],
    ids=["handoff", "oidc"],
)
def test_the_numbers_of_each_kind(profile, issued, accepted):
    assert profile.lifetime == timedelta(seconds=issued)
    assert profile.accepted_for == timedelta(seconds=accepted)
    assert profile.leeway == timedelta(seconds=5)


# What foreign issuers write.


@pytest.mark.parametrize(
    "members", [{"typ": "JWT"}, {"typ": "jwt"}, {"x5t": "a"}, {"x5t#S256": "a"}]
)
def test_a_foreign_header_is_accepted(oidc_trial, members):
    assert oidc_trial.refusal(header(**members)) is None


def test_a_foreign_token_without_a_type_is_accepted(oidc_trial):
    assert oidc_trial.refusal(lambda draft: draft.header.pop("typ") and None) is None


@pytest.mark.parametrize("jwt_id", ["1", "short", "a:b/c", "x" * 255])
def test_a_foreign_identifier_of_any_printable_form_is_accepted(oidc_trial, jwt_id):
    assert oidc_trial.present(claims(jti=jwt_id)).jwt_id == jwt_id


# Keys.


def test_a_token_signed_by_another_key_of_the_issuer_is_good(tmp_path, clock, key_ring):
    new_key(tmp_path / "keys")
    trial = TokenTrial(KeyRing.open(tmp_path / "keys"), clock)
    assert trial.refusal() is None
    error = trial.refusal(header(kid=key_ring.signing_key.kid))
    assert (type(error), error.code) == (TokenKeyUnknownError, "token_key_unknown")


class KeysOutOfReach:
    def key(self, kid):
        raise JWKSUnavailableError("no key can be had")

    ready = key


def test_without_any_key_nothing_is_said_about_a_token(key_ring, clock):
    trial = TokenTrial(key_ring, clock, keys=KeysOutOfReach())
    with pytest.raises(JWKSUnavailableError):
        trial.present()
    assert trial.store.claimed == []


class WeakKey:
    """A key source that does not check what it offers, which ours do."""

    kid = "weak"
    signature_length = 342

    def __init__(self, private_key):
        self.public_key = private_key.public_key()

    def key(self, kid):
        return self

    def ready(self):
        raise NotImplementedError


def test_a_key_of_2047_bits_verifies_nothing_wherever_it_comes_from(key_ring, clock):
    # Its signatures are as long as those of 2048 bits.
    weak = rsa.generate_private_key(65537, 2047)  # noqa: S505 - that it is weak is the point
    trial = TokenTrial(key_ring, clock, keys=WeakKey(weak))

    def signed_by_it(draft):
        draft.private_key = weak

    error = trial.refusal(signed_by_it)
    assert isinstance(error, TokenMalformedError)
    assert trial.store.claimed == []


@pytest.mark.parametrize(
    "about",
    [
        {"subject": 4711},
        {"subject": ""},
        {"subject": "a" * 256},
        {"session_id": 99},
        {"session_id": None},
        {"auth_time": AUTH_TIME.replace(tzinfo=None)},
        {"auth_time": AUTH_TIME.timestamp()},
        {"name": "Ada\tLovelace"},
        {"name": "A\u202eda"},
        {"name": "Ada \ud83d"},
        {"name": "a" * 256},
        {"name": b"Ada"},
        {"email": "ada@example.com "},
        {"email": " "},
        {"email_verified": 1},
    ],
    ids=repr,
)
def test_a_user_of_whom_no_receiver_could_read_is_refused(about):
    (field,) = about
    with pytest.raises((TypeError, ValueError), match=rf"^SignedInUser\.{field} must be"):
        SignedInUser(**{"subject": "ada", "session_id": "s", "auth_time": AUTH_TIME, **about})
