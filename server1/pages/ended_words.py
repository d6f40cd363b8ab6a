"""What ended, and why, in plain words for its owner."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from server1.accounts.ended import Ended
from server1.audit import EndReason, Event

_KINDS: Mapping[str, str] = {
    Event.SESSION_ENDED: "browser",
    Event.CLIENT_SESSION_ENDED: "service",
    Event.APP_ACCESS_ENDED: "app or device",
    Event.REFRESH_TOKEN_REUSED: "app or device",
    Event.CONSENT_WITHDRAWN: "what you agreed to",
}
REASONS: Mapping[str, str] = {
    EndReason.SIGNED_OUT: "You signed out.",
    EndReason.SIGNED_OUT_AT_CLIENT: "You signed out everywhere, at a service.",
    EndReason.OTHER_ACCOUNT: "Another account signed in, in the same browser.",
    EndReason.ENDED_BY_USER: "You ended it on this page.",
    EndReason.PASSWORD_CHANGED: "The password was changed.",
    EndReason.EMAIL_VERIFIED: "The e-mail address was confirmed.",
    EndReason.EMAIL_CHANGED: "The e-mail address was changed.",
    EndReason.GRANT_CHANGED: "An administrator changed what you may do there.",
    EndReason.CONSENT_WITHDRAWN: "You withdrew what you agreed to.",
    EndReason.TOKEN_REUSED: "Its key was used twice: somebody else may have had a copy.",
    EndReason.REVOKED_BY_CLIENT: "It ended this by itself, for example when you signed out there.",
    EndReason.REVOKED_BY_OPERATOR: "An administrator ended it.",
    EndReason.TOO_MANY: "It was the one used least lately of more than 50 of the same app.",
    EndReason.ACCOUNT_DISABLED: "An administrator disabled the account.",
    EndReason.ACCOUNT_DELETED: "The account was deleted.",
}


class EndedInWords(NamedTuple):
    """One line of the list."""

    what: str
    kind: str
    why: str
    at: datetime


def in_words(ended: Ended, names: Mapping[str, str]) -> EndedInWords:
    """Say what ended, and why.

    Args:
        names: Of the clients that are registered, by ``client_id``.
    """
    client = names.get(ended.client_id or "", ended.client_id)
    why = REASONS.get(ended.reason, "It was ended.")
    if ended.reason == EndReason.SIGNED_OUT_AT_CLIENT and client:
        why = f"You signed out everywhere, at {client}."
    what = client if ended.device is None else ended.device
    return EndedInWords(what or "", _KINDS.get(ended.event, "access"), why, ended.at)
