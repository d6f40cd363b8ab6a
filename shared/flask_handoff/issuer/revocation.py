"""Revocation: tells a client's API, server to server, which access tokens are dead."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from flask_handoff.claims import Revocation
from flask_handoff.errors import RevocationNotDeliveredError
from flask_handoff.tokens import TokenMinter

from .clients import Client
from .notices import DEADLINE, post_notice


def deliver_revocation(
    minter: TokenMinter,
    client: Client,
    revocation: Revocation,
    *,
    deadline: timedelta = DEADLINE,
    ca_file: Path | None = None,
) -> None:
    """Tell one client's API, once, which access tokens are dead, see ``send_revocation``."""
    post_notice(
        client.revocation_uri,
        lambda: minter.mint_revocation(audience=client.client_id, revocation=revocation),
        {"Accept": "application/json", "Content-Type": "application/secevent+jwt"},
        done=(202,),
        deadline=deadline,
        ca_file=ca_file,
        failure=lambda reason: RevocationNotDeliveredError(
            reason or "the client has no revocation_uri"
        ),
    )
