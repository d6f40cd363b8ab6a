"""The names of the ``HANDOFF_…`` settings, and what each is where nothing is given."""

from __future__ import annotations

from collections.abc import Mapping

ISSUER_SETTINGS: Mapping[str, str | None] = {
    "HANDOFF_ISSUER": None,
    "HANDOFF_KEYS_DIRECTORY": None,
    "HANDOFF_CLIENTS": None,
    "HANDOFF_URL_PREFIX": "",
    "HANDOFF_CA_FILE": "",
    "HANDOFF_INTERNAL_HOSTS": "",
}
"""The issuer's settings and their defaults; None has to be given."""

RECEIVER_SETTINGS: Mapping[str, str | None] = {
    "HANDOFF_ISSUER": None,
    "HANDOFF_BASE_URL": None,
    "HANDOFF_URL_PREFIX": "/sso",
    "HANDOFF_CLIENT_ID": None,
    "HANDOFF_RESPONSE_MODE": "form_post",
    "HANDOFF_SCOPE": "openid profile email",
    "HANDOFF_POLICY": "handoff",
    "HANDOFF_AUTHORIZATION_ENDPOINT": "",
    "HANDOFF_END_SESSION_ENDPOINT": "",
    "HANDOFF_JWKS_URI": "",
    "HANDOFF_JWKS_ALLOW_HTTP": "0",
    "HANDOFF_JWKS_FLUSH_FILE": "",
    "HANDOFF_PINNED_KEYS": "",
    "HANDOFF_CA_FILE": "",
    "HANDOFF_DEFAULT_TARGET": "/",
    "HANDOFF_MAX_AGE": "",
    "HANDOFF_LANDING": "redirect",
    "HANDOFF_LEEWAY": "5",
    "HANDOFF_BACKDATING": "0",
    "HANDOFF_DEFAULT_SCOPE": "",
    "HANDOFF_ATTEMPT_COOKIE": "handoff_tx_",
    "HANDOFF_INTERNAL_HOSTS": "",
}
"""The receiver's settings and their defaults; None has to be given."""

API_SETTINGS: Mapping[str, str | None] = {
    **{
        name: RECEIVER_SETTINGS[name]
        for name in (
            "HANDOFF_ISSUER",
            "HANDOFF_BASE_URL",
            "HANDOFF_URL_PREFIX",
            "HANDOFF_POLICY",
            "HANDOFF_JWKS_URI",
            "HANDOFF_JWKS_ALLOW_HTTP",
            "HANDOFF_JWKS_FLUSH_FILE",
            "HANDOFF_PINNED_KEYS",
            "HANDOFF_CA_FILE",
            "HANDOFF_LEEWAY",
            "HANDOFF_INTERNAL_HOSTS",
        )
    },
    "HANDOFF_CLIENT_ID": "",
    "HANDOFF_REVOCATION": "none",
    "HANDOFF_INTROSPECTION_URI": "",
    "HANDOFF_SERVICE_KEY_FILE": "",
}
"""The settings of a service that programs call; those of its name and keys are the receiver's."""
