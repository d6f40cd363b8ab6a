"""Codes: what lets a client act for a user, with the access tokens that come of it."""

from __future__ import annotations

from flask import Flask, current_app

from flask_handoff.stores import CodeStore

_EXTENSION = "server1.accounts.codes"


def init_app(app: Flask, store: CodeStore) -> None:
    """Have the application keep its codes in *store*, which is lent its transactions."""
    app.extensions[_EXTENSION] = store


def codes() -> CodeStore:
    """Return the store of the current application."""
    store: CodeStore = current_app.extensions[_EXTENSION]
    return store
