"""The browser-bound attempt: what ties a token to the browser that asked for it.

An attempt is a cookie, not a row. Its value is ``random.started_at.target``, with the start in
microseconds (and ``.max_age`` where
one was asked for, ``.silent`` for ``prompt=none``); the nonce is the value's SHA-256. The issuer
signs the nonce, so its signature covers all parts: the receiver needs no secret, and any of its
replicas can finish an attempt.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from flask import Request
from werkzeug.wrappers import Response

from flask_handoff import base64url
from flask_handoff.claims import Clock
from flask_handoff.errors import AttemptUnknownError, RequestMalformedError, UnsafeReturnToError
from flask_handoff.profiles import STATE
from flask_handoff.return_to import check_return_to
from flask_handoff.web.cookies import cookie_sent_once, sent_cookies

LIFETIME = timedelta(minutes=10)
CLOCK_LEEWAY = timedelta(seconds=60)  # one replica begins an attempt, another may finish it
MOST_ATTEMPTS = 12  # side by side in one browser
MOST_CHARACTERS = 6 * 1024  # of all attempts' cookies together
# Of the cookies that one answer sets and deletes: proxies take no answer whose head is too long.
LONGEST_HEAD = 3500  # characters
LEAST_DELETED = 2  # though the head is too long; one makes room for the new one, one gains some

_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)
_VALUE = re.compile(
    r"(?P<random>[A-Za-z0-9_-]{43})\.(?P<started_at>[0-9]{16,17})"
    r"\.(?P<target>[A-Za-z0-9_-]{2,2731})(?:\.(?P<max_age>[0-9]{1,10}))?(?P<silent>\.silent)?",
    re.ASCII,
)


class Attempt(NamedTuple):
    """One handoff that this browser has begun."""

    state: str  # names the cookie, and comes back with the token
    value: str  # of the cookie, see the module's text
    started_at: datetime  # by the receiver's clock
    target: str  # where the user wants to go
    max_age: timedelta | None  # of the user's authentication at ``started_at``; None for any age
    silent: bool = False  # the issuer is to ask the user nothing

    @classmethod
    def begin(
        cls, target: str, max_age: timedelta | None, now: datetime, *, silent: bool = False
    ) -> Attempt:
        """Begin an attempt with fresh random values, 256 bits each."""
        started_at = (now - _EPOCH) // _MICROSECOND
        value = f"{secrets.token_urlsafe(32)}.{started_at}.{base64url.encode(target.encode())}"
        if max_age is not None:
            value += f".{int(max_age.total_seconds())}"
        if silent:
            value += ".silent"
        return cls(
            state=secrets.token_urlsafe(32),
            value=value,
            started_at=now,
            target=target,
            max_age=max_age,
            silent=silent,
        )

    @classmethod
    def read(cls, state: str, unverified_value: str, now: datetime) -> Attempt:
        """Read an attempt from its cookie.

        Raises:
            AttemptUnknownError: The value is not of its form, its target is not safe, or it was
                begun more than ten minutes ago, or over a minute ahead.
        """
        form = _VALUE.fullmatch(unverified_value)
        if form is None:
            raise AttemptUnknownError("the attempt's cookie is not of its form")
        started_at = _EPOCH + int(form["started_at"]) * _MICROSECOND
        if not -CLOCK_LEEWAY <= now - started_at < LIFETIME:
            raise AttemptUnknownError("the attempt was begun too long ago")
        max_age = form["max_age"]
        return cls(
            state=state,
            value=unverified_value,
            started_at=started_at,
            target=_read_target(form["target"]),
            max_age=None if max_age is None else timedelta(seconds=int(max_age)),
            silent=form["silent"] is not None,
        )

    @property
    def nonce(self) -> str:
        """What the token must carry: base64url(SHA-256(value)).

        Source: OpenID Connect Core 1.0, section 15.5.2.
        """
        return base64url.encode(hashlib.sha256(self.value.encode()).digest())

    @property
    def ends_at(self) -> datetime:
        """From then on it is not accepted."""
        return self.started_at + LIFETIME

    @property
    def authenticated_after(self) -> datetime | None:
        """The user must have signed in at the issuer after this instant; None for any time."""
        # Tokens tell whole seconds: a sign-in later in the second of the start is late enough.
        return (
            None if self.max_age is None else self.started_at.replace(microsecond=0) - self.max_age
        )


class AttemptCookies(NamedTuple):
    """The attempts' cookies of one receiver."""

    prefix: str  # of the names, before the state
    secure: bool  # the receiver is reached by https; then ``__Host-`` stands before the name
    clock: Clock

    def find(self, request: Request, unverified_state: str) -> Attempt:
        """Return the attempt of this state.

        Raises:
            RequestMalformedError: The state is not of its form and must not become a cookie's name.
            AttemptUnknownError: This browser holds no such cookie, or two, or one that is no good.
        """
        if STATE.fullmatch(unverified_state) is None:
            raise RequestMalformedError("state: not of its form")
        try:
            unverified_value = cookie_sent_once(request, self._name(unverified_state))
        except LookupError as error:
            raise AttemptUnknownError(f"the attempt's cookie: {error}") from None
        return Attempt.read(unverified_state, unverified_value, self.clock())

    def keep(self, request: Request, response: Response, attempt: Attempt) -> None:
        """Set the attempt's cookie, and make room among those that are there (best effort)."""
        response.set_cookie(
            self._name(attempt.state),
            attempt.value,
            max_age=LIFETIME,
            secure=self.secure,
            httponly=True,
            samesite="Lax",
            path="/",
        )
        room = len(self._name(attempt.state)) + len(attempt.value)
        for number, name in enumerate(self._superfluous(request, MOST_CHARACTERS - room)):
            head = response.headers.getlist("Set-Cookie")
            if number >= LEAST_DELETED and sum(map(len, head)) > LONGEST_HEAD:
                break
            self._delete(response, name)

    def forget(self, response: Response, attempt: Attempt) -> None:
        """Delete the attempt's cookie: it is used."""
        self._delete(response, self._name(attempt.state))

    def _name(self, state: str) -> str:
        return f"{'__Host-' if self.secure else ''}{self.prefix}{state}"

    def _delete(self, response: Response, name: str) -> None:
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="Lax")

    def _superfluous(self, request: Request, most_characters: int) -> Iterator[str]:
        """Name those to delete, so that the others leave room for a new one.

        Args:
            most_characters: Of all that stay.
        """
        readable: list[tuple[datetime, str, int]] = []
        for name, value in sent_cookies(request):
            state = name.removeprefix(self._name(""))
            # A name that no attempt of ours can have is left alone: it must not enter a header.
            if state == name or STATE.fullmatch(state) is None:
                continue
            try:
                attempt = Attempt.read(state, value, self.clock())
            except AttemptUnknownError:
                yield name
            else:
                readable.append((attempt.started_at, name, len(name) + len(value)))
        # Of the same instant, the older one comes first: browsers send it so (RFC 6265, 5.4).
        readable.sort(key=lambda one: one[0])
        while len(readable) >= MOST_ATTEMPTS or sum(one[2] for one in readable) > most_characters:
            yield readable.pop(0)[1]


def _read_target(encoded: str) -> str:
    try:
        return check_return_to(base64url.decode(encoded).decode())
    except (ValueError, UnsafeReturnToError):
        raise AttemptUnknownError("the attempt's target is not of its form") from None
