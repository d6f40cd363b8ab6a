"""How a receiver is registered at its issuer: the issuer is asked as a browser would ask it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

from flask_handoff.addresses import with_parameters
from flask_handoff.receiver.config import ReceiverConfig
from flask_handoff.receiver.context import ReceiverContext

from .asking import Answer, NoAnswerError, ask
from .findings import Finding, ok, warning, wrong

_REGISTRATION = "registration"
# What a silent request gets from an issuer that knows this client, and no browser.
_EXPECTED = {
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
}
_ERROR = re.compile(r"[a-z_]{1,60}", re.ASCII)


def check_registration(receiver: ReceiverContext) -> Iterator[Finding]:
    """Ask as a browser would in which nobody is signed in, and forbid the issuer to ask anything.

    Source: OpenID Connect Core 1.0, section 3.1.2.6.
    """
    config = receiver.config
    request = with_parameters(
        config.authorization_requests[config.response_mode],
        {"state": secrets.token_urlsafe(32), "nonce": secrets.token_urlsafe(32), "prompt": "none"},
    )
    try:
        answer = ask(request, receiver.verifier.clock, config.ca_file)
    except NoAnswerError as error:
        yield wrong(
            _REGISTRATION,
            f"{config.authorization_endpoint} {error}. Users are sent there.",
            "Is the issuer running? Else correct HANDOFF_AUTHORIZATION_ENDPOINT or HANDOFF_ISSUER.",
        )
        return
    if answer.location.startswith(f"{config.redirect_uri}#"):
        yield warning(
            _REGISTRATION,
            f"The issuer knows {config.client_id}, but answers in the fragment of an address, "
            f"which no server sees, where {config.response_mode} was asked for.",
            "Begin a sign-in in a browser: some issuers answer nothing but errors like this.",
        )
        return
    told = _returned_error(answer, config.redirect_uri)
    if told in _EXPECTED:
        yield ok(
            _REGISTRATION,
            f"The issuer knows {config.client_id}, and answers it at {config.redirect_uri} by "
            f"{config.response_mode}.",
        )
    elif told:
        yield wrong(
            _REGISTRATION,
            f"The issuer answers {config.client_id} with the error {told}.",
            "Compare response types and scopes of the client there with HANDOFF_SCOPE; the "
            "issuer's log says more.",
        )
    elif answer.status == 400:
        yield _not_registered(config)
    else:
        yield warning(
            _REGISTRATION,
            f"{config.authorization_endpoint} answers with status {answer.status}, which does not "
            "tell whether this client is registered.",
            "Begin a sign-in in a browser.",
        )


def _not_registered(config: ReceiverConfig) -> Finding:
    entry: dict[str, object] = {
        "client_id": config.client_id,
        "redirect_uris": [config.redirect_uri],
    }
    if config.response_mode != "form_post":
        entry["response_modes"] = [config.response_mode]
    return wrong(
        _REGISTRATION,
        f"The issuer refuses this receiver's requests (400): it does not know the client "
        f"{config.client_id}, or not this redirect URI or response mode for it, or a proxy does "
        "not pass on its host. The issuer's log has a line that says which.",
        f"Register there: {json.dumps(entry)}",
    )


class _Fields(HTMLParser):
    """The hidden fields of a page that posts them on, and where it posts them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action = given.get("action") or ""
        elif tag == "input":
            self.fields[given.get("name") or ""] = given.get("value") or ""


def _returned_error(answer: Answer, redirect_uri: str) -> str:
    """Return the ``error`` that the issuer sends back to this receiver; empty for anything else."""
    if answer.location.startswith(f"{redirect_uri}?"):
        unverified = parse_qs(urlsplit(answer.location).query).get("error", [""])[0]
    else:
        page = _Fields(answer.body.decode(errors="replace"))
        unverified = page.fields.get("error", "") if page.action == redirect_uri else ""
    return unverified if _ERROR.fullmatch(unverified) else ""
