"""The pair behind nginx: https by an authority of our own, and requests that stall."""

import base64
import hashlib
import json
import socket
import ssl
from contextlib import ExitStack

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from flask_handoff.keys import new_key
from tests.browser.tab import EMAIL
from tests.mail_servers import Authority
from tests.nginx import running_nginx
from tests.pair import PATIENCE, Pair, Server, running
from tests.ports import free_port

ACCOUNTS, NOTES = "accounts.example.com", "notes.example.com"
STALLED = 40  # more than a server has threads


class Behind:
    """Where everything is: nginx, and the two servers behind it."""

    def __init__(self, folder):
        self.port, self.port1, self.port2 = free_port(), free_port(), free_port()
        self.url1, self.url2 = f"https://{ACCOUNTS}:{self.port}", f"https://{NOTES}:{self.port}"
        self.authority = Authority(folder)
        self.authority.certificate(ACCOUNTS, NOTES)
        self.certificate = folder / f"{ACCOUNTS}.pem"

    def servers(self, folder):
        """Describe the servers, which reach each other without the proxy."""
        inside = f"http://127.0.0.1:{self.port2}"
        client = {
            "client_id": "server2",
            "name": "Notes",
            "redirect_uris": [f"{self.url2}/sso/callback"],
            "initiate_login_uri": f"{self.url2}/sso/login",
            "backchannel_logout_uri": f"{inside}/sso/backchannel-logout",
            "revocation_uri": f"{inside}/sso/revocations",
            "post_logout_redirect_uris": [f"{self.url2}/logout"],
            "first_party": True,
            "resource": self.url2,
            "scopes": ["notes:read", "notes:write"],
        }
        common = {
            "HANDOFF_ISSUER": self.url1,
            "HANDOFF_BASE_URL": self.url2,
            "HANDOFF_INTERNAL_HOSTS": f"127.0.0.1:{self.port1},127.0.0.1:{self.port2}",
            "SERVER1_TRUSTED_PROXIES": "1",
            "SERVER2_TRUSTED_PROXIES": "1",
        }
        one = {
            **common,
            "SERVER1_PORT": str(self.port1),
            "SERVER1_ARGON2_MEMORY_KIB": "19456",
            "HANDOFF_CLIENTS": json.dumps([client]),
        }
        two = {
            **common,
            "SERVER2_PORT": str(self.port2),
            "HANDOFF_JWKS_URI": f"http://127.0.0.1:{self.port1}/.well-known/jwks.json",
        }
        return (
            Server("server1", self.url1, self.port1, one, folder / "server1"),
            Server("server2", self.url2, self.port2, two, folder / "server2"),
        )

    @property
    def fingerprint(self):
        """What Chromium is told to trust; it asks the machine's own store else."""
        certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        key = certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(hashlib.sha256(key).digest()).decode()

    def connect(self, host):
        """Open a connection to nginx, by TLS that only our authority vouches for."""
        context = ssl.create_default_context(cafile=self.authority.file)
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        return context.wrap_socket(plain, server_hostname=host)

    def stalled_post(self):
        connection = self.connect(ACCOUNTS)
        connection.sendall(
            f"POST /login HTTP/1.1\r\nHost: {ACCOUNTS}:{self.port}\r\nContent-Length: 100\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\nx=".encode()
        )
        return connection


@pytest.fixture
def behind(tmp_path):
    return Behind(tmp_path)


@pytest.fixture
def pair(behind, tmp_path):
    one, two = behind.servers(tmp_path)
    new_key(one.folder / "instance" / "keys")
    one.flask("users", "create", EMAIL, "--password-stdin")
    proxy = tmp_path / "nginx"
    proxy.mkdir()
    upstreams = {"5001": behind.port1, "5002": behind.port2}
    with running(one, two), running_nginx(proxy, behind.certificate, behind.port, upstreams):
        yield Pair(one, two)


def test_the_journey_through_nginx_while_forty_bodies_stall(behind, pair, new_profile, launch):
    browser = launch(
        "--host-resolver-rules=MAP *.example.com 127.0.0.1",
        f"--ignore-certificate-errors-spki-list={behind.fingerprint}",
    )
    with ExitStack() as stack:
        for _ in range(STALLED):
            stack.enter_context(behind.stalled_post())
        tab = stack.enter_context(new_profile(pair, browser))
        tab.page.goto(tab.notes)
        tab.fill_in_sign_in()
        tab.page.wait_for_url(tab.notes)
        tab.write_note("Written through a proxy.")
        cookies = {each["name"]: each["secure"] for each in tab.context.cookies()}
        assert cookies.keys() > {"__Host-s1_session", "__Host-s2_session"}
        assert all(secure and name.startswith("__Host-") for name, secure in cookies.items())
        tab.page.goto(f"http://{ACCOUNTS}:{behind.port}/account")  # HSTS: never sent so
        assert tab.page.url == f"{tab.home1}account"
        tab.page.goto(tab.notes)
        tab.sign_out_of_notes()
        tab.page.goto(tab.home1)
        tab.expect_heading("One place for your password")
    browser.close()
    assert "127.0.0.1 POST /login 303" in pair.server1.log
