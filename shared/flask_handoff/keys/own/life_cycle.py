"""The steps of a signing key's life: stage, activate, retire; and revoke, in an emergency.

Each step is one new ``ring.json``, written under a lock. Running issuers follow by themselves. A
step raises ``ConfigurationError`` where there is no good ring, or its directory cannot be written.
A new key has 2,048 to 4,096 *bits*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path

from flask_handoff.claims import Clock, system_clock
from flask_handoff.errors import ConfigurationError, KeyLifeCycleError
from flask_handoff.keys.jwks import MAXIMUM_JWKS_KEYS
from flask_handoff.redaction import shown

from .private_files import only_writer
from .ring_file import (
    RingEntry,
    check_own_directory,
    check_ring_directory,
    new_key_command,
    read_ring,
    ring_exists,
    write_ring,
)
from .rotation_schedule import activation_allowed_at, retirement_allowed_at, utc
from .signing_key import SigningKey, delete_private_key


def new_key(directory: Path, *, bits: int = 2048, clock: Clock = system_clock) -> RingEntry:
    """Make a key and add it to the ring of a directory, which is made if it is not there.

    The key is active where no other is, else staged.

    Args:
        directory: Mode 0700, or not there yet.
        bits: 2,048 to 4,096. Each step of 1,024 makes every token 171 characters longer.

    Raises:
        ConfigurationError: The directory cannot be written, or what lies there is no good ring.
        KeyLifeCycleError: As many keys are published as receivers take.
    """
    return add_key(directory, SigningKey.generate(bits), clock=clock)


def add_key(directory: Path, key: SigningKey, *, clock: Clock = system_clock) -> RingEntry:
    """Add a key of one's own to the ring of a directory, as ``new_key`` adds the one it makes.

    Raises:
        ConfigurationError: The directory cannot be written, or what lies there is no good ring.
        KeyLifeCycleError: The key is or was in the ring, or as many are published as receivers
            take. One that was retired or revoked does not come back.
    """
    with _changing(directory, clock, make=True) as (ring, now):
        for known in ring:
            if known.kid == key.kid:
                raise KeyLifeCycleError(f"Key {key.kid} is in this ring already, {known.state}.")
        if sum(entry.is_published for entry in ring) >= MAXIMUM_JWKS_KEYS:
            raise KeyLifeCycleError(
                f"{MAXIMUM_JWKS_KEYS} keys are published, and receivers take no more. "
                "Retire those that were replaced."
            )
        entry = _new_entry(key, now, signs=not any(entry.signs for entry in ring))
        # The PEM comes first: a ring that is read in between must not list a key without its file.
        key.write(directory)
        _write(directory, [*ring, entry])
    return entry


def stage_key(directory: Path, *, bits: int = 2048, clock: Clock = system_clock) -> RingEntry:
    """Make a key and publish it, so that every receiver has seen it before it signs.

    Raises:
        KeyLifeCycleError: No key signs, or as many are published as receivers take.
    """
    if not any(entry.signs for entry in read_ring(directory)):
        raise KeyLifeCycleError(
            f"No key in {shown(directory)} signs, so there is none to take over from. "
            f"Make one that signs at once: {new_key_command(directory)}"
        )
    return new_key(directory, bits=bits, clock=clock)


def activate_key(directory: Path, kid: str, *, clock: Clock = system_clock) -> None:
    """Let a staged key sign from now on. The one that signed until now stays published.

    Raises:
        KeyLifeCycleError: There is no such key, it is not staged, or it is not published for
            ``PUBLICATION_TIME`` yet: a receiver may not have seen it.
    """
    with _changing(directory, clock) as (ring, now):
        entry = _find_key(ring, kid)
        if entry.state != "staged":
            raise KeyLifeCycleError(f"Key {kid} is {entry.state}, not staged.")
        # Where no key signs nobody waits: no handoff is possible meanwhile.
        if any(other.signs for other in ring):
            _check_date(
                activation_allowed_at(entry),
                now,
                f"Key {kid} has been published since {utc(entry.created_at)}: "
                "a receiver may not have seen it yet.",
            )
        _write(directory, _activated(ring, kid, now))


def retire_key(directory: Path, kid: str, *, clock: Clock = system_clock) -> None:
    """Stop publishing a key that does not sign any longer, and delete its private half.

    Raises:
        KeyLifeCycleError: There is no such key, it signs, or it was replaced less than
            ``RETENTION_TIME`` ago: one of its tokens may still live.
    """
    with _changing(directory, clock) as (ring, now):
        (entry,) = find_published_keys(ring, [kid])
        if entry.signs:
            raise KeyLifeCycleError(
                f"Key {kid} signs: activate another one first. "
                "If it has been seen by somebody, revoke it."
            )
        if entry.replaced_at is not None:
            _check_date(
                retirement_allowed_at(entry),
                now,
                f"Key {kid} signed until {utc(entry.replaced_at)}: "
                "its tokens have to be checked for a while yet.",
            )
        retired = replace(entry, state="retired", removed_at=now)
        _write(directory, [retired if each is entry else each for each in ring])


def revoke_keys(
    directory: Path, kids: Sequence[str], *, bits: int = 2048, clock: Clock = system_clock
) -> RingEntry:
    """Stop publishing keys at once, in an emergency, and delete their private halves.

    If none of the others signs, the staged key that is published the longest takes over, and
    without one a new key. A key that was replaced never signs again: it may have been seen with the
    other one. The key that signs now is returned.

    Raises:
        KeyLifeCycleError: There is no such key, or it is retired or revoked already.
    """
    with _changing(directory, clock) as (ring, now):
        revoked = find_published_keys(ring, kids)
        remaining = [
            replace(entry, state="revoked", removed_at=now) if entry in revoked else entry
            for entry in ring
        ]
        if not any(entry.signs for entry in remaining):
            remaining = _with_a_signer(directory, remaining, bits, now)
        _write(directory, remaining)
    return next(entry for entry in remaining if entry.signs)


def find_published_keys(ring: Sequence[RingEntry], kids: Sequence[str]) -> list[RingEntry]:
    """Find keys that are staged or active by their names.

    Raises:
        KeyLifeCycleError: One is not in the ring, or it is retired or revoked already.
    """
    found = [_find_key(ring, kid) for kid in dict.fromkeys(kids)]
    for entry in found:
        if not entry.is_published:
            raise KeyLifeCycleError(f"Key {entry.kid} is {entry.state} already.")
    return found


def _find_key(ring: Sequence[RingEntry], kid: str) -> RingEntry:
    for entry in ring:
        if entry.kid == kid:
            return entry
    # A name looks as random as a secret does, but is short.
    named = repr(kid) if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", kid) else shown(kid)
    raise KeyLifeCycleError(
        f"There is no key {named} in the ring. flask handoff-keys list shows those that are."
    )


def _check_date(allowed_at: datetime, now: datetime, reason: str) -> None:
    if now < allowed_at:
        wait = timedelta(seconds=ceil((allowed_at - now).total_seconds()))
        raise KeyLifeCycleError(
            f"{reason} Try again in {wait}, at {utc(allowed_at)}.", again_at=allowed_at
        )


@contextmanager
def _changing(
    directory: Path, clock: Clock, *, make: bool = False
) -> Iterator[tuple[tuple[RingEntry, ...], datetime]]:
    try:
        if make:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_ring_directory(directory)
        else:
            read_ring(directory)  # refuses before a lock file is made
        check_own_directory(directory)
        with only_writer(directory):
            ring = read_ring(directory) if not make or ring_exists(directory) else ()
            yield ring, clock().replace(microsecond=0)
    except OSError as error:
        raise ConfigurationError(
            f"The key directory {shown(directory)} cannot be written: {error.strerror}.",
            "Name a directory that this user may write to.",
        ) from None


def _new_entry(key: SigningKey, now: datetime, *, signs: bool) -> RingEntry:
    return RingEntry(
        kid=key.kid,
        state="active" if signs else "staged",
        created_at=now,
        activated_at=now if signs else None,
    )


def _activated(ring: Sequence[RingEntry], kid: str, now: datetime) -> list[RingEntry]:
    changed = []
    for entry in ring:
        if entry.kid == kid:
            changed.append(replace(entry, state="active", activated_at=now))
        elif entry.signs:
            changed.append(replace(entry, replaced_at=now))
        else:
            changed.append(entry)
    return changed


def _with_a_signer(
    directory: Path, ring: Sequence[RingEntry], bits: int, now: datetime
) -> list[RingEntry]:
    staged = [entry for entry in ring if entry.state == "staged"]
    if staged:
        longest_known = min(staged, key=lambda entry: entry.created_at)
        return _activated(ring, longest_known.kid, now)
    key = SigningKey.generate(bits)
    key.write(directory)
    return [*ring, _new_entry(key, now, signs=True)]


def _write(directory: Path, ring: Sequence[RingEntry]) -> None:
    write_ring(directory, ring)
    # Of every removed key, not of this one only: what a crash has left behind goes now.
    for entry in ring:
        if not entry.is_published:
            delete_private_key(directory, entry.kid)
