"""Throttles: how often a password may be guessed, and a mail asked for. An owner waits, at worst.

All is counted in the database, so that several workers share one count and a restart forgets
nothing. Of sign-ins only failures count. One that is not judged yet is counted as failed, and taken
back when it was right: what is beyond a limit because of such ones waits for them, for seconds at
most. Three limits hold at once:

* 5 a minute for one account from one address: the ordinary guesser;
* 20 a minute from one address, whatever the account: one password tried on many accounts;
* 100 an hour for one account from all addresses together: many machines on one account. An address
  from which the account has been signed in to before is exempt, so that a stranger's guesses keep
  its owner out neither at home nor at work; elsewhere the owner waits until the hour has passed, or
  sets a new password by mail, which makes that address a known one. With a new password, others
  have to become known again.

Of mails that anybody may ask for, an account gets 3 an hour of a kind, and an address may ask for
120 an hour of a kind, for any account.

An account that does not exist is throttled as one that does. An IPv6 address counts as its /64
network, which is what one customer gets.

Sources: NIST SP 800-63B, section 5.2.2 (at most 100 failures for one account, and known addresses
as the way around a lock-out).
"""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import datetime, timedelta
from typing import NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from flask_service.database import Instant, insert_into, sweep
from server1.db import metadata

from .users import User, users

CLOCKS_DIFFER = timedelta(seconds=5)  # those of two machines of this server, at most
Counted = tuple[str, ...]
"""What one attempt was counted towards: hashes, as the rows have them."""

KNOWN_FOR = timedelta(days=90)  # an address stays known this long after the last sign-in from it


class Limit(NamedTuple):
    """So many failures, or requests, in such a time, counted from the first of them."""

    name: str
    most: int
    period: timedelta


ACCOUNT_AT_ADDRESS = Limit("account at address", 5, timedelta(minutes=1))
ADDRESS = Limit("address", 20, timedelta(minutes=1))
ACCOUNT = Limit("account", 100, timedelta(hours=1))

MAILS_TO_ACCOUNT = Limit("mails to account", 3, timedelta(hours=1))
MAILS_FROM_ADDRESS = Limit("mails from address", 120, timedelta(hours=1))

