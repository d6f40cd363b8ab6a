"""The transaction that a thread has open, and the parts of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import sqlalchemy as sa

from .transactions import Transactions


class OpenedByThread(threading.local):
    """What one thread has open."""

    transaction: Outermost | None = None


class Outermost(AbstractContextManager[sa.Connection]):
    """The transaction of one thread. No generator, which would cost as much as a statement."""

    def __init__(self, transactions: Transactions, thread: OpenedByThread, *, writes: bool) -> None:
        self._transactions = transactions
        self._thread = thread
        self.writes = writes
        self.afterwards: list[Callable[[], None]] = []
        self.is_broken = False

    def __enter__(self) -> sa.Connection:
        self._begun = self._transactions.begin(writes=self.writes)
        self.connection = self._begun.connection
        self._thread.transaction = self
        return self.connection

    def __exit__(self, _kind: object, failure: BaseException | None, _traceback: object) -> None:
        self._thread.transaction = None
        if failure is not None or self.is_broken:
            self._begun.undo()
            if failure is None:  # it was caught: half of the transaction must not be kept
                raise RuntimeError("a part of the transaction has failed")
            return
        self._begun.commit()
        for act in self.afterwards:
            act()


class Part(AbstractContextManager[sa.Connection]):
    """A part that writes in a transaction which is open: where it fails, so does the whole."""

    def __init__(self, outer: Outermost) -> None:
        self._outer = outer

    def __enter__(self) -> sa.Connection:
        return self._outer.connection

    def __exit__(self, _kind: object, failure: BaseException | None, _traceback: object) -> None:
        if failure is not None:
            self._outer.is_broken = True
