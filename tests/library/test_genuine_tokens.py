"""A token that is presented again: its signature is known, and all else is checked as before."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_handoff.claims import UnverifiedToken
from flask_handoff.errors import (
    TokenClaimError,
    TokenExpiredError,
    TokenKeyUnknownError,
    TokenNotYetValidError,
    TokenRevokedError,
    TokenSignatureError,
)
from flask_handoff.keys import VerificationKey
from flask_handoff.tokens import AccessTokenVerifier, GenuineTokens, TokenMinter
from tests.token_trial import ISSUER, SERVICE, AccessTrial

KEYS = [rsa.generate_private_key(65537, 2048).public_key() for _ in range(2)]


class WatchedKey:
    """A key that knows whether anything was verified with it."""

    def __init__(self, key):
        self.kid, self.signature_length = key.kid, key.signature_length
        self._public_key = key.public_key
        self.used = 0

    @property
    def public_key(self):
        self.used += 1
        return self._public_key


class Keys:
    """What the issuer publishes at the moment."""

    def __init__(self, *keys):
        self.published = {key.kid: key for key in keys}

    def key(self, kid):
        if kid not in self.published:
            raise TokenKeyUnknownError("not published")
        return self.published[kid]

    def replace_by_watched(self):
        (kid, key), *_ = self.published.items()
        self.published[kid] = WatchedKey(key)
        return self.published[kid]


class Revocations:
    def __init__(self):
        self.revoked = set()

    def check_not_revoked(self, claims, _token):
        if claims.jwt_id in self.revoked:
            raise TokenRevokedError("revoked")


@pytest.fixture
def keys(key_ring):
    return Keys(key_ring.signing_key.verification_key)


@pytest.fixture
def trial(key_ring, keys, clock):
    trial = AccessTrial(key_ring, clock)
    trial.verifier = AccessTokenVerifier(
        issuer=ISSUER,
        audience=SERVICE,
        keys=keys,
        revocations=Revocations(),
        genuine=GenuineTokens(),
        clock=clock,
    )
    return trial


@pytest.fixture
def token(trial):
    """One that was accepted before."""
    token = trial.draft().signed()
    trial.verify(token)
    return token


def test_a_signature_is_verified_once_and_says_the_same(trial, keys):
    key, token = keys.replace_by_watched(), trial.draft().signed()
    first, used = trial.verify(token), key.used
    assert used > 0
    assert (trial.verify(token), key.used) == (first, used)


def test_a_token_that_was_changed_is_not_the_same_token(trial, token):
    header, payload, signature = token.split(".")
    other = "A" if signature[0] != "A" else "B"
    with pytest.raises(TokenSignatureError):
        trial.verify(UnverifiedToken(f"{header}.{payload}.{other}{signature[1:]}"))


def test_a_token_of_a_key_withdrawn_is_refused_at_once(trial, token, keys):
    keys.published.clear()
    with pytest.raises(TokenKeyUnknownError):
        trial.verify(token)


def test_another_key_of_the_same_name_proves_nothing(trial, token, keys):
    kid = next(iter(keys.published))
    keys.published[kid] = VerificationKey(kid, KEYS[0])
    for _ in range(2):
        with pytest.raises(TokenSignatureError):
            trial.verify(token)


def test_a_key_that_was_fetched_anew_is_asked_again(trial, token, keys):
    key = keys.replace_by_watched()
    trial.verify(token)
    assert key.used > 0


def test_a_token_known_expires_all_the_same(trial, token, clock):
    clock.tick(seconds=605)
    with pytest.raises(TokenExpiredError) as refusal:
        trial.verify(token)
    assert (refusal.value.check, refusal.value.jwt_id) == ("time", "a" * 43)


def test_a_clock_set_back_refuses_a_token_known(trial, token, clock):
    clock.tick(seconds=-6)
    with pytest.raises(TokenNotYetValidError):
        trial.verify(token)


def test_a_token_known_can_be_revoked(trial, token):
    trial.verifier.revocations.revoked.add("a" * 43)
    with pytest.raises(TokenRevokedError):
        trial.verify(token)


def test_a_genuine_token_for_another_service_stays_refused(trial):
    draft = trial.draft()
    draft.payload["aud"] = "https://elsewhere.example"
    token = draft.signed()
    for _ in range(2):
        with pytest.raises(TokenClaimError) as refusal:
            trial.verify(token)
        assert refusal.value.claim == "aud"


def test_a_genuine_token_with_a_claim_of_another_form_stays_refused(trial):
    draft = trial.draft()
    draft.payload["client_id"] = ["program"]
    token = draft.signed()
    for _ in range(2):
        with pytest.raises(TokenClaimError) as refusal:
            trial.verify(token)
        assert (refusal.value.check, refusal.value.claim) == ("claims", "client_id")


def test_two_tokens_known_are_two(trial, token):
    draft = trial.draft()
    draft.payload["scope"] = "notes:write"
    other = draft.signed()
    for _ in range(2):
        assert trial.verify(other).scope == {"notes:write"}
        assert trial.verify(token).scope != {"notes:write"}


@pytest.fixture
def mint(trial, keys, key_ring, clock):
    """Mints a token where it will be presented."""
    keys.signing_key = key_ring.signing_key
    minter = TokenMinter(issuer=ISSUER, key_ring=keys, genuine=trial.verifier.genuine, clock=clock)

    def mint_token(scope=("notes:read", "notes:write"), session_id="a-session"):
        return minter.mint_access(
            subject="ada",
            client_id="program",
            audience=SERVICE,
            scope=frozenset(scope),
            session_id=session_id,
            jwt_id="a" * 43,
        )

    return mint_token


@pytest.mark.parametrize("less", [{}, {"scope": ()}, {"session_id": None}])
def test_what_was_minted_here_is_known_and_says_the_same(trial, keys, mint, less):
    key = keys.replace_by_watched()
    token = mint(**less)
    known = trial.verify(token)
    assert key.used == 0
    trial.verifier.genuine = None
    assert trial.verify(token) == known
    assert key.used > 0


def test_what_was_minted_here_dies_with_its_key(trial, keys, mint):
    token = mint()
    keys.published.clear()
    with pytest.raises(TokenKeyUnknownError):
        trial.verify(token)


def test_a_key_withdrawn_while_it_signs_makes_nothing_known(trial, keys, mint):
    (published,) = keys.published.items()
    keys.published.clear()
    token = mint()
    keys.published.update([published])
    key = keys.replace_by_watched()
    trial.verify(token)
    assert key.used > 0


def test_of_too_many_the_one_presented_least_lately_goes():
    known, key = GenuineTokens(most=2), VerificationKey("one", KEYS[0])
    for token in ("a", "b"):
        known.keep(token, key, {"jti": token})
    kept = known.find("a", key)
    assert kept.payload == {"jti": "a"}
    known.keep("c", key, {"jti": "c"})
    assert known.find("a", key) is kept
    assert (known.find("b", key), known.find("c", key).payload) == (None, {"jti": "c"})
    assert known.find("a", VerificationKey("one", KEYS[1])) is None
    assert known.find("a", key) is None
