"""The request that begins a handoff at SERVER2, and the request to SERVER1 that it becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from flask_handoff.errors import RequestMalformedError, UnsafeReturnToError
from flask_handoff.return_to import target_path
from flask_handoff.web.parameters import UnverifiedParameters, single

from .attempts import Attempt
from .config import ReceiverConfig

_NOT_TARGETS = ("/sso", "/logout")  # landing there would begin again, or sign out
_SECONDS = re.compile(r"[0-9]{1,8}", re.ASCII)
_LONGEST_HINT = 255  # characters


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """One checked request to begin a handoff.

    Args:
        target: A path of this site to end on.
        prompt: ``none``, ``login`` or neither.
        max_age: How old the user's authentication may be; None for any age.
        login_hint: Passed on to SERVER1.
    """

    target: str
    prompt: str | None
    max_age: timedelta | None
    login_hint: str | None

    @classmethod
    def read(cls, unverified: UnverifiedParameters, config: ReceiverConfig) -> LoginRequest:
        """Read the request. An unsafe target is replaced by the default one.

        Raises:
            RequestMalformedError: A parameter is sent twice or not of its form, or ``iss`` names
                another issuer than this receiver's.

        Source: OpenID Connect Core 1.0, section 4.
        """
        if single(unverified, "iss", RequestMalformedError) not in (None, config.issuer):
            raise RequestMalformedError("iss: not the issuer that this service trusts")
        prompt = single(unverified, "prompt", RequestMalformedError)
        if prompt not in (None, "none", "login"):
            raise RequestMalformedError("prompt: expected none or login")
        return cls(
            target=_read_target(
                single(unverified, "target_link_uri", RequestMalformedError), config
            ),
            prompt=prompt,
            max_age=_read_max_age(
                single(unverified, "max_age", RequestMalformedError), prompt, config
            ),
            login_hint=_read_login_hint(single(unverified, "login_hint", RequestMalformedError)),
        )

    def authorization_url(self, config: ReceiverConfig, attempt: Attempt) -> str:
        """Return the address at SERVER1 that this request goes on to.

        Sources: OpenID Connect Core 1.0, sections 3.1.2.1 and 3.2.2.1.
        """
        parameters = {
            "client_id": config.client_id,
            "redirect_uri": config.redirect_uri,
            "response_type": "id_token",
            # Without a mode the standard means ``fragment``, which no server ever sees.
            "response_mode": config.response_mode,
            "scope": " ".join(sorted(config.scope)),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "prompt": self.prompt,
            "max_age": None if self.max_age is None else str(int(self.max_age.total_seconds())),
            "login_hint": self.login_hint,
        }
        given = {name: value for name, value in parameters.items() if value is not None}
        return f"{config.authorization_endpoint}?{urlencode(given)}"


def _read_target(unverified_target: str | None, config: ReceiverConfig) -> str:
    if unverified_target is None:
        return config.default_target
    try:
        return target_path(unverified_target, base_url=config.base_url, excluded=_NOT_TARGETS)
    except UnsafeReturnToError:
        return config.default_target


def _read_max_age(
    unverified_max_age: str | None, prompt: str | None, config: ReceiverConfig
) -> timedelta | None:
    if unverified_max_age is not None and _SECONDS.fullmatch(unverified_max_age) is None:
        raise RequestMalformedError("max_age: expected a number of seconds")
    if prompt == "login":
        # The attempt keeps what was asked for, so that the answer can be held against it.
        return timedelta(0)
    asked = None if unverified_max_age is None else timedelta(seconds=int(unverified_max_age))
    # A link may ask for a younger sign-in than the setting does, never for an older one.
    return min((age for age in (asked, config.max_age) if age is not None), default=None)


def _read_login_hint(unverified_hint: str | None) -> str | None:
    if unverified_hint is not None and not (
        len(unverified_hint) <= _LONGEST_HINT and unverified_hint.isprintable()
    ):
        raise RequestMalformedError(
            f"login_hint: over {_LONGEST_HINT} characters, or not printable"
        )
    return unverified_hint
