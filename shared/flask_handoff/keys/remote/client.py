"""The issuer's public keys, fetched over HTTP: a ``KeySource``."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from flask_handoff.claims import Clock, system_clock
from flask_handoff.errors import ConfigurationError, JWKSUnavailableError, TokenKeyUnknownError
from flask_handoff.keys.file_stamp import file_stamp
from flask_handoff.keys.jwks import parse_jwks
from flask_handoff.keys.verification_key import VerificationKey
from flask_handoff.profiles import HANDOFF
from flask_handoff.redaction import shown

from .fetch import FETCH_DEADLINE, FetchedJWKS, check_jwks_uri, fetch_jwks
from .pace import ATTEMPT_INTERVAL, CACHE_LIFETIME, RENEWAL_SHARE, Pace, uptime
from .renewal import KeyRenewal, KeySet

CLOCK_WARNING = HANDOFF.leeway / 2  # between the two clocks: while people can still sign in

_logger = logging.getLogger("flask_handoff")


class JWKSClient:
    """Holds the public keys of one issuer and keeps them current.

    A key that is known is found at once, whatever the endpoint does: a thread renews the set before
    it expires. While the endpoint fails, the last good set serves for an hour past its
    lifetime. A key that is not known causes at most one fetch, and at most one fetch begins every
    ten seconds. A withdrawn key is forgotten within the lifetime, as long as the endpoint answers;
    the last one as well: a set without any key is an answer, not an outage.

    Safe to share between threads and to take across a fork. Give each issuer a client of its own:
    two issuers may use one ``kid``.

    Args:
        jwks_uri: https, or http on loopback.
        allow_http: Accept http for every host. An attacker who alters that traffic can sign in as
            anyone.
        cache_lifetime: How long a set is used without a question.
        attempt_interval: Between the starts of two fetches, whatever became of the first.
        deadline: For one fetch, and for a caller who waits for one.
        ca_file: PEM file of the authorities to trust in place of the public ones.
        flush_file: When this file is made, touched or deleted, the keys held are forgotten at
            once, in every process that watches it.
        fetch: Stands in for the HTTP request.
        clock: Compared with the ``Date`` header.
        monotonic: Tells seconds that never run backwards, in every process alike.

    Raises:
        ConfigurationError: The address may not be used, ``ca_file`` is no file, ``flush_file`` is
            in no directory, or the lifetime is too short for the interval.

    Sources: OpenID Connect Core 1.0, section 10.1.1 (rotation of signing keys); RFC 7517,
    section 4.5; RFC 5861 (stale-if-error).
    """

    def __init__(
        self,
        jwks_uri: str,
        *,
        allow_http: bool = False,
        cache_lifetime: timedelta = CACHE_LIFETIME,
        attempt_interval: timedelta = ATTEMPT_INTERVAL,
        deadline: timedelta = FETCH_DEADLINE,
        ca_file: Path | None = None,
        flush_file: Path | None = None,
        fetch: Callable[[], FetchedJWKS] | None = None,
        clock: Clock = system_clock,
        monotonic: Callable[[], float] = uptime,
    ) -> None:
        check_jwks_uri(jwks_uri, allow_http=allow_http)
        _check_ca_file(ca_file)
        _check_flush_file(flush_file)
        _check_lifetime(cache_lifetime, attempt_interval)
        if fetch is None:
            # Not left to the thread that fetches: a fork amid its import would hang the child.
            import flask_handoff.bounded_transport  # noqa: F401

            fetch = partial(fetch_jwks, jwks_uri, deadline=deadline, ca_file=ca_file)
        self._deadline = deadline
        self._closed = False
        self._flush_file = flush_file
        self._flushed = self._flush_stamp()
        self._renewals: dict[int, KeyRenewal] = {}
        self._adopt(
            KeyRenewal(
                partial(_obtain, fetch, clock),
                Pace(cache_lifetime, attempt_interval, deadline),
                source=urlsplit(jwks_uri)._replace(query="").geturl(),
                monotonic=monotonic,
            )
        )

    @property
    def clock_difference(self) -> timedelta | None:
        """The issuer's clock minus ours, to a second or two, as of the last good answer.

        None until there was one, or if it had no ``Date``.
        """
        return self._renewal().clock_difference

    @property
    def kids(self) -> frozenset[str]:
        """The names of the keys that are held, as of the last good answer; nothing is fetched."""
        return self._renewal().kids

    def key(self, kid: str) -> VerificationKey:
        """Find the key of this name.

        Waits at most the deadline, only where a fetch can change the answer, and only beside fewer
        than ``MOST_WAITING`` others: who comes after them is told at once what is known.

        Args:
            kid: As the token names it, of the form that a ``kid`` has; it only chooses.

        Raises:
            TokenKeyUnknownError: Keys are held, this one is not among them.
            JWKSUnavailableError: No usable key is held, so nothing can be said about the token.
        """
        renewal = self._renewal()
        key = renewal.keys().get(kid)
        if key is None:
            renewal.ask()
            key = renewal.keys().get(kid)
        if key is None:
            raise TokenKeyUnknownError("the token names a key that its issuer does not publish")
        return key

    def ready(self) -> None:
        """Make sure that a usable key is held or available within one fetch.

        Raises:
            JWKSUnavailableError: There is none.
        """
        self._renewal().keys()

    def close(self) -> None:
        """End the thread; from here on no key is found. May be called again.

        Waits for the fetch in flight, at most the deadline.
        """
        self._closed = True
        for renewal in list(self._renewals.values()):
            renewal.stop(patience=self._deadline)

    def _renewal(self) -> KeyRenewal:
        if self._closed:
            raise JWKSUnavailableError("the client for the issuer's keys is closed")
        renewal = self._renewals.get(os.getpid())
        if renewal is None:
            renewal = self._adopt(list(self._renewals.values())[-1].for_child())
        if (stamp := self._flush_stamp()) != self._flushed:
            # In this order: no other thread may take the old keys for the flushed ones.
            renewal.forget()
            self._flushed = stamp
        return renewal

    def _flush_stamp(self) -> tuple[int, ...] | None:
        return None if self._flush_file is None else file_stamp(self._flush_file)

    def _adopt(self, renewal: KeyRenewal) -> KeyRenewal:
        # Atomic without a lock, which the fork could have copied in its locked state.
        adopted = self._renewals.setdefault(os.getpid(), renewal)
        # The thread knows the renewal only, so it does not keep a forgotten client alive.
        weakref.finalize(self, adopted.stop)
        return adopted


def _obtain(fetch: Callable[[], FetchedJWKS], clock: Clock) -> KeySet:
    asked_at = clock()
    fetched = fetch()
    keys = parse_jwks(fetched.unverified_document)
    if fetched.server_date is None:
        return KeySet(keys, None)
    # The answer was written somewhere between the question and now.
    difference = fetched.server_date - (asked_at + (clock() - asked_at) / 2)
    _warn_of_clocks(difference)
    return KeySet(keys, difference)


def _warn_of_clocks(difference: timedelta) -> None:
    # A Date header is cut to the second, so on average it is half a second old.
    if abs(difference + timedelta(seconds=0.5)) >= CLOCK_WARNING:
        _logger.warning(
            "issuer_clock_differs seconds=%.1f sign_ins_fail_from_seconds=%.0f",
            difference.total_seconds(),
            HANDOFF.leeway.total_seconds(),
        )


def _check_ca_file(ca_file: Path | None) -> None:
    if ca_file is not None and not ca_file.is_file():
        raise ConfigurationError(
            f"The file of trusted authorities {shown(ca_file)} is not there.",
            "Put their certificates there as PEM.",
        )


def _check_flush_file(flush_file: Path | None) -> None:
    if flush_file is not None and not flush_file.parent.is_dir():
        raise ConfigurationError(
            f"The directory of the file to flush keys by, {shown(flush_file.parent)}, is not"
            " there.",
            "Make it, or name a file in another one.",
        )


def _check_lifetime(cache_lifetime: timedelta, attempt_interval: timedelta) -> None:
    if RENEWAL_SHARE * cache_lifetime < attempt_interval:
        raise ConfigurationError(
            f"Keys cannot be renewed in time: they live {cache_lifetime.total_seconds():g} s and"
            f" may be fetched every {attempt_interval.total_seconds():g} s.",
            f"Let them live at least {(attempt_interval / RENEWAL_SHARE).total_seconds():g} s.",
        )
