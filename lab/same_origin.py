"""Who may press the lab's buttons: its own pages alone."""

from __future__ import annotations

from flask import abort, request

from .current import config


def check_sender() -> None:
    """Refuse (HTTP 403) what another site's page sends; the attacker's is one."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403)
    if request.headers.get("Origin", config().base_url) != config().base_url:
        abort(403)
