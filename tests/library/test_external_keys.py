"""Keys whose private half is elsewhere: here it never leaves another process."""

import base64
import json
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_handoff import HANDOFF, Client, SignedInUser, TokenMinter
from flask_handoff.errors import (
    ConfigurationError,
    KeyUnusableError,
    LogoutNotDeliveredError,
    SigningUnavailableError,
    TokenKeyUnknownError,
)
from flask_handoff.issuer.logout import deliver_logout
from flask_handoff.keys import ExternalKey, ExternalKeys, VerificationKey, parse_jwks
from tests.minimal_pair import (
    ISSUER,
    Browser,
    Heard,
    is_signed_in,
    issuer_app,
    query_of,
    receiver_app,
)
from tests.signer_process import SignerProcess

FAILURES = [b"say nothing", b"leave", b"use another key", b"leave it empty"]
NO_ANSWER = 0.2  # seconds until the signer is given up, where a test waits for that


@pytest.fixture(scope="module")
def long_lived_signer():
    signer = SignerProcess()
    yield signer
    signer.stop()


@pytest.fixture
def signer():
    signer = SignerProcess()
    signer.timeout = NO_ANSWER
    yield signer
    signer.stop()


def keys_of(signer):
    return ExternalKeys(ExternalKey(signer.public_key, signer.request_signature))


def issuer_of(signer, clock, **settings):
    return issuer_app(keys_of(signer), clock, **settings)


def browser_between(signer, store, clock):
    issuer = issuer_of(signer, clock)
    published = parse_jwks(issuer.test_client().get("/.well-known/jwks.json", base_url=ISSUER).data)
    browser = Browser(issuer, receiver_app(Published(published), store, clock))
    browser.sign_in()
    return browser


class Published:
    """The keys of the issuer's key set, as a receiver has them."""

    def __init__(self, keys):
        self._keys = keys

    def key(self, kid):
        return self._keys[kid]

    def ready(self):
        pass


def mint(key_source, clock):
    return TokenMinter(issuer=ISSUER, key_ring=key_source, clock=clock).mint(
        HANDOFF,
        SignedInUser("u", "s", datetime(2026, 1, 1, tzinfo=UTC), name="Ada ä"),
        audience="notes",
        nonce="a-nonce",
        scope=frozenset({"openid", "profile"}),
    )


@pytest.mark.processes
def test_a_handoff_arrives_that_another_process_has_signed(long_lived_signer, store, clock):
    browser = browser_between(long_lived_signer, store, clock)
    browser.arrive("/notes")
    assert is_signed_in(browser)


def test_a_token_is_byte_for_byte_what_pyjwt_makes(key_ring, clock):
    token = mint(key_ring, clock)
    head, payload = (json.loads(base64.urlsafe_b64decode(f"{part}==")) for part in parts(token))
    assert head == {"alg": "RS256", "kid": key_ring.signing_key.kid, "typ": "handoff+jwt"}
    assert token == jwt.encode(
        payload,
        key_ring.signing_key.private_key,
        algorithm="RS256",
        headers={"kid": head["kid"], "typ": head["typ"]},
    )


def parts(token):
    return token.split(".")[:2]


@pytest.mark.processes
@pytest.mark.parametrize("failure", FAILURES, ids=bytes.decode)
def test_nobody_is_handed_on_without_a_signature(failure, signer, store, clock, caplog):
    browser = browser_between(signer, store, clock)
    heard = Heard(browser.apps[ISSUER])
    signer.behaviour = failure
    with browser.apps[ISSUER].app_context(), pytest.raises(SigningUnavailableError):
        browser.apps[ISSUER].extensions["handoff"].check_ready()
    address = browser.begin("/notes")
    page = browser.get(address)
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "5"
    assert page.headers["Cache-Control"] == "no-store"
    assert "load this page again" in page.text
    assert "Location" not in page.headers
    assert [(name, told["error"].code) for name, told in heard.events] == [
        ("refused", "signing_unavailable")
    ]
    assert "code=signing_unavailable" in caplog.text
    for secret in ("eyJ", "octets", query_of(address)["nonce"]):
        assert secret not in page.text + caplog.text


@pytest.mark.processes
def test_the_same_page_hands_on_when_the_signer_is_back(long_lived_signer, store, clock):
    browser = browser_between(long_lived_signer, store, clock)
    address = browser.begin("/notes")
    long_lived_signer.behaviour = b"use another key"
    assert browser.get(address).status_code == 503
    long_lived_signer.behaviour = b"sign"
    browser.follow(browser.get(address))
    assert is_signed_in(browser)


@pytest.mark.processes
def test_a_log_out_that_cannot_be_signed_is_not_told(long_lived_signer, clock):
    long_lived_signer.behaviour = b"leave it empty"
    minter = TokenMinter(issuer=ISSUER, key_ring=keys_of(long_lived_signer), clock=clock)
    with pytest.raises(LogoutNotDeliveredError, match="no signature by the key"):
        deliver_logout(minter, registered(), ended_at=clock(), session_id="s")
    long_lived_signer.behaviour = b"sign"


def registered():
    return Client(
        "notes",
        "Notes",
        ("http://localhost:1/",),
        "http://localhost:1/",
        backchannel_logout_uri="http://localhost:1/never-asked",
    )


def test_a_signer_of_another_make_gives_no_unsigned_token(clock):
    class Forgetful:
        kid = "k"
        signing_key = property(lambda self: self)

        def sign(self, octets):
            return b""

    with pytest.raises(SigningUnavailableError):
        mint(Forgetful(), clock)


def test_what_the_signer_says_is_not_repeated(private_key, clock):
    def refuse(octets):
        raise OSError(f"token hunter2 refused for {octets!r}")

    keys = ExternalKeys(ExternalKey(private_key.public_key(), refuse))
    with pytest.raises(SigningUnavailableError) as refusal:
        mint(keys, clock)
    assert str(refusal.value) == "no signature came (OSError)"


def test_the_next_key_is_published_before_it_signs(private_key, other_private_key):
    following = VerificationKey.from_public_key(other_private_key.public_key())
    signing = ExternalKey(private_key.public_key(), lambda octets: b"")
    keys = ExternalKeys(signing, published=[following])
    assert list(parse_jwks(keys.jwks_json)) == [signing.kid, following.kid]
    assert keys.key(following.kid) == following
    with pytest.raises(TokenKeyUnknownError):
        keys.key("another")


def test_no_more_keys_are_published_than_receivers_take(private_key, other_private_key):
    signing = ExternalKey(private_key.public_key(), lambda octets: b"")
    public_key = other_private_key.public_key()
    others = [VerificationKey(f"key-{number}", public_key) for number in range(16)]
    assert len(parse_jwks(ExternalKeys(signing, published=others[1:]).jwks_json)) == 16
    with pytest.raises(KeyUnusableError, match="more than 16 keys"):
        ExternalKeys(signing, published=others)


def test_a_weak_key_signs_nowhere():
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is weak is the point
    with pytest.raises(KeyUnusableError):
        ExternalKey(weak.public_key(), lambda octets: b"")


def test_keys_of_two_places_are_refused(key_directory, clock, private_key):
    keys = ExternalKeys(ExternalKey(private_key.public_key(), lambda octets: b""))
    with pytest.raises(ConfigurationError, match="HANDOFF_KEYS_DIRECTORY"):
        issuer_app(keys, clock, HANDOFF_KEYS_DIRECTORY=key_directory)
