"""The tutorial's database: one connection a request, closed after it."""

from __future__ import annotations

import os
import sqlite3

from flask import Flask, g

SCHEMA = """
CREATE TABLE IF NOT EXISTS user (id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, text TEXT NOT NULL);
"""


def get_db() -> sqlite3.Connection:
    if "db" not in g:
        g.db = sqlite3.connect(os.environ["PEER_DATABASE"])
        g.db.row_factory = sqlite3.Row
    connection: sqlite3.Connection = g.db
    return connection


def init_app(app: Flask) -> None:
    app.teardown_appcontext(_close)
    with app.app_context():
        get_db().executescript(SCHEMA)


def _close(_error: BaseException | None) -> None:
    db = g.pop("db", None)
    if db is not None:
        db.close()
