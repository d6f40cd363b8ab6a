"""Where a handoff ends: the way on to its target, and a session that the browser does not keep.

A session may be opened, and be gone with the next request: its cookie is not sent, or not read by
the next process. The application then sends the browser back to the sign-in, which signs it in
without a question, again and again. A short cookie of our own counts these landings.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from flask import Request, after_this_request, has_request_context
from werkzeug.wrappers import Response

from flask_handoff.claims import Clock
from flask_handoff.web.cookies import cookie_sent_once
from flask_handoff.web.current import this_request
from flask_handoff.web.responses import landing_page, see_other

from .config import ReceiverConfig

MOST_LANDINGS = 3  # in a row, without a session afterwards
SOON = timedelta(seconds=5)  # after a landing: nobody signs out and in again so fast, thrice

_VALUE = re.compile(r"(?P<number>[0-9])\.(?P<at>[0-9]{10})", re.ASCII)


def lead_on(config: ReceiverConfig, url: str) -> Response:
    """Lead the browser on to an address of this site, from where SERVER1 sent it back to."""
    # A redirect from /sso/finish would be held against form-action of the page that posts there,
    # as would each redirect of the application behind it.
    if this_request().method == "POST" or config.landing == "refresh":
        return landing_page(url)
    return see_other(url)


class LandingCookie(NamedTuple):
    """Counts the landings of one browser that follow each other within seconds."""

    name: str
    secure: bool
    clock: Clock

    @classmethod
    def of(cls, config: ReceiverConfig, clock: Clock) -> LandingCookie:
        """Return that of one receiver."""
        secure = config.base_url.startswith("https://")
        name = f"{'__Host-' if secure else ''}landed_{config.attempt_cookie.rstrip('_')}"
        return cls(name, secure, clock)

    def count(self, request: Request) -> int:
        """Return how often this browser has landed just now; at most 9."""
        try:
            form = _VALUE.fullmatch(cookie_sent_once(request, self.name))
        except LookupError:
            return 0
        if form is None:
            return 0
        landed_at = datetime.fromtimestamp(int(form["at"]), UTC)
        return int(form["number"]) if abs(self.clock() - landed_at) < SOON else 0

    def note(self, request: Request, response: Response) -> None:
        """Note one more landing."""
        number = min(self.count(request) + 1, 9)
        response.set_cookie(
            self.name,
            f"{number}.{int(self.clock().timestamp())}",
            max_age=SOON,
            secure=self.secure,
            httponly=True,
            samesite="Lax",
            path="/",
        )

    def sign_out(self) -> None:
        """Begin to count anew: whoever signs in again now has signed out, and lost no session."""

        def forget(response: Response) -> Response:
            self.forget(response)
            return response

        if has_request_context() and self.count(this_request()):
            after_this_request(forget)

    def forget(self, response: Response) -> None:
        """Begin to count anew."""
        response.delete_cookie(
            self.name, path="/", secure=self.secure, httponly=True, samesite="Lax"
        )
