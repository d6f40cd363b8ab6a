import datetime
import ipaddress
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta

import pytest
import sqlalchemy
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
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


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request, tmp_path):
    """An empty database, whose writers wait up to a minute for each other."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'stores.sqlite3'}"
        engine = sqlalchemy.create_engine(url, connect_args={"timeout": 60})
    else:
        url = request.getfixturevalue("postgresql_url")
        engine = sqlalchemy.create_engine(url, connect_args={"options": "-c lock_timeout=60s"})
    yield engine
    engine.dispose()


@pytest.fixture
def in_another_thread():
    """Makes a call that runs coroutines: what drives a browser for other tests has a loop here."""
    pytest.importorskip("asgiref")
    with ThreadPoolExecutor(1) as another_thread:
        yield lambda call, *arguments: another_thread.submit(call, *arguments).result()


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


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate of 127.0.0.1 with its private key, as one PEM file."""
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, private_key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private_key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
