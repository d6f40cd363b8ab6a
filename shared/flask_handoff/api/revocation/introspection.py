"""Asks the issuer whether an access token is active, as a service with a key of its own."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from flask_handoff.addresses import is_plain_address, is_safe_from_others
from flask_handoff.claims import Clock, UnverifiedToken
from flask_handoff.errors import (
    ConfigurationError,
    IntrospectionUnavailableError,
    KeyUnusableError,
)
from flask_handoff.keys import SigningKey
from flask_handoff.keys.own.private_files import read_mounted_file
from flask_handoff.profiles import CLIENT_ASSERTION
from flask_handoff.redaction import shown
from flask_handoff.strict_json import StrictJSONError, load_strict_json
from flask_handoff.tokens.strict_jwt import sign_token

DEADLINE = timedelta(seconds=2)  # from the request until the last byte of the answer

_ASSERTION_LIFETIME = 60  # seconds
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_ANSWER = 16 * 1024  # bytes


class ServiceKey(NamedTuple):
    """Who a service is at its issuer, and the key that proves it."""

    client_id: str
    key: SigningKey

    @classmethod
    def read(cls, path: Path, *, issuer: str, client_id: str) -> ServiceKey:
        """Read the file that ``clients add --kind receiver --key-file`` writes.

        Raises:
            ConfigurationError: It is missing, open to other users, of another issuer or client, or
                not of that form.
        """
        try:
            document = load_strict_json(read_mounted_file(path))
            if type(document) is not dict or document.get("type") != "receiver":
                raise StrictJSONError("not the key file of a receiver")
            pem = document.get("private_key")
            if type(pem) is not str:
                raise StrictJSONError("private_key is missing")
            key = SigningKey.from_pem(pem.encode())
        except (StrictJSONError, KeyUnusableError) as error:
            raise ConfigurationError(
                f"HANDOFF_SERVICE_KEY_FILE: {shown(path)} cannot be used: {error}.",
                "Give the file that SERVER1's clients add --kind receiver --key-file has written.",
            ) from None
        if (document.get("issuer"), document.get("client_id")) != (issuer, client_id):
            raise ConfigurationError(
                f"HANDOFF_SERVICE_KEY_FILE: {shown(path)} is of another issuer or client.",
                "Give the file that belongs to HANDOFF_CLIENT_ID at HANDOFF_ISSUER.",
            )
        return cls(client_id, key)


class Introspection:
    """Asks one issuer about access tokens, by ``private_key_jwt``; no secret is shared.

    Args:
        uri: The issuer's introspection endpoint: https, or http on this very machine.
        allow_http: Accept http to another machine. An attacker on the path reads the tokens, and
            can call any of them active.
        ca_file: See ``JWKSClient``.

    Raises:
        ConfigurationError: The address is none of these.

    Sources: RFC 7662, section 2; RFC 7523, section 2.2.
    """

    def __init__(
        self,
        uri: str,
        service: ServiceKey,
        *,
        issuer: str,
        allow_http: bool,
        clock: Clock,
        deadline: timedelta = DEADLINE,
        ca_file: Path | None = None,
    ) -> None:
        if not (is_plain_address(uri) and (allow_http or is_safe_from_others(uri))):
            raise ConfigurationError(
                f"HANDOFF_INTROSPECTION_URI: {shown(uri)} may not be used.",
                "Use https://…; http:// on this machine or, in a network that is trusted, with "
                "HANDOFF_JWKS_ALLOW_HTTP=1.",
            )
        self._uri = uri
        self._service = service
        self._issuer = issuer
        self._clock = clock
        self._deadline = deadline
        self._ca_file = ca_file

    def is_active(self, token: UnverifiedToken) -> bool:
        """Ask whether a token is active now.

        Raises:
            IntrospectionUnavailableError: There is no answer, or none that can be read.
        """
        from flask_handoff.bounded_http import RequestFailedError, bounded_request

        try:
            with bounded_request(
                "POST",
                self._uri,
                headers={"Accept": "application/json"},
                data={
                    "token": token,
                    "token_type_hint": "access_token",
                    "client_assertion_type": _ASSERTION_TYPE,
                    "client_assertion": self._assertion(),
                },
                longest_body=_LONGEST_ANSWER,
                deadline=self._deadline,
                ca_file=self._ca_file,
            ) as response:
                status, body = response.status_code, response.content
        except RequestFailedError as error:
            raise IntrospectionUnavailableError(str(error)) from error
        if status != 200:
            raise IntrospectionUnavailableError(f"expected status 200, got {status}")
        return _read(body)

    def _assertion(self) -> str:
        now = int(self._clock().timestamp())
        claims = {
            "iss": self._service.client_id,
            "sub": self._service.client_id,
            "aud": self._issuer,
            "jti": secrets.token_urlsafe(32),
            "iat": now,
            "exp": now + _ASSERTION_LIFETIME,
        }
        return sign_token(claims, self._service.key, typ=CLIENT_ASSERTION.typ)


def _read(unverified_body: bytes) -> bool:
    try:
        answer = load_strict_json(unverified_body)
    except StrictJSONError as error:
        raise IntrospectionUnavailableError(f"the answer is no strict JSON: {error}") from None
    active = answer.get("active") if isinstance(answer, dict) else None
    if not isinstance(active, bool):
        raise IntrospectionUnavailableError('the answer does not say whether it is "active"')
    return active
