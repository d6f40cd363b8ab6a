"""Other people's OpenID Providers, each in a process, and a service that they sign people in to."""

import functools
import json
import threading
from contextlib import ExitStack, contextmanager
from urllib.parse import urljoin

import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from werkzeug.serving import make_server

from tests.end_to_end.journey import PATIENCE, action_of, fields_of
from tests.ports import free_port
from tests.strangers.processes import Stranger, serving

PROVIDERS = ("authlib_provider", "idpyoidc", "oidc_provider")
CLIENT_ID = "notes"
# What a person types, whatever the fields of a provider's forms are called.
TYPED = {
    "username": "ada",
    "login": "ada",
    "password": "a password",
    "answer": "yes",
    "logout": "yes",
}


class Provider:
    """A provider that runs, and what its operator does.

    Args:
        name: Its folder.
        command: Runs it.
        folder: Where its keys and its log go.
        settings: Of its process, beside the usual ones.
    """

    def __init__(self, name, command, folder, **settings):
        self.name = name
        self._command, self._folder, self._settings = command, folder, settings
        self._stranger = Stranger(name, "")
        self._process = ExitStack()
        self.issuer = f"http://localhost:{self._stranger.port}"
        self.service_port = free_port()
        self.service_url = f"http://127.0.0.1:{self.service_port}"

    @property
    def client(self):
        """The service, as the provider's operator registers it."""
        return {
            "client_id": CLIENT_ID,
            "redirect_uris": [f"{self.service_url}/sso/callback"],
            "response_types": ["id_token"],
            "grant_types": ["implicit"],
            "token_endpoint_auth_method": "none",
            "post_logout_redirect_uris": [f"{self.service_url}/logout"],
            "backchannel_logout_uri": f"{self.service_url}/sso/backchannel-logout",
            "backchannel_logout_session_required": True,
        }

    def start(self, kid, number=0):
        """Start it, anew where it runs, with one of the tests' keys under this name."""
        self.close()
        keys = self._folder / "keys.json"
        keys.write_text(json.dumps({"keys": [{**private_jwk(number), "kid": kid}]}))
        self._process.enter_context(
            serving(
                self._command,
                self._stranger,
                self.issuer,
                self._folder,
                CLIENT=json.dumps(self.client),
                KEYS=str(keys),
                **self._settings,
            )
        )

    def close(self):
        self._process.close()

    @property
    def log(self):
        return (self._folder / f"{self.name}.log").read_text()

    @property
    def settings(self):
        """What docs/providers.md has its service set, read from the metadata."""
        metadata = requests.get(
            f"{self.issuer}/.well-known/openid-configuration", timeout=PATIENCE
        ).json()
        return {
            "HANDOFF_POLICY": "oidc",
            "HANDOFF_ISSUER": metadata["issuer"],
            "HANDOFF_BASE_URL": self.service_url,
            "HANDOFF_CLIENT_ID": CLIENT_ID,
            "HANDOFF_AUTHORIZATION_ENDPOINT": metadata["authorization_endpoint"],
            "HANDOFF_JWKS_URI": metadata["jwks_uri"],
            "HANDOFF_END_SESSION_ENDPOINT": metadata["end_session_endpoint"],
            "HANDOFF_RESPONSE_MODE": "form_post",
            "HANDOFF_SCOPE": "openid profile email",
        }


@functools.cache
def private_jwk(number):
    """Return one of the providers' keys; the same number is the same key."""
    key = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048), as_dict=True)
    return {name: value for name, value in key.items() if name != "key_ops"} | {
        "use": "sig",
        "alg": "RS256",
    }


@contextmanager
def answering(app, port):
    """Serve an application of the test's process until the block ends."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()


def go_on(browser, page, provider, **typed):
    """Go on from a page, fill in what the provider asks, and return the page where this ends."""
    for _ in range(6):
        page = browser.follow(page)
        if not page.url.startswith(provider.issuer) or "<form" not in page.text:
            return page
        typed = {**TYPED, **typed}
        asked = {name: typed[name] for name in typed if f'name="{name}"' in page.text}
        page = browser.post(urljoin(page.url, action_of(page)), {**fields_of(page), **asked})
    raise AssertionError(f"{provider.name} asks again and again: {page.text}")
