"""What one application's issuer consists of, and where a request finds it."""

from __future__ import annotations

from typing import NamedTuple, cast

from flask import current_app

from flask_handoff.claims import Clock
from flask_handoff.keys import IssuerKeys
from flask_handoff.tokens import TokenMinter

from .authorization import RequestCarrier
from .config import IssuerConfig

EXTENSION = "handoff_issuer"


class IssuerContext(NamedTuple):
    """What belongs to one application."""

    config: IssuerConfig
    keys: IssuerKeys
    minter: TokenMinter
    carrier: RequestCarrier
    clock: Clock


def issuer_context() -> IssuerContext:
    """Return that of the current application."""
    return cast(IssuerContext, current_app.extensions[EXTENSION])
