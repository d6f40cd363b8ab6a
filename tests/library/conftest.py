import threading

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.minimal_pair import Browser, Heard, issuer_app, receiver_app
from tests.token_trial import RecordingStore


@pytest.fixture(scope="session")
def private_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def other_private_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def renewal_threads():
    """Tells the threads that renew keys, those left aside that ran before the test."""

    def named():
        return {thread for thread in threading.enumerate() if thread.name == "jwks-renewal"}

    before = named()
    return lambda: named() - before


@pytest.fixture
def store():
    return RecordingStore()


@pytest.fixture
def build_issuer(key_ring, clock):
    """Builds SERVER1 with the settings given."""
    return lambda **settings: issuer_app(key_ring, clock, **settings)


@pytest.fixture
def build_receiver(key_ring, store, clock):
    """Builds SERVER2 with the settings given; the issuer's keys are at hand."""

    def build(keys=key_ring, **settings):
        return receiver_app(keys, store, clock, **settings)

    return build


@pytest.fixture
def issuer(build_issuer):
    return build_issuer()


@pytest.fixture
def receiver(build_receiver):
    return build_receiver()


@pytest.fixture(params=["query", "form_post"])
def pair(request, build_issuer, build_receiver):
    """Both applications, in either response mode."""
    return build_issuer(), build_receiver(HANDOFF_RESPONSE_MODE=request.param)


@pytest.fixture
def travellers(pair):
    """A browser with somebody signed in at SERVER1, in either response mode; what SERVER2 told."""
    browser = Browser(*pair)
    browser.sign_in()
    return browser, Heard(pair[1])


@pytest.fixture
def browser(issuer, receiver):
    """A browser in which somebody is signed in at SERVER1."""
    browser = Browser(issuer, receiver)
    browser.sign_in()
    return browser


@pytest.fixture
def heard_at_issuer(issuer):
    return Heard(issuer)


@pytest.fixture
def heard(receiver):
    return Heard(receiver)
