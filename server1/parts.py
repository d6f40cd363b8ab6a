"""What the queues and their threads ask the application for; everything else asks each room."""

from __future__ import annotations

from types import SimpleNamespace

from flask import Flask, current_app


def parts() -> SimpleNamespace:
    """Return what is registered with the current application."""
    return parts_of(current_app)


def parts_of(app: Flask) -> SimpleNamespace:
    """Return what is registered with *app*."""
    registered = app.extensions
    return SimpleNamespace(
        config=registered["server1.config"],
        database=registered["database"],
        clock=registered["clock"],
        delivery=registered["server1.mail.delivery"],
        letter_entered=registered["server1.mail.entered"],
        logout_entered=registered["server1.logouts.entered"],
        notifying=registered["server1.logouts.notifying"],
    )
