"""The tutorial's SERVER1: signs in whoever asks, and mints a token for SERVER2."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Flask, g, redirect, session
from werkzeug.wrappers import Response

from benchmarks.tutorial.database import get_db, init_app


def create_app() -> Flask:
    app = Flask(__name__)
    app.secret_key = os.environ["PEER_SECRET"]
    app.config["SESSION_COOKIE_NAME"] = "tutorial1"
    key = load_pem_private_key(Path(os.environ["PEER_PRIVATE_KEY"]).read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    init_app(app)

    @app.before_request
    def load_logged_in_user() -> None:
        query = "SELECT * FROM user WHERE id = ?"
        user_id = session.get("user_id")
        g.user = None if user_id is None else get_db().execute(query, (user_id,)).fetchone()

    @app.post("/login")
    def login() -> str:
        db = get_db()
        db.execute("INSERT INTO user VALUES ('1', 'Ada', 'ada@example.com')")
        db.commit()
        session.clear()
        session["user_id"] = "1"
        return "signed in"

    @app.get("/handoff")
    def handoff() -> Response:
        claims = {
            "iss": "server1",
            "aud": "server2",
            "sub": g.user["id"],
            "name": g.user["name"],
            "email": g.user["email"],
            "exp": datetime.now(UTC) + timedelta(seconds=60),
        }
        token = jwt.encode(claims, key, algorithm="RS256")
        return redirect(f"{os.environ['PEER_SERVER2']}/callback?token={token}")

    return app
