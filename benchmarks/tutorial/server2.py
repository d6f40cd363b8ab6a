"""The tutorial's SERVER2: verifies the token and keeps the user in Flask's session."""

from __future__ import annotations

import os
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask import Flask, redirect, request, session
from werkzeug.wrappers import Response


def create_app() -> Flask:
    app = Flask(__name__)
    app.secret_key = os.environ["TUTORIAL_SECRET"]
    app.config["SESSION_COOKIE_NAME"] = "tutorial2"
    key = load_pem_public_key(Path(os.environ["TUTORIAL_PUBLIC_KEY"]).read_bytes())
    assert isinstance(key, RSAPublicKey)

    @app.get("/login")
    def login() -> Response:
        return redirect(f"{os.environ['TUTORIAL_SERVER1']}/handoff")

    @app.get("/callback")
    def callback() -> Response:
        claims = jwt.decode(
            request.args["token"], key, algorithms=["RS256"], audience="server2", issuer="server1"
        )
        session["user"] = {"id": claims["sub"], "name": claims["name"], "email": claims["email"]}
        return redirect("/notes")

    return app
