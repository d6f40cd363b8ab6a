"""Whether a receiver's own address leads to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from flask_handoff.receiver.config import ReceiverConfig
from flask_handoff.receiver.context import ReceiverContext
from flask_handoff.redaction import shown

from .asking import Answer, NoAnswerError, ask
from .findings import Finding, ok, wrong

_BASE_URL = "base URL"


def check_base_url(receiver: ReceiverContext) -> Iterator[Finding]:
    """Ask for the page that begins a sign-in: it says whose it is, and nothing is kept for it."""
    config, clock = receiver.config, receiver.verifier.clock
    url = f"{config.base_url}{config.url_prefix}/login"
    try:
        answer = ask(url, clock, config.ca_file)
    except NoAnswerError as error:
        yield wrong(
            _BASE_URL,
            f"{url} {error}.",
            "Is this application running, and is HANDOFF_BASE_URL its address as browsers know it?",
        )
        return
    parts = urlsplit(answer.location)
    sent = {name: values[0] for name, values in parse_qs(parts.query).items()}
    expected = {"client_id": config.client_id, "redirect_uri": config.redirect_uri}
    endpoint = config.authorization_endpoint
    is_sign_in = answer.location.startswith(f"{endpoint}{'&' if '?' in endpoint else '?'}")
    if is_sign_in and expected.items() <= sent.items():
        yield ok(_BASE_URL, f"{config.base_url} leads to this receiver.")
        yield from _check_path(receiver)
        return
    yield wrong(_BASE_URL, f"{url} {_who_answers(answer, config)}", _what_to_do(answer, config))


def _who_answers(answer: Answer, config: ReceiverConfig) -> str:
    if answer.status == 400:
        return "is refused (400): the host that arrives at the application is another one."
    if answer.status == 404:
        return "is not found (404)."
    if answer.status in (502, 503, 504):
        return (
            f"answers with status {answer.status}: the application behind the proxy is down, or "
            "does not get the issuer's keys."
        )
    if answer.location.endswith(f"{config.url_prefix}/login"):
        return f"redirects to the same page at another address, {shown(answer.location)}."
    if answer.location:
        return (
            f"redirects to {shown(answer.location.partition('?')[0])}, and not to the sign-in as "
            "this receiver would: another application answers, or one with other settings, or "
            "something in front that redirects everybody."
        )
    return f"answers with status {answer.status}: this is not the receiver's sign-in."


def _what_to_do(answer: Answer, config: ReceiverConfig) -> str:
    if answer.status == 400:
        return (
            "Let the proxy in front pass on the host that it was asked for: proxy_set_header Host "
            "$http_host; (nginx), ProxyPreserveHost On (Apache). The application's log names both."
        )
    if answer.status == 404:
        return (
            f"Is the application mounted at {urlsplit(config.base_url).path or '/'}, and are its "
            f"endpoints below {config.url_prefix or '/'}? Correct HANDOFF_BASE_URL or "
            "HANDOFF_URL_PREFIX; see whether the proxy takes a part of the path away."
        )
    moved_to = answer.location.removesuffix(f"{config.url_prefix}/login")
    if moved_to != answer.location:
        return f"Write HANDOFF_BASE_URL={shown(moved_to)}, and register it so at the issuer."
    return "Compare the settings of the running processes with those here, and restart them."


def _check_path(receiver: ReceiverContext) -> Iterator[Finding]:
    """Look at a link on a page of the receiver: Flask makes it below where it is mounted."""
    config = receiver.config
    path = f"{urlsplit(config.base_url).path}{config.url_prefix}/login"
    # A script's request is told to be opened by a person, by a page with a link.
    script = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    try:
        url = f"{config.base_url}{config.url_prefix}/login"
        page = ask(url, receiver.verifier.clock, config.ca_file, **script)
    except NoAnswerError:
        return
    found = re.search(
        rf'href="([^"?]*{re.escape(config.url_prefix)}/login)["?]',
        page.body.decode(errors="replace"),
    )
    if page.status == 401 and found and found[1] != path:
        yield wrong(
            "path",
            f"The application takes itself to be at {shown(found[1])}, and browsers know that page "
            f"as {path}: its links lead nowhere.",
            "Behind a proxy that takes the path away: ProxyFix(app.wsgi_app, x_prefix=1), and "
            "X-Forwarded-Prefix from the proxy. Else correct HANDOFF_BASE_URL.",
        )
