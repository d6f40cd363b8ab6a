"""The attacker: another site, which serves the injected script and tries to use the visitor."""

from __future__ import annotations

from flask import Blueprint, Flask, render_template, request
from flask import make_response as response_of
from werkzeug.wrappers import Response

from flask_service.security_headers import content_security_policy

from ..current import config
from .current import notebook_asked_for

blueprint = Blueprint("attacker", __name__)


def init_app(app: Flask) -> None:
    """Give the application the attacker's pages."""
    app.register_blueprint(blueprint)


@blueprint.get("/")
def front_page() -> str:
    """Say whose site this is."""
    return render_template("places/attacker.html")


@blueprint.get("/visit")
def visit() -> Response:
    """Let the visitor's browser send requests to the victim, in the ways that a page has."""
    notebook = notebook_asked_for()
    then = "link" if request.args.get("then") == "link" else "form"
    response = response_of(render_template("places/visit.html", notebook=notebook, then=then))
    victim = config().base_url
    # What an attacker would not restrict: the victim is named, so that nothing else is reached.
    policy = content_security_policy("'self'", victim)
    policy = policy.replace("img-src 'self'", f"img-src 'self' {victim}")
    policy = f"{policy}; connect-src {victim}; frame-src {victim}"
    response.headers["Content-Security-Policy"] = policy
    return response


@blueprint.post("/loot")
def loot() -> Response:
    """Take what the injected script has found, and note whether the visitor's token is in it."""
    run = notebook_asked_for().run
    run.seen["read"] = "yes" if run.credential in request.get_data(as_text=True) else "no"
    return Response(status=204)
