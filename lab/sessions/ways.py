"""The ways to keep somebody signed in, as small real services: what each keeps, asks and ends.

What a product has in a database is a dictionary here: one process, for one visitor.
"""

from __future__ import annotations

import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from flask_handoff.claims import Clock, system_clock

from ..tokens import DeadTokenError, TokenMaker


class RefusedError(Exception):
    """A request is nobody's; the text says why, for the page."""


class Way(ABC):
    """One way; an object of it is a service with its users."""

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    keeps: ClassVar[str]  # what a row is that it keeps; {} stands for their number
    how_to_end: ClassVar[str]  # what the button says
    lesson: ClassVar[str]

    def __init__(self, clock: Clock = system_clock) -> None:
        self.clock = clock
        self.rows: dict[str, Any] = {}
        self.look_ups = 0

    @abstractmethod
    def sign_in(self, user: str) -> str:
        """Return what the browser of this user presents from now on."""

    @abstractmethod
    def authenticate(self, unverified_credential: str) -> str:
        """Return whose request it is.

        Raises:
            RefusedError: It is nobody's.
        """

    @abstractmethod
    def end(self, credential: str) -> None:
        """End the session of this credential, as this way does."""

    def look_up(self, key: str) -> Any:
        """Ask for a row, which counts."""
        self.look_ups += 1
        return self.rows.get(key)


class SessionsTable(Way):
    """A random id in the cookie, and a row at the server."""

    name, title = "table", "A sessions table"
    description = "The cookie holds a random id. What it stands for is a row at the server."
    keeps = "{}, one for each session"
    how_to_end = "Delete its row"
    lesson = (
        "It is over at once, for this session alone, with one row less. The price is one "
        "look-up with each request."
    )

    def sign_in(self, user: str) -> str:
        """Write a row."""
        session_id = secrets.token_urlsafe(32)
        self.rows[_hash(session_id)] = user  # whoever reads the table has no session by it
        return session_id

    def authenticate(self, unverified_credential: str) -> str:
        """Look for the row."""
        user = self.look_up(_hash(unverified_credential))
        if user is None:
            raise RefusedError("There is no such row.")
        return str(user)

    def end(self, credential: str) -> None:
        """Delete the row."""
        self.rows.pop(_hash(credential), None)


class SignedToken(Way):
    """A JWT in the cookie, and nothing at the server."""

    name, title = "jwt", "A JWT, and nothing else"
    description = "The cookie holds a signed text that says who you are. The server keeps nothing."
    keeps = "nothing"
    how_to_end = "Sign out, as well as it can"
    lesson = (
        "The server cannot end it. A sign-out asks your browser to forget the cookie, and "
        "whoever has a copy goes on until it expires."
    )

    def __init__(self, clock: Clock = system_clock) -> None:
        super().__init__(clock)
        self.tokens = TokenMaker(clock)

    def sign_in(self, user: str) -> str:
        """Sign a token."""
        return self.tokens.mint(user)

    def authenticate(self, unverified_credential: str) -> str:
        """Check signature and date, then what this way asks beside them."""
        claims = self.read(unverified_credential)
        self.ask(claims)
        return str(claims["sub"])

    def read(self, unverified_credential: str) -> Mapping[str, Any]:
        """Return the claims of a token that is genuine and not over."""
        try:
            return self.tokens.check(unverified_credential)
        except DeadTokenError:
            raise RefusedError("The signature is not this key's, or its time is over.") from None

    def ask(self, claims: Mapping[str, Any]) -> None:
        """Ask nobody."""

    def end(self, credential: str) -> None:
        """Do nothing: there is nothing to delete. Only the browser could forget its cookie."""


class NewKey(SignedToken):
    """The key that signs is thrown away."""

    name, title = "key", "A JWT, and a new key"
    description = "As before. To end one, the server makes a new key, and the old one is forgotten."
    keeps = "nothing but its key"
    how_to_end = "Change the key"
    lesson = (
        "It is over at once, and so is everybody's. That is right on the day when the key was "
        "stolen, and for nothing smaller."
    )

    def end(self, credential: str) -> None:
        """Change the key: whatever the old one signed is refused."""
        self.tokens = TokenMaker(self.clock)


class ValidAfter(SignedToken):
    """A date for each user."""

    name, title = "valid-after", "A JWT, and a date for each user"
    description = "The server keeps one date a user: tokens that were issued until then are dead."
    keeps = "{}, one for each user who ever ended anything"
    how_to_end = "Set the user's date to now"
    lesson = (
        "All sessions of this user are over at once, your phone's too, and nobody else's. "
        "That is right for a new password, and too much for a sign-out. It costs a look-up "
        "with each request."
    )

    def ask(self, claims: Mapping[str, Any]) -> None:
        """Ask for the user's date. Of its own second, all is dead: a token has whole seconds."""
        date = self.look_up(claims["sub"])
        if date is not None and claims["iat"] <= date:
            raise RefusedError("It was issued before this user's date.")

    def end(self, credential: str) -> None:
        """Set the date."""
        self.rows[self.read(credential)["sub"]] = int(self.clock().timestamp())


class Blocklist(SignedToken):
    """A list of the tokens that were ended."""

    name, title = "blocklist", "A JWT, and a blocklist"
    description = "The server lists the tokens that were ended, each until it would have expired."
    keeps = "{}, one for each token that was ended, until it expires"
    how_to_end = "Put it on the list"
    lesson = (
        "It is over at once, for this session alone. The list is short, since it holds only "
        "what was ended; it is asked with each request all the same."
    )

    def ask(self, claims: Mapping[str, Any]) -> None:
        """Ask whether the token is on the list."""
        if self.look_up(claims["jti"]) is not None:
            raise RefusedError("It is on the blocklist.")

    def end(self, credential: str) -> None:
        """Put it there."""
        claims = self.read(credential)
        self.rows[claims["jti"]] = claims["exp"]


class Allowlist(SignedToken):
    """A list of the tokens that are good."""

    name, title = "allowlist", "A JWT, and an allowlist"
    description = "The server lists the tokens that are good, and asks that list each time."
    keeps = "{}, one for each session"
    how_to_end = "Take it off the list"
    lesson = (
        "It is over at once, for this session alone. It is a sessions table again, with a "
        "larger cookie."
    )

    def sign_in(self, user: str) -> str:
        """Sign a token, and list it."""
        token = super().sign_in(user)
        self.rows[self.read(token)["jti"]] = user
        return token

    def ask(self, claims: Mapping[str, Any]) -> None:
        """Ask whether the token is on the list."""
        if self.look_up(claims["jti"]) is None:
            raise RefusedError("It is not on the allowlist.")

    def end(self, credential: str) -> None:
        """Take it off."""
        self.rows.pop(self.read(credential)["jti"], None)


WAYS: Mapping[str, type[Way]] = {
    way.name: way for way in (SessionsTable, SignedToken, NewKey, ValidAfter, Blocklist, Allowlist)
}
"""Every way by its name, in the order of the page."""


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
