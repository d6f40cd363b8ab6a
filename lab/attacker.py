"""The attacker: another site, which serves the injected script and tries to use the visitor."""

from __future__ import annotations

from flask import Blueprint, Flask, abort, current_app, render_template, request
from flask import make_response as response_of
from werkzeug.wrappers import Response

from flask_service.security_headers import content_security_policy

from .config import Config
from .notebooks import Notebook, Notebooks

blueprint = Blueprint("attacker", __name__)


def init_app(app: Flask, config: Config, notebooks: Notebooks) -> None:
    """Give the application the attacker's pages."""
    app.extensions["lab"] = (config, notebooks)
    app.register_blueprint(blueprint)


def notebook_asked_for() -> Notebook:
    """Return the notebook that the address names."""
    notebooks: Notebooks = current_app.extensions["lab"][1]
    try:
        return notebooks.find(request.args.get("notebook", ""))
    except KeyError:
        abort(404)


@blueprint.get("/")
def front_page() -> str:
    """Say whose site this is."""
    return render_template("attacker.html")


@blueprint.get("/visit")
def visit() -> Response:
    """Let the visitor's browser send requests to the victim, in the ways that a page has."""
    notebook = notebook_asked_for()
    then = "link" if request.args.get("then") == "link" else "form"
    response = response_of(render_template("visit.html", notebook=notebook, then=then))
    config: Config = current_app.extensions["lab"][0]
    # What an attacker would not restrict: the victim is named, so that nothing else is reached.
    policy = content_security_policy("'self'", config.base_url)
    policy = policy.replace("img-src 'self'", f"img-src 'self' {config.base_url}")
    response.headers["Content-Security-Policy"] = f"{policy}; connect-src {config.base_url}"
    return response


@blueprint.post("/loot")
def loot() -> Response:
    """Take what the injected script has found, and note whether the visitor's token is in it."""
    run = notebook_asked_for().run
    run.seen["read"] = "yes" if run.credential in request.get_data(as_text=True) else "no"
    return Response(status=204)
