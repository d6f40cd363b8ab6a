"""The tutorial's SERVER2: verifies the token, keeps the user, and shows their notes."""

from __future__ import annotations

import os
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask import Flask, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from benchmarks.tutorial.database import get_db, init_app


def create_app() -> Flask:
    app = Flask(__name__)
    app.secret_key = os.environ["PEER_SECRET"]
    app.config["SESSION_COOKIE_NAME"] = "tutorial2"
    key = load_pem_public_key(Path(os.environ["PEER_PUBLIC_KEY"]).read_bytes())
    assert isinstance(key, RSAPublicKey)
    init_app(app)

    @app.before_request
    def load_logged_in_user() -> None:
        query = "SELECT * FROM user WHERE id = ?"
        user_id = session.get("user_id")
        g.user = None if user_id is None else get_db().execute(query, (user_id,)).fetchone()

    @app.get("/login")
    def login() -> Response:
        return redirect(f"{os.environ['PEER_SERVER1']}/handoff")

    @app.get("/callback")
    def callback() -> Response:
        claims = jwt.decode(
            request.args["token"], key, algorithms=["RS256"], audience="server2", issuer="server1"
        )
        db = get_db()
        db.execute(
            "INSERT INTO user VALUES (:sub, :name, :email)"
            " ON CONFLICT DO UPDATE SET name = excluded.name, email = excluded.email",
            claims,
        )
        db.commit()
        session.clear()
        session["user_id"] = claims["sub"]
        return redirect(url_for("notes"))

    @app.get("/notes")
    def notes() -> str:
        query = "SELECT * FROM note WHERE user_id = ? ORDER BY id DESC"
        rows = get_db().execute(query, (g.user["id"],)).fetchall()
        return render_template("notes.html", notes=rows)

    return app
