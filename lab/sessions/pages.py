"""The page of the sessions, which works by forms alone."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Flask, abort, current_app, redirect, render_template, request
from werkzeug.wrappers import Response

from .trials import COOKIE, Bench, Benches
from .ways import WAYS

_EXTENSION = "lab.sessions"

blueprint = Blueprint("sessions", __name__, url_prefix="/sessions")


def init_app(app: Flask, benches: Benches | None = None) -> None:
    """Give the victim's application this page."""
    app.extensions[_EXTENSION] = benches or Benches()
    app.register_blueprint(blueprint)


@blueprint.get("")
def front_page() -> str:
    """Explain, show the trial that goes on, and put those that are done side by side."""
    unverified_id = request.args.get("bench")
    bench = _bench(unverified_id) if unverified_id else None
    trials = bench.trials if bench else {}
    trial = bench.trial if bench else None
    untried = [name for name in WAYS if name not in trials]

    return render_template(
        "sessions/front.html",
        bench=bench,
        trial=trial,
        ways=WAYS.values(),
        trials=trials,
        suggested=trial.way.name if trial and trial.step != "done" else [*untried, *WAYS][0],
        cookie=COOKIE,
    )


@blueprint.post("/begin")
def begin() -> Response:
    """Sign the visitor in, in the way that was chosen."""
    way = request.form.get("way", "")
    if way not in WAYS:
        abort(400)
    bench = _benches().open(request.form.get("bench", ""))
    with bench.lock:
        trial = bench.begin(way)
    response = _back(bench)
    response.set_cookie(
        COOKIE, trial.credential, path="/sessions", httponly=True, samesite="Strict"
    )
    return response


@blueprint.post("/request")
def make_request() -> Response:
    """Look at what the visitor's browser presents, and at what the other two would."""
    bench = _bench(request.form.get("bench", ""))
    with bench.lock:
        bench.trial.request(request.cookies.get(COOKIE, ""))
    return _back(bench)


@blueprint.post("/end")
def end() -> Response:
    """End the visitor's session at the server; the cookie stays, as a copy elsewhere would."""
    bench = _bench(request.form.get("bench", ""))
    with bench.lock:
        bench.trial.end()
    return _back(bench)


def _bench(unverified_id: str) -> Bench:
    try:
        return _benches().find(unverified_id)
    except KeyError:
        abort(404)


def _benches() -> Benches:
    return cast(Benches, current_app.extensions[_EXTENSION])


def _back(bench: Bench) -> Response:
    return redirect(f"/sessions?bench={bench.id}#trial", 303)
