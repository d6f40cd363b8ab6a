"""Mail servers on loopback: a real one, and rude ones that do as a test tells them."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.ports import free_port

GREETING = b"220 rude.example ESMTP\r\n"
_SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass
class MailServer:
    """A real mail server, and what was handed over to it.

    Args:
        port: Where it listens, on 127.0.0.1.
        replies: What to answer in place of what it would: by command, or by address for RCPT.
        envelopes: Each mail that it took.
        logins: The names of those who signed in.
    """

    port: int
    replies: dict[str, str] = field(default_factory=dict)
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    @property
    def mails(self):
        return [
            message_from_bytes(envelope.original_content, policy=policy.default)
            for envelope in self.envelopes
        ]

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        if "MAIL" in self.replies:
            return self.replies["MAIL"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        reply = self.replies.get(address) or self.replies.get("RCPT")
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if "DATA" in self.replies:
            return self.replies["DATA"]
        self.envelopes.append(envelope)
        return "250 taken"


@contextmanager
def mail_server(port=None, *, certificate=None, tls="none", login=None):
    """Run a mail server until the block ends.

    Args:
        port: Where; None for any.
        certificate: Of ``Authority.certificate``.
        tls: ``none``, ``starttls`` (and nothing else before it) or ``tls``.
        login: Name and password that are asked for, with ``starttls``.
    """
    server = MailServer(free_port() if port is None else port)

    def authenticate(_server, _session, _envelope, _mechanism, given):
        pair = (given.login.decode(), given.password.decode())
        if pair != login:
            return AuthResult(success=False, handled=False)
        server.logins.append(pair[0])
        return AuthResult(success=True)

    options = {"tls_context": certificate, "require_starttls": True} if tls == "starttls" else {}
    if login is not None:
        options |= {"authenticator": authenticate, "auth_required": True}
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=server.port,
        server_hostname="mail.example",  # else it asks the network for its own name
        ssl_context=certificate if tls == "tls" else None,
        ready_timeout=60,  # seconds, on a busy machine
        **options,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@contextmanager
def rude_server(behave):
    """Run a server that hands each connection to *behave*, and yield its port.

    *behave* gets the socket and an event that is set when the test is over.
    """
    over = threading.Event()
    threads = []

    def attend(connection):
        with connection, suppress(OSError):
            behave(connection, over)

    def listen(listener):
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=attend, args=(connection,)))
            threads[-1].start()

    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:
        listening = threading.Thread(target=listen, args=(listener,))
        listening.start()
        try:
            yield port
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            for thread in (listening, *threads):
                thread.join()


class Authority:
    """A certificate authority of our own."""

    def __init__(self, folder):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of tests")])
        certificate = (
            self._build(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(_pem(certificate.sign(self._key, hashes.SHA256())))

    def certificate(self, *hosts):
        """Return the TLS settings of a server with these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        certificate = (
            self._build(name, key)
            .add_extension(x509.SubjectAlternativeName(map(_general_name, hosts)), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        file = self._folder / f"{hosts[0]}.pem"
        file.write_bytes(_pem(certificate) + _pem_of_key(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _build(self, name, key):
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            # RFC 5280, section 4.2.1; from Python 3.13 on certificates without these are refused.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
            )
        )


def _general_name(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_of_key(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