throttles = sa.Table(
    "throttles",
    metadata,
    # A hash of the limit's name and what it counts: no list of who tried to sign in where.
    sa.Column("key_sha256", sa.String(64), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("pending", sa.Integer, nullable=False),  # of these, those that are not judged yet
    sa.Column("resets_at", Instant, nullable=False),
    sa.Index("throttles_by_resets_at", "resets_at"),
)

known_addresses = sa.Table(
    "known_addresses",
    metadata,
    sa.Column("subject", sa.ForeignKey("users.subject", ondelete="CASCADE"), primary_key=True),
    sa.Column("network", sa.String(64), primary_key=True),
    sa.Column("last_signed_in_at", Instant, nullable=False),
)


class TooManyAttemptsError(Exception):
    """A limit is reached.

    Args:
        key: The hash of what the limit counts.
        is_pending: Whether by attempts that are not judged yet: some of them may be right.
    """

    def __init__(
        self, retry_after: timedelta, limit: Limit, key: str, *, is_pending: bool = False
    ) -> None:
        super().__init__(f"too many attempts, wait {retry_after}")
        self.retry_after = retry_after
        self.limit = limit
        self.key = key
        self.is_pending = is_pending


class Attempt(NamedTuple):
    """One attempt to sign in, or to request a mail, before its outcome is known.

    Args:
        account: The e-mail address in its folded form, whether there is such an account or not.
        address: Where it comes from.
    """

    account: str
    address: str

    @property
    def network(self) -> str:
        """Where it comes from, as limits count it."""
        return network_of(self.address)


def network_of(address: str) -> str:
    """Return an address, or for IPv6 the /64 network that it is in."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        # A socket for both versions writes IPv4 so: all of IPv4 would be one network.
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def count_failure(connection: sa.Connection, attempt: Attempt, now: datetime) -> Counted:
    """Count an attempt as failed before it is checked, so that guesses side by side all count.

    Returns:
        What it was counted towards, for ``take_back`` or ``keep``, one of which has to follow.

    Raises:
        TooManyAttemptsError: A limit is reached. The transaction is to be undone then, so that
            nothing is counted towards the other limits.
    """
    # Always in this order: two transactions that lock these rows cannot wait for each other.
    limits = [
        (ACCOUNT_AT_ADDRESS, _key(ACCOUNT_AT_ADDRESS, attempt.account, attempt.network)),
        (ADDRESS, _key(ADDRESS, attempt.network)),
    ]
    if not is_known(connection, attempt, now):
        limits.append((ACCOUNT, _key(ACCOUNT, attempt.account)))
    for limit, key in limits:
        _count(connection, limit, key, now, pending=1)
    sweep(connection, throttles, throttles.c.resets_at <= now)
    return tuple(key for _limit, key in limits)


def has_room(connection: sa.Connection, limit: Limit, key: str, now: datetime) -> bool:
    """Tell whether waiting for a limit that is reached is over: there is room, or hope no more."""
    row = _row(connection, key)
    if row is None or row["resets_at"] <= now or row["count"] < limit.most:
        return True
    return not _is_pending(row, limit)


def count_mail(connection: sa.Connection, kind: str, attempt: Attempt, now: datetime) -> None:
    """Count a mail of a kind that somebody asks for, whether there is such an account or not.

    Raises:
        TooManyAttemptsError: A limit is reached. The transaction is to be undone then, so that
            refused requests do not lengthen the wait.
    """
    count_request(connection, MAILS_FROM_ADDRESS, kind, attempt.network, now=now)
    count_request(connection, MAILS_TO_ACCOUNT, kind, attempt.account, now=now)


def count_request(connection: sa.Connection, limit: Limit, *what: str, now: datetime) -> None:
    """Count a request towards a limit.

    Raises:
        TooManyAttemptsError: The limit is reached. Nothing is written then.
    """
    _count(connection, limit, _key(limit, *what), now)
    sweep(connection, throttles, throttles.c.resets_at <= now)


def take_back(connection: sa.Connection, counted: Counted) -> None:
    """Take a count back: the attempt did not fail, or was never checked."""
    _settle(connection, counted, count=_less_one(throttles.c.count))


def keep(connection: sa.Connection, counted: Counted) -> None:
    """Leave a count as it is: the attempt has failed."""
    _settle(connection, counted)


def note_known(connection: sa.Connection, attempt: Attempt, user: User, now: datetime) -> None:
    """Note that the account was signed in to from this address, which is known to it from now."""
    connection.execute(
        insert_into(connection, known_addresses)
        .values(subject=user.subject, network=attempt.network, last_signed_in_at=now)
        .on_conflict_do_update(
            index_elements=[known_addresses.c.subject, known_addresses.c.network],
            set_={"last_signed_in_at": now},
        )
    )
    connection.execute(
        sa.delete(known_addresses).where(
            known_addresses.c.subject == user.subject,
            known_addresses.c.last_signed_in_at <= now - KNOWN_FOR,
        )
    )


def forget_known(connection: sa.Connection, user: User) -> None:
    """Forget from where an account was signed in to, perhaps with a password that is replaced.

    Somebody who knew the old one could guess from there, past the limit for the account.
    """
    connection.execute(sa.delete(known_addresses).where(known_addresses.c.subject == user.subject))


def is_known(connection: sa.Connection, attempt: Attempt, now: datetime) -> bool:
    """Tell whether the account has been signed in to from this address lately."""
    known = (
        sa.select(known_addresses.c.subject)
        .join_from(known_addresses, users)
        .where(
            users.c.email_folded == attempt.account,
            known_addresses.c.network == attempt.network,
            known_addresses.c.last_signed_in_at > now - KNOWN_FOR,
        )
    )
    return connection.execute(known).one_or_none() is not None


def _settle(connection: sa.Connection, counted: Counted, **values: sa.ColumnElement[int]) -> None:
    for key in counted:
        of_key = sa.update(throttles).where(throttles.c.key_sha256 == key)
        connection.execute(of_key.values(pending=_less_one(throttles.c.pending), **values))


def _less_one(column: sa.Column[int]) -> sa.ColumnElement[int]:
    # Another period may have begun, and its count anew.
    return sa.case((column > 0, column - 1), else_=0)


def _row(connection: sa.Connection, key: str) -> RowMapping | None:
    of_key = sa.select(throttles).where(throttles.c.key_sha256 == key)
    return connection.execute(of_key).mappings().one_or_none()


def _is_pending(row: RowMapping, limit: Limit) -> bool:
    return bool(row["count"] - row["pending"] < limit.most)


def _key(limit: Limit, *parts: str) -> str:
    return hashlib.sha256("\0".join([limit.name, *parts]).encode()).hexdigest()


def _count(
    connection: sa.Connection, limit: Limit, key: str, now: datetime, *, pending: int = 0
) -> None:
    resets_at = now + limit.period
    # What a clock wrote that was ahead keeps nobody out for longer than the limit says.
    begins_anew = sa.or_(
        throttles.c.resets_at <= now, throttles.c.resets_at > resets_at + CLOCKS_DIFFER
    )
    counted = connection.execute(
        insert_into(connection, throttles)
        .values(key_sha256=key, count=1, pending=pending, resets_at=resets_at)
        .on_conflict_do_update(
            index_elements=[throttles.c.key_sha256],
            set_={
                "count": sa.case((begins_anew, 1), else_=throttles.c.count + 1),
                "pending": sa.case((begins_anew, pending), else_=throttles.c.pending + pending),
                "resets_at": sa.case((begins_anew, resets_at), else_=throttles.c.resets_at),
            },
            where=begins_anew | (throttles.c.count < limit.most),
        )
        .returning(throttles.c.key_sha256)
    )
    if counted.one_or_none() is None:
        row = cast(RowMapping, _row(connection, key))  # the INSERT has locked it: it is there
        wait, is_pending = row["resets_at"] - now, _is_pending(row, limit)
        raise TooManyAttemptsError(wait, limit, key, is_pending=is_pending)
