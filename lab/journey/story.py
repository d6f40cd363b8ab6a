"""One journey: its hops as steps that a person can follow, and what became of its token since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from flask_service.hops.hop import Check, Hop
from lab.hops import BENCH, journey_id

from . import token_words
from .token_words import Reading
from .words import SERVER1, SERVER2, words

TOKEN = "id_token"  # noqa: S105 - a field's name
LEEWAY = timedelta(seconds=5)  # of SERVER2's clock: only then an old token is refused as expired

Place = Literal["address", "form", "page", ""]


@dataclass(frozen=True, slots=True)
class Step:
    """One hop, with its number and its words."""

    number: int
    hop: Hop
    after: float  # milliseconds since the first one
    title: str
    text: str

    @property
    def token_came_in(self) -> Place:
        """Where the request has the token."""
        if TOKEN in dict(self.hop.query):
            return "address"
        return "form" if TOKEN in dict(self.hop.form) else ""

    @property
    def token_goes_in(self) -> Place:
        """Where the answer has the token."""
        if TOKEN in dict(self.hop.location_query):
            return "address"
        sent_once_more = TOKEN in dict(self.hop.form) and not self.hop.checks
        is_page = self.hop.status == 200 and not self.hop.location
        return "page" if is_page and (self.hop.verdict == "issued" or sent_once_more) else ""

    @property
    def judged(self) -> bool:
        """Whether the token was judged here."""
        return self.hop.server == SERVER2 and bool(self.hop.checks)


@dataclass(frozen=True, slots=True)
class Journey:
    """What is known of one handoff.

    Args:
        steps: From the first request until the browser has arrived, or was refused.
        later: What was done with the token since.
    """

    id: str
    token: str
    reading: Reading
    steps: Sequence[Step]
    later: Sequence[Step]

    @classmethod
    def of(cls, journey: str, hops: Sequence[Hop]) -> Journey:
        """Tell the story of these hops, which stand in their order.

        Raises:
            KeyError: The token of this journey is not among them.
        """
        token = _token(journey, hops)
        end = _end(hops)
        steps = [
            Step(number, hop, (hop.at - hops[0].at) / timedelta(milliseconds=1), *words(hop))
            for number, hop in enumerate(hops, start=1)
        ]
        return cls(journey, token, token_words.read(token), steps[:end], steps[end:])

    @property
    def began_at(self) -> datetime:
        """When its first request came."""
        return self.steps[0].hop.at

    @property
    def judged(self) -> Step | None:
        """The step in which its token was judged; None where it did not come so far."""
        return next((step for step in self.steps if step.judged), None)

    @property
    def issued(self) -> Step | None:
        """The step whose answer first had the token; None where SERVER1 did not tell of it."""
        return next((step for step in self.steps if step.token_goes_in), None)

    @property
    def carried(self) -> Sequence[Step]:
        """The steps whose request had the token in it."""
        return [step for step in self.steps if step.token_came_in]

    def carried_for(self) -> float:
        """Return for how many milliseconds the token was on its way."""
        on_its_way = [step for step in self.steps if step.token_goes_in or step.token_came_in]
        last = on_its_way[-1]
        return last.after + last.hop.milliseconds - on_its_way[0].after

    @property
    def is_of_bench(self) -> bool:
        """Whether the attack bench began it, and no person."""
        return self.steps[0].hop.user_agent.startswith(BENCH)

    @property
    def outcome(self) -> str:
        """How it ended, in words."""
        if self.spent:
            return "arrived"
        refused = any(step.hop.verdict in ("rejected", "refused") for step in self.steps)
        return "refused" if refused else "not arrived"

    @property
    def checks(self) -> Sequence[Check]:
        """The checks of the token, in their order."""
        return self.judged.hop.checks if self.judged else ()

    @property
    def spent(self) -> bool:
        """Whether the token has signed somebody in."""
        return any(step.hop.verdict == "accepted" for step in (*self.steps, *self.later))

    @property
    def mode(self) -> str:
        """How the token has travelled: ``query`` or ``form_post``."""
        places = {step.token_came_in for step in self.steps}
        return "form_post" if "form" in places else "query"

    @property
    def asked_for_password(self) -> bool:
        """Whether its user signed in at SERVER1 on the way."""
        return any(s.hop.server == SERVER1 and s.hop.path == "/login" for s in self.steps)

    def milliseconds(self) -> float:
        """Return how long the browser was on its way, waiting for people included."""
        last = self.steps[-1]
        return last.after + last.hop.milliseconds

    def seconds_left(self, now: datetime) -> int | None:
        """Return how long the token would be good; negative: since when it is not."""
        expires_at = self.reading.expires_at
        return None if expires_at is None else round((expires_at - now).total_seconds())


def journeys(newest: Iterable[tuple[str, Sequence[Hop]]]) -> list[Journey]:
    """Tell the stories of those that began at SERVER2, as people's do, by their first token."""
    return [
        Journey.of(journey, hops)
        for journey, hops in newest
        if hops[0].path == "/sso/login" and journey_id(next(_tokens(hops), "")) == journey
    ]


def _tokens(hops: Sequence[Hop]) -> Iterator[str]:
    for hop in hops:
        for name, value in (*hop.query, *hop.form, *hop.location_query):
            if name == TOKEN:
                yield value


def _token(journey: str, hops: Sequence[Hop]) -> str:
    for token in _tokens(hops):
        if journey_id(token) == journey:
            return token
    raise KeyError(journey)


def _end(hops: Sequence[Hop]) -> int:
    """Return after how many hops the browser has arrived."""
    for index, hop in enumerate(hops):
        if hop.server == SERVER2 and hop.verdict in ("accepted", "rejected"):
            following = hops[index + 1 : index + 2]
            landed = [each for each in following if each.path == hop.location]
            return index + 1 + len(landed)
    return len(hops)
