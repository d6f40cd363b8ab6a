"""The request that begins a handoff at SERVER2, and the request to SERVER1 that it becomes."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import NamedTuple

from flask import Request

from flask_handoff.addresses import with_parameters
from flask_handoff.errors import RequestMalformedError, UnsafeReturnToError
from flask_handoff.return_to import check_return_to, target_path
from flask_handoff.web import request_id
from flask_handoff.web.parameters import ParameterReader, UnverifiedParameters

from .attempts import Attempt
from .config import ReceiverConfig

_log = logging.getLogger("flask_handoff")


class LoginRequest(NamedTuple):
    """One checked request to begin a handoff."""

    target: str  # a path of this site to end on
    prompt: str | None  # ``none`` or ``login``
    max_age: timedelta | None  # of the user's authentication; None for any age
    login_hint: str | None
    response_mode: str  # of the answer: ``query`` or ``form_post``

    @classmethod
    def read(cls, unverified: UnverifiedParameters, config: ReceiverConfig) -> LoginRequest:
        """Read the request. An unsafe target is replaced by the default one, with a log line.

        Raises:
            RequestMalformedError: A parameter is sent twice or not of its form, ``iss`` names
                another issuer than this receiver's, or a token is wanted in an address where
                the setting does not want it there.

        Source: OpenID Connect Core 1.0, section 4.
        """
        read = ParameterReader(unverified, RequestMalformedError)
        if read.text("iss") not in (None, config.issuer):
            raise RequestMalformedError("iss: not the issuer that this service trusts")
        prompt, max_age = read.prompt(), read.max_age()
        # A link may ask for a younger sign-in than the setting does, never for an older one.
        ages = [age for age in (max_age, config.max_age) if age is not None]
        if prompt == "login":
            # The attempt keeps what was asked for, so that the answer can be held against it.
            ages.append(timedelta(0))
        # ``next`` is what Flask-Login adds where this is its login_view.
        target = read.text("target_link_uri") or read.text("next")
        return cls(
            target=safe_target(target, config),
            prompt=prompt,
            max_age=min(ages, default=None),
            login_hint=read.login_hint(),
            response_mode=_response_mode(read.text("response_mode"), config),
        )

    def authorization_url(self, config: ReceiverConfig, attempt: Attempt) -> str:
        """Return the address at SERVER1 to which this request leads.

        Sources: OpenID Connect Core 1.0, sections 3.1.2.1 and 3.2.2.1.
        """
        parameters = {
            "state": attempt.state,
            "nonce": attempt.nonce,
            "prompt": self.prompt,
            "max_age": None if self.max_age is None else str(int(self.max_age.total_seconds())),
            "login_hint": self.login_hint,
        }
        if config.policy == "handoff" and attempt.target != config.default_target:
            # For its pages from which somebody has to begin anew; a foreign provider learns none.
            parameters["target_link_uri"] = attempt.target
        return with_parameters(config.authorization_requests[self.response_mode], parameters)


def _response_mode(unverified_mode: str | None, config: ReceiverConfig) -> str:
    mode = config.response_mode if unverified_mode is None else unverified_mode
    if mode not in config.authorization_requests:
        raise RequestMalformedError("response_mode: not one that this service asks for")
    return mode


def is_navigation(request: Request) -> bool:
    """Tell whether a person goes somewhere: no script, frame or prefetch that meets a sign-in.

    Browsers that do not say so, and programs, are believed.

    Source: Fetch Metadata Request Headers (W3C), sections 2.1 and 2.2.
    """
    sent = request.headers
    return (
        sent.get("Sec-Fetch-Mode", "navigate") == "navigate"
        and sent.get("Sec-Fetch-Dest", "document") == "document"
        and not sent.get("Sec-Purpose", "").startswith("prefetch")
    )


def safe_target(unverified_target: str | None, config: ReceiverConfig) -> str:
    """Return where to lead the user: what was asked for if it is safe, else the default page."""
    if unverified_target is None:
        return config.default_target
    try:
        path = target_path(unverified_target, base_url=config.base_url, excluded=config.not_targets)
        return check_return_to(config.site_path(path)) if config.base_path else path
    except UnsafeReturnToError as error:
        # Not the target: it is a stranger's text, or holds what is nobody's business.
        _log.warning(
            "target replaced by the default one: code=%s reason=%s request_id=%s",
            error.code,
            error,
            request_id(),
        )
        return config.default_target
