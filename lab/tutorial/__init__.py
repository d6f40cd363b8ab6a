"""The tutorial receiver: what many a tutorial builds in SERVER2's place, with what it leaves out.

It falls by what its own code does not ask for, never by a hole of a library. It has no user to
lose: whoever gets in sees a page that says so, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from . import pages
from .reader import KeySet, TokenReader


def init_app(app: Flask, fetch_keys: Callable[[], KeySet], *, attacker_url: str) -> TokenReader:
    """Give the application the receiver below ``/tutorial``; return what reads its tokens.

    Args:
        app: The lab's own host, in demo mode.
        fetch_keys: Gets the public keys of every issuer that the tutorial trusts.
        attacker_url: The only other site that its open redirect leads to.
    """
    reader = TokenReader(fetch_keys)
    pages.init_app(app, reader, attacker_url)
    return reader
