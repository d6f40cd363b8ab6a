"""Jobs: what can wait in an outbox, how it is done, and how often it is tried."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, NamedTuple, TypeVar

_Payload = TypeVar("_Payload")


class Lane(Enum):
    """Which of a kind's jobs are claimed: those of one lane never wait for those of the other."""

    PROMPT = auto()  # of topics whose last job did not fail
    PROBE = auto()  # one of each topic that failed, to find out whether it answers again


class Outcome(Enum):
    """What became of a job."""

    SENT = auto()
    SKIPPED = auto()  # there was nothing to do any more
    RETRY_LATER = auto()
    UNREACHABLE = auto()  # as FAILED or RETRY_LATER, and no other of its kind would fare better now
    FAILED = auto()


class JobError(Exception):
    """A job could not be done. The text is kept, logged and shown: our own words, no secret."""

    permanent = False  # whether it is tried no more
    unreachable = False  # whether no other job of the kind would fare better now


class JobUnknownError(LookupError):
    """There is no such job: it was done, or never was."""


class RetryPolicy(NamedTuple):
    """How often and how long a job that fails is tried again."""

    first_delay: timedelta  # after the first failure; doubled after each further one
    longest_delay: timedelta  # between two tries
    tried_for: timedelta  # after it was enqueued; then it is marked failed
    # A little longer than a try takes: another process takes a job over when its lease has
    # expired. Clocks of two machines may differ by as much.
    lease: timedelta


@dataclass(frozen=True, slots=True)
class Job:
    """A job, as it stands in the outbox."""

    number: int  # never used again for another one
    kind: str
    topic: str  # what its kind files it under; it may stand in a log
    payload: str = field(repr=False)  # JSON, for ``read``
    enqueued_at: datetime
    due_at: datetime
    attempts: int  # how often it was tried, this time included
    last_error: str | None  # why the last try failed, in our own words
    leased_until: datetime | None  # until when the process that tries it now has it to itself
    failed: bool  # whether it is not tried any more
    is_probe: bool  # whether its topic failed, and the topic's other jobs wait for this one

    def read(self, payload: type[_Payload]) -> _Payload:
        """Return the payload as the named tuple of texts that was enqueued.

        Raises:
            JobError: It is none; trying again would not change that.
        """
        try:
            values: dict[str, Any] = json.loads(self.payload)
            if all(isinstance(value, str | None) for value in values.values()):
                return payload(**values)
        except (AttributeError, TypeError, ValueError):
            pass
        error = JobError("its payload cannot be read")
        error.permanent = True
        raise error


class JobKind(NamedTuple):
    """One kind of jobs, and how they are done.

    Args:
        run: Does a job in no transaction, in an application context; returns SENT or SKIPPED.
            What it raises beside a ``JobError`` is a fault of this server, and tried again.
        describe: What an operator sees of a job beside its topic.
        topics: Those that this version knows; jobs of others are left to a newer one. None: any.
        one_per_topic: Whether a process does one job of a topic at a time, so that one that hangs
            holds up one thread; and whether, after a failure, one job of the topic at a time is
            tried, in a lane of its own, until one is done: then all others are due at once.
        never_kept: Topics whose jobs are removed when they failed, not kept for an operator.
        threads: How many do jobs of this kind in each process at most, in each lane.
        grace: How long a thread waits before a new job, to let the request's answer leave first.
        look_every: How long a process waits for what others enqueued, and for what is due again.
    """

    name: str
    policy: RetryPolicy
    run: Callable[[Job], Outcome]
    describe: Callable[[Job], str]
    topics: Collection[str] | None = None
    one_per_topic: bool = False
    never_kept: Collection[str] = frozenset()
    threads: int = 1
    grace: timedelta = timedelta(milliseconds=200)
    look_every: timedelta = timedelta(seconds=5)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes that its jobs go in."""
        return (Lane.PROMPT, Lane.PROBE) if self.one_per_topic else (Lane.PROMPT,)
