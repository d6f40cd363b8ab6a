"""The least that four requests cost: a Flask application that redirects three times."""

from __future__ import annotations

from flask import Flask, redirect
from werkzeug.wrappers import Response


def create_app() -> Flask:
    app = Flask(__name__)

    @app.get("/step/<int:number>")
    def step(number: int) -> Response:
        return redirect(f"/step/{number + 1}" if number < 3 else "/notes")

    @app.get("/notes")
    def notes() -> str:
        return "Notes"

    return app
