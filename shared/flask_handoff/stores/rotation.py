"""What it means that a refresh token is not the newest of its family, in whatever store."""

from __future__ import annotations

from typing import NamedTuple

from flask_handoff.errors import RefreshTokenInvalidError, RefreshTokenReusedError


class FamilyState(NamedTuple):
    """How far a family of refresh tokens is. Instants are seconds since 1970."""

    token_sha256: str  # of the newest
    parent_sha256: str | None  # of the one before it; None before the first use
    used_at: int
    expires_at: int
    ended: bool


def newest_again(state: FamilyState, presented_sha256: str, *, grace: int, now: int) -> str:
    """Return the newest token's hash for the one before it, for *grace* seconds.

    Raises:
        RefreshTokenInvalidError: The family has ended or expired.
        RefreshTokenReusedError: The token was used before; the family has to end.
    """
    if state.ended:
        raise ended()
    if state.expires_at <= now:
        raise RefreshTokenInvalidError("the refresh token has expired")
    if presented_sha256 != state.parent_sha256:
        raise RefreshTokenReusedError("the refresh token was replaced before the newest was made")
    if now - state.used_at > grace:
        raise RefreshTokenReusedError(f"the refresh token was replaced over {grace} seconds ago")
    return state.token_sha256


def good_until(state: FamilyState, presented_sha256: str, *, grace: int, now: int) -> int:
    """Return until when a token is good, the newest or the one before it.

    Raises:
        RefreshTokenInvalidError: It is not; its subclass says that it was used before.
    """
    is_newest = presented_sha256 == state.token_sha256
    if not is_newest or state.ended or state.expires_at <= now:
        newest_again(state, presented_sha256, grace=grace, now=now)
    return state.expires_at


def ended() -> RefreshTokenInvalidError:
    """Make the error of a family that has ended: nothing of it is ever given out again."""
    return RefreshTokenInvalidError("the family of the refresh token has ended")


def unknown() -> RefreshTokenInvalidError:
    """Make the error of a handle that no family has."""
    return RefreshTokenInvalidError("the refresh token is unknown, or was forgotten")
