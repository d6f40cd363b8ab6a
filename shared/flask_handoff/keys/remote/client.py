"""The issuer's public keys, fetched over HTTP: a ``KeySource``."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from flask_handoff.addresses import is_plain_address, is_safe_from_others
from flask_handoff.claims import Clock, system_clock
from flask_handoff.errors import ConfigurationError, IssuerClockError, TokenKeyUnknownError
from flask_handoff.keys.file_stamp import file_stamp
from flask_handoff.keys.foreign import parse_foreign_jwks
from flask_handoff.keys.jwks import JWKS_MAX_AGE, parse_jwks
from flask_handoff.keys.verification_key import VerificationKey
from flask_handoff.profiles import HANDOFF
from flask_handoff.redaction import shown

from .renewal import FETCH_DEADLINE, KeyRenewal

Fetch = Callable[[], tuple[bytes, datetime | None]]
"""Returns a body that is not verified, at most 64 KiB, and the time of the server's clock."""

CLOCK_WARNING = HANDOFF.leeway / 2  # between the two clocks: while people can still sign in
CLOCK_TRUSTED_FOR = timedelta(minutes=1)  # after a fetch: an issuer's clock may be set at any time
_HALF_A_SECOND = timedelta(seconds=0.5)

_BOOT_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)
_logger = logging.getLogger("flask_handoff")


def uptime() -> float:
    """Tell the seconds since boot, with those that the machine slept where it counts them.

    ``time.monotonic`` stands still while a machine sleeps: a removed key would last the night.
    """
    return time.clock_gettime(_BOOT_CLOCK) if _BOOT_CLOCK is not None else time.monotonic()


class JWKSClient:
    """Holds the public keys of one issuer and keeps them current.

    A key that is known is found at once, whatever the endpoint does: a thread renews the set before
    it expires. While the endpoint fails, the last good set serves for an hour past its
    lifetime. A key that is not known causes at most one fetch, as does a signature that does not
    fit the key of its name, and at most one fetch begins every ten seconds. A removed key is
    forgotten within the lifetime, as long as the endpoint answers; the last one as well: a set
    without any key is an answer, not an outage.

    Safe to share between threads and to take across a fork. Give each issuer a client of its own:
    two issuers may use one ``kid``.

    Args:
        jwks_uri: https, or http on loopback.
        allow_http: Accept http for every host. An attacker who alters that traffic can sign in as
            anyone.
        cache_lifetime: How long a set is used without a question. One below five minutes makes
            a thirtieth of it the pause between two fetches.
        deadline: For one fetch, and for a caller who waits for one.
        ca_file: PEM file of the authorities to trust in place of the public ones.
        foreign: Read the set of a foreign issuer, see ``parse_foreign_jwks``.
        flush_file: When this file is made, touched or deleted, the keys held are forgotten at
            once, in every process that watches it.
        fetch: Stands in for the HTTP request.
        clock: Compared with the ``Date`` header.
        monotonic: Tells seconds that never run backwards, in every process alike.

    Raises:
        ConfigurationError: The address is not plain https (or http on loopback, or with
            ``allow_http``), ``ca_file`` is no file, or ``flush_file`` is in no directory.

    Sources: OpenID Connect Core 1.0, section 10.1.1 (rotation of signing keys); RFC 7517,
    section 4.5; RFC 5861 (stale-if-error).
    """

    def __init__(
        self,
        jwks_uri: str,
        *,
        allow_http: bool = False,
        cache_lifetime: timedelta = JWKS_MAX_AGE,
        deadline: timedelta = FETCH_DEADLINE,
        ca_file: Path | None = None,
        foreign: bool = False,
        flush_file: Path | None = None,
        fetch: Fetch | None = None,
        clock: Clock = system_clock,
        monotonic: Callable[[], float] = uptime,
    ) -> None:
        _check_jwks_uri(jwks_uri, allow_http=allow_http)
        _check_files(ca_file, flush_file)
        if fetch is None:
            # Imported here, not by the thread that fetches: a fork amid it would hang the child.
            from .fetch import fetch_jwks

            fetch = partial(fetch_jwks, jwks_uri, deadline=deadline, ca_file=ca_file)
        self._flush_file = flush_file
        self._flushed = self._flush_stamp()
        self._renewal = KeyRenewal(
            partial(_obtain, fetch, parse_foreign_jwks if foreign else parse_jwks, clock),
            source=urlsplit(jwks_uri)._replace(query="").geturl(),
            lifetime=cache_lifetime,
            deadline=deadline,
            monotonic=monotonic,
        )
        # The thread knows the renewal only, so it does not keep a forgotten client alive.
        weakref.finalize(self, self._renewal.stop)

    @property
    def clock_difference(self) -> timedelta | None:
        """The issuer's clock minus ours, to a second or two, as of the last good answer.

        None until there was one, or if it had no ``Date``.
        """
        held = self._renewal.held
        return None if held is None else held.clock_difference

    @property
    def kids(self) -> frozenset[str]:
        """The names of the keys that are held, as of the last good answer; nothing is fetched."""
        held = self._renewal.held
        return frozenset() if held is None else frozenset(held.keys)

    def key(self, kid: str) -> VerificationKey:
        """Find the key of this name, see ``KeySource.key``.

        Waits at most the deadline, only where a fetch can change the answer, and only beside fewer
        than ``MOST_WAITING`` others: a later caller is answered at once with what is known.
        """
        self._follow_flush_file()
        key = self._renewal.keys().get(kid)
        if key is None:
            self._renewal.ask()
            key = self._renewal.keys().get(kid)
        if key is None:
            raise TokenKeyUnknownError("the token names a key that its issuer does not publish")
        return key

    def ask_again(self) -> None:
        """Fetch the set where a fetch may begin now, or wait for the one in flight.

        For a signature that a key which is held did not make: its issuer may have put another key
        under the old name. Waits as ``key`` does.
        """
        self._renewal.ask()

    def ready(self) -> None:
        """Make sure that a key is held or available within one fetch, see ``KeySource.ready``."""
        self._follow_flush_file()
        self._renewal.keys()

    def check_clock(self, leeway: timedelta) -> None:
        """Make sure that the issuer's clock differs from ours by no more than the leeway.

        The keys are fetched anew where the last fetch is a minute old, as the clock may have been
        set since; and where it differs, as often as unknown keys: it may be right again.

        Raises:
            IssuerClockError: It differs by more, as of the last good answer that had a ``Date``.
        """
        self._renewal.ask(after=CLOCK_TRUSTED_FOR)
        if not self._differs_by(leeway):
            return
        self._renewal.ask()
        if self._differs_by(leeway):
            raise IssuerClockError("the issuer's clock and this one differ by more than the leeway")

    def _differs_by(self, leeway: timedelta) -> bool:
        difference = self.clock_difference
        # To half a second: a Date header is cut to the second.
        return difference is not None and abs(difference + _HALF_A_SECOND) > leeway + _HALF_A_SECOND

    def close(self) -> None:
        """End the thread; from here on no key is found. May be called again.

        Waits for the fetch in flight, at most the deadline.
        """
        self._renewal.stop(wait=True)

    def _follow_flush_file(self) -> None:
        if (stamp := self._flush_stamp()) != self._flushed:
            # In this order: no other thread may take the old keys for the flushed ones.
            self._renewal.forget()
            self._flushed = stamp

    def _flush_stamp(self) -> tuple[int, ...] | None:
        return None if self._flush_file is None else file_stamp(self._flush_file)


