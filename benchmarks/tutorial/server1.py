"""The tutorial's SERVER1: signs in whoever asks, and mints a token for SERVER2."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Flask, redirect, session
from werkzeug.wrappers import Response


def create_app() -> Flask:
    app = Flask(__name__)
    app.secret_key = os.environ["TUTORIAL_SECRET"]
    app.config["SESSION_COOKIE_NAME"] = "tutorial1"
    key = load_pem_private_key(Path(os.environ["TUTORIAL_PRIVATE_KEY"]).read_bytes(), None)

    @app.post("/login")
    def login() -> str:
        session["user"] = {"id": "s" * 22, "name": "Ada", "email": "ada@example.com"}
        return "signed in"

    @app.get("/handoff")
    def handoff() -> Response:
        user = session["user"]
        claims = {
            "iss": "server1",
            "aud": "server2",
            "sub": user["id"],
            "name": user["name"],
            "email": user["email"],
            "exp": datetime.now(UTC) + timedelta(seconds=60),
        }
        token = jwt.encode(claims, key, algorithm="RS256")  # type: ignore[arg-type]
        return redirect(f"{os.environ['TUTORIAL_SERVER2']}/callback?token={token}")

    return app
