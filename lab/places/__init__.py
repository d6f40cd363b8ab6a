"""Where is my token? Each place of a browser, tried by the visitor's own browser."""

from __future__ import annotations

from flask import Flask

from . import attacker, current, victim
from .notebooks import Notebooks


def init_apps(victims: Flask, attackers: Flask) -> None:
    """Give each host's application its pages, and both the same notebooks."""
    notebooks = Notebooks()
    for app in (victims, attackers):
        current.init_app(app, notebooks)
    victim.init_app(victims)
    attacker.init_app(attackers)