def _check_jwks_uri(jwks_uri: str, *, allow_http: bool) -> None:
    if not is_plain_address(jwks_uri):
        raise ConfigurationError(
            "The JWKS address is not a plain https:// address (of a host, without user name,"
            " password or fragment).",
            "Give HANDOFF_JWKS_URI the issuer's address, such as"
            " https://issuer.example.com/.well-known/jwks.json.",
        )
    if not allow_http and not is_safe_from_others(jwks_uri):
        raise ConfigurationError(
            "The JWKS address is plain http to another machine: an attacker on the path can"
            " replace the keys.",
            "Use https, or set HANDOFF_JWKS_ALLOW_HTTP=1 where the network itself is trusted.",
        )


def _obtain(
    fetch: Fetch, parse: Callable[[bytes], dict[str, VerificationKey]], clock: Clock
) -> tuple[dict[str, VerificationKey], timedelta | None]:
    asked_at = clock()
    unverified_document, server_date = fetch()
    keys = parse(unverified_document)
    if server_date is None:
        return keys, None
    # The answer was written somewhere between the question and now.
    difference = server_date - (asked_at + (clock() - asked_at) / 2)
    # A Date header is cut to the second, so on average it is half a second old.
    if abs(difference + _HALF_A_SECOND) >= CLOCK_WARNING:
        _logger.warning("issuer_clock_differs seconds=%.1f", difference.total_seconds())
    return keys, difference


def _check_files(ca_file: Path | None, flush_file: Path | None) -> None:
    if ca_file is not None and not ca_file.is_file():
        raise ConfigurationError(
            f"The file of trusted authorities {shown(ca_file)} is not there.",
            "Put their certificates there as PEM.",
        )
    if flush_file is not None and not flush_file.parent.is_dir():
        raise ConfigurationError(
            f"The directory of the file to flush keys by, {shown(flush_file.parent)}, is not"
            " there.",
            "Make it, or name a file in another one.",
        )
