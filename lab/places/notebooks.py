"""What visitors have seen so far: kept in memory, and gone with the process."""

from __future__ import annotations

import hmac
import secrets
import threading
from dataclasses import dataclass, field

from ..tokens import DeadTokenError, TokenMaker
from .catalogue import Place

MOST = 200  # notebooks; the oldest makes room


@dataclass(slots=True)
class Run:
    """One place being tried: what was put there, and what was seen of it."""

    place: Place
    token: str
    session_id: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    signed_out: bool = False
    seen: dict[str, str] = field(default_factory=dict)  # by the name of the experiment

    @property
    def credential(self) -> str:
        """What the browser presents in order to be taken for the visitor."""
        return self.session_id if self.place.server_keeps else self.token


class Notebook:
    """The runs of one visitor, the newest of each place, under an id that nobody guesses."""

    def __init__(self, tokens: TokenMaker, place: Place) -> None:
        self.id = secrets.token_urlsafe(16)
        self.runs: dict[str, Run] = {}
        self._tokens = tokens
        self.run = self.begin(place)  # the one that goes on

    def begin(self, place: Place) -> Run:
        """Begin with a place, from the start."""
        self.runs.pop(place.name, None)  # the newest stands last
        self.run = self.runs[place.name] = Run(place, self._tokens.mint())
        return self.run

    def authenticate(self, unverified_credential: str) -> None:
        """Check what a request presents, as the receiver of this place does.

        Raises:
            DeadTokenError: It is not what was put there, or is good no longer.
        """
        run = self.run
        given, right = unverified_credential.encode(), run.credential.encode()
        if not hmac.compare_digest(given, right):
            raise DeadTokenError
        if run.place.server_keeps:
            if run.signed_out:  # the row is gone
                raise DeadTokenError
        else:
            self._tokens.check(unverified_credential)

    def note_use(self, experiment: str, unverified_credential: str) -> None:
        """Note whether a request with this credential is one of the visitor's."""
        try:
            self.authenticate(unverified_credential)
        except DeadTokenError:
            self.run.seen[experiment] = "no"
        else:
            self.run.seen[experiment] = "yes"


class Notebooks:
    """All notebooks, by their ids."""

    def __init__(self) -> None:
        self._tokens = TokenMaker()
        self._notebooks: dict[str, Notebook] = {}
        self._lock = threading.Lock()

    def open(self, unverified_id: str, place: Place) -> Notebook:
        """Return this notebook, or a new one where there is none, with the place begun."""
        with self._lock:
            if notebook := self._notebooks.get(unverified_id):
                notebook.begin(place)
                return notebook
            notebook = Notebook(self._tokens, place)
            self._notebooks[notebook.id] = notebook
            if len(self._notebooks) > MOST:
                del self._notebooks[next(iter(self._notebooks))]
        return notebook

    def find(self, unverified_id: str) -> Notebook:
        """Return a notebook.

        Raises:
            KeyError: There is none of that id, or none any more.
        """
        return self._notebooks[unverified_id]
