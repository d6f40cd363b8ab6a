"""The pages of the bench: the list, one attack, and what came of it."""

from __future__ import annotations

import hmac
import re
import secrets
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Flask, abort, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from lab.same_origin import check_sender

from .bench import Bench, Result
from .browsers import BenchError
from .catalogue import ATTACKS, Attack, groups
from .checks import check_of

_BLANKS = re.compile(r"[ \t\r\n]+")

blueprint = Blueprint("attacks", __name__, url_prefix="/attacks")


def init_app(app: Flask, bench: Bench) -> None:
    """Add the pages."""
    app.extensions["bench"] = bench
    app.extensions["bench_form"] = secrets.token_urlsafe(32)
    app.add_template_filter(parameters)
    app.register_blueprint(blueprint)


@blueprint.get("")
def table() -> str:
    """List all attacks."""
    return render_template("attacks/table.html", groups=groups(), form_token=_form_token())


@blueprint.get("/<name>")
def attack(name: str) -> str:
    """Describe one attack, and show what came of it, where it was run."""
    found, result = _attack(name), None
    if asked := request.args.get("result"):
        result = _result(asked)
        if result.attack is not found:
            abort(404)
    return _page(found, result)


@blueprint.post("/<name>")
def run(name: str) -> Response | tuple[str, int]:
    """Run an attack. Only a form of this site does: no page elsewhere attacks with our hands."""
    found = _attack(name)
    check_sender()
    check_form_token()
    try:
        result = _bench().run(found)
    except BenchError as error:
        return _page(found, None, str(error)), 503
    return redirect(url_for(".attack", name=name, result=result, _anchor="result"), 303)


def check_form_token() -> None:
    """Refuse (403) what no form of the bench has sent."""
    given = request.form.get("form_token", "").encode()
    if not hmac.compare_digest(given, _form_token().encode()):
        abort(403)


def parameters(url: str) -> list[tuple[str, str]]:
    """Return the parameters of an address."""
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


def _page(found: Attack, result: Result | None, problem: str = "") -> str:
    names = [*ATTACKS]
    following = names[(names.index(found.name) + 1) % len(names)]
    return render_template(
        "attacks/attack.html",
        attack=found,
        check=check_of(found.check),
        result=result,
        problem=problem,
        following=ATTACKS[following],
        form_token=_form_token(),
    )


def _attack(name: str) -> Attack:
    return ATTACKS.get(name) or abort(404)


def _result(name: str) -> Result:
    try:
        return _bench().result(name)
    except KeyError:
        abort(404)


def _bench() -> Bench:
    bench: Bench = current_app.extensions["bench"]
    return bench


def _form_token() -> str:
    token: str = current_app.extensions["bench_form"]
    return token
