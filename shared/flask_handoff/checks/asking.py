"""One question to an address of the settings: no redirect, 5 seconds, 64 KiB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from flask_handoff.addresses import is_plain_address
from flask_handoff.bounded_http import (
    RequestFailedError,
    bounded_request,
    read_body,
    server_date,
)
from flask_handoff.claims import Clock
from flask_handoff.redaction import shown
from flask_handoff.strict_json import StrictJSONError, load_strict_json

from .findings import Finding, ok, warning, wrong

DEADLINE = timedelta(seconds=5)
LONGEST_BODY = 64 * 1024  # bytes

_REASONS = {
    "ConnectionRefusedError": "nothing listens there",
    "ConnectionResetError": "what listens there breaks off, so it may be https",
    "gaierror": "the host's name is not known here",
    "NameResolutionError": "the host's name is not known here",
    "SSLError": "what listens there speaks no TLS, so it may be http",
    "SSLCertVerificationError": "its certificate is not trusted here (HANDOFF_CA_FILE)",
    "TimeoutError": "no connection within 2 s",
}


class NoAnswerError(Exception):
    """There was none, or not the expected one. The text says so, and holds nothing of what came."""


class Answer(NamedTuple):
    """What came; nothing of it is verified."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    server_date: datetime | None
    asked_at: datetime  # by our clock, the middle of question and answer

    @property
    def location(self) -> str:
        """Where it redirects to; empty where it does not."""
        return self.headers.get("Location", "") if 300 <= self.status <= 399 else ""


def ask(url: str, clock: Clock, ca_file: Path | None, **headers: str) -> Answer:
    """Send a GET; *ca_file* as in ``bounded_request``.

    Raises:
        NoAnswerError: No complete answer came within the bounds.
    """
    if not is_plain_address(url):
        raise NoAnswerError("cannot be asked: it is not a plain address")
    sent_at = clock()
    try:
        with bounded_request(
            "GET",
            url,
            headers={"Cache-Control": "no-cache", **headers},
            longest_body=LONGEST_BODY,
            deadline=DEADLINE,
            ca_file=ca_file,
        ) as response:
            body = read_body(response, LONGEST_BODY)
            return Answer(
                response.status_code,
                response.headers,
                body,
                server_date(response),
                sent_at + (clock() - sent_at) / 2,
            )
    except RequestFailedError as error:
        raise NoAnswerError(f"does not answer: {_in_words(error)}") from error


def json_object(answer: Answer) -> Mapping[str, object]:
    """Read the answer of an address that tells something to everybody.

    Raises:
        NoAnswerError: It is none.
    """
    if answer.status != 200:
        raise NoAnswerError(f"answers with status {answer.status}{_what_that_means(answer)}")
    try:
        document = load_strict_json(answer.body)
    except StrictJSONError:
        document = None
    if not isinstance(document, dict):
        raise NoAnswerError("does not answer with a JSON object")
    return document


def clock_findings(
    whose: str, answer: Answer, allowed: timedelta, setting: str = ""
) -> Iterator[Finding]:
    """Compare the clock of an answer's ``Date`` with ours; nothing where it tells no time.

    Args:
        whose: What it is, as the beginning of a sentence.
        allowed: By how much they may differ, in whole seconds.
        setting: That allows it, in brackets, with a blank before.
    """
    if answer.server_date is None or "Age" in answer.headers:  # a cache's copy has an old date
        return
    # A Date is cut to the second, so on average it is half a second old.
    ahead = (answer.server_date - answer.asked_at + timedelta(seconds=0.5)).total_seconds()
    if abs(ahead) < max(allowed.total_seconds() / 2, 1):
        yield ok("clock", f"{whose} agrees with this machine's, to a second or two.")
        return
    text = f"{whose} is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's: "
    remedy = "Let both machines take their time from the network (NTP)."
    if abs(ahead) <= allowed.total_seconds() + 0.5:
        yield warning("clock", f"{text}{allowed.seconds} s are allowed{setting}.", remedy)
    else:
        text += f"more than the {allowed.seconds} s that are allowed{setting}, and sign-ins fail."
        yield wrong("clock", text, remedy)


def _what_that_means(answer: Answer) -> str:
    if answer.location:
        return f", a redirect to {shown(answer.location)}, which no service follows"
    return {
        400: ": as a rule a proxy in front does not pass on the host that it was asked for",
        404: ": there is no such page below that address",
        502: ": a proxy answers, and the application behind it does not",
        503: ": it, or a proxy in front of it, is out of order for the moment",
    }.get(answer.status, "")


def _in_words(error: RequestFailedError) -> str:
    for name, words in _REASONS.items():
        if f"({name})" in str(error):
            return words
    return str(error)
