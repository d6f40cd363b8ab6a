"""Authlib's client: exchanges the code, keeps the user, and shows the tutorial's page of notes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from authlib.integrations.flask_client import OAuth
from flask import Flask, g, redirect, render_template, session, url_for
from werkzeug.wrappers import Response

from benchmarks.tutorial.database import get_db, init_app

TEMPLATES = Path(__file__).parents[1] / "tutorial" / "templates"


def create_app() -> Flask:
    app = Flask(__name__, template_folder=TEMPLATES)
    app.secret_key = os.environ["PEER_SECRET"]
    app.config["SESSION_COOKIE_NAME"] = "authlib2"
    init_app(app)
    oauth: Any = OAuth(app)
    server1 = oauth.register(
        "server1",
        client_id="server2",
        client_secret=os.environ["PEER_SECRET"],
        server_metadata_url=f"{os.environ['PEER_SERVER1']}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile email"},
    )

    @app.before_request
    def load_logged_in_user() -> None:
        query = "SELECT * FROM user WHERE id = ?"
        user_id = session.get("user_id")
        g.user = None if user_id is None else get_db().execute(query, (user_id,)).fetchone()

    @app.get("/login")
    def login() -> Any:
        return server1.authorize_redirect(url_for("callback", _external=True))

    @app.get("/callback")
    def callback() -> Response:
        claims = server1.authorize_access_token()["userinfo"]
        db = get_db()
        db.execute(
            "INSERT INTO user VALUES (:sub, :name, :email)"
            " ON CONFLICT DO UPDATE SET name = excluded.name, email = excluded.email",
            claims,
        )
        db.commit()
        session["user_id"] = claims["sub"]
        return redirect(url_for("notes"))

    @app.get("/notes")
    def notes() -> str:
        query = "SELECT * FROM note WHERE user_id = ? ORDER BY id DESC"
        rows = get_db().execute(query, (g.user["id"],)).fetchall()
        return render_template("notes.html", notes=rows)

    return app
