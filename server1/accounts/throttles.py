"""Throttles: how often a password may be guessed, and a mail asked for. An owner waits, at worst.

All is counted in the database, so that several workers share one count and a restart forgets
nothing. Of sign-ins only failures count. Three limits hold at once:

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
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from flask_service.database import Instant, insert_into, sweep
from server1.db import metadata

from .users import User, users

CLOCKS_DIFFER = timedelta(seconds=5)  # those of two machines of this server, at most
KNOWN_FOR = timedelta(days=90)  # an address stays known this long after the last sign-in from it


@dataclass(frozen=True, slots=True)
class Limit:
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
    """

    def __init__(self, retry_after: timedelta, limit: Limit, key: str) -> None:
        super().__init__(f"too many attempts, wait {retry_after}")
        self.retry_after = retry_after
        self.limit = limit
        self.key = key


@dataclass(frozen=True, slots=True)
class Attempt:
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


def count_failure(connection: sa.Connection, attempt: Attempt, now: datetime) -> None:
    """Count an attempt as failed before it is checked, so that guesses side by side all count.

    Raises:
        TooManyAttemptsError: A limit is reached. The transaction is to be undone then, so that
            nothing is counted towards the other limits.
    """
    for limit, key in _counts(connection, attempt, now):
        _count(connection, limit, key, now)
    sweep(connection, throttles, throttles.c.resets_at <= now)


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


def take_back(connection: sa.Connection, attempt: Attempt, now: datetime) -> None:
    """Take the count back: the attempt did not fail, or was never checked."""
    for _limit, key in _counts(connection, attempt, now):
        connection.execute(
            sa.update(throttles)
            .where(throttles.c.key_sha256 == key, throttles.c.count > 0)
            .values(count=throttles.c.count - 1)
        )


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


def _counts(connection: sa.Connection, attempt: Attempt, now: datetime) -> list[tuple[Limit, str]]:
    # Always in this order: two transactions that lock these rows cannot wait for each other.
    counts = [
        (ACCOUNT_AT_ADDRESS, _key(ACCOUNT_AT_ADDRESS, attempt.account, attempt.network)),
        (ADDRESS, _key(ADDRESS, attempt.network)),
    ]
    known = (
        sa.select(known_addresses.c.subject)
        .join_from(known_addresses, users)
        .where(
            users.c.email_folded == attempt.account,
            known_addresses.c.network == attempt.network,
            known_addresses.c.last_signed_in_at > now - KNOWN_FOR,
        )
    )
    if connection.execute(known).one_or_none() is None:
        counts.append((ACCOUNT, _key(ACCOUNT, attempt.account)))
    return counts


def _key(limit: Limit, *parts: str) -> str:
    return hashlib.sha256("\0".join([limit.name, *parts]).encode()).hexdigest()


def _count(connection: sa.Connection, limit: Limit, key: str, now: datetime) -> None:
    resets_at = now + limit.period
    # What a clock wrote that was ahead keeps nobody out for longer than the limit says.
    begins_anew = sa.or_(
        throttles.c.resets_at <= now, throttles.c.resets_at > resets_at + CLOCKS_DIFFER
    )
    counted = connection.execute(
        insert_into(connection, throttles)
        .values(key_sha256=key, count=1, resets_at=resets_at)
        .on_conflict_do_update(
            index_elements=[throttles.c.key_sha256],
            set_={
                "count": sa.case((begins_anew, 1), else_=throttles.c.count + 1),
                "resets_at": sa.case((begins_anew, resets_at), else_=throttles.c.resets_at),
            },
            where=begins_anew | (throttles.c.count < limit.most),
        )
        .returning(throttles.c.key_sha256)
    )
    if counted.one_or_none() is None:
        # The INSERT has locked the row, so it is still there.
        of_key = sa.select(throttles.c.resets_at).where(throttles.c.key_sha256 == key)
        raise TooManyAttemptsError(connection.execute(of_key).scalar_one() - now, limit, key)
