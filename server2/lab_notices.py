"""In the demo: pages say that a used token came again, and where the lab shows a refusal."""

from __future__ import annotations

from hashlib import sha256

from flask import Flask, Response, g, request, session

from flask_handoff import request_id
from flask_service.settings import Lab

_USED_AGAIN = "used_again"  # in the cookie, which is signed: no address makes a page say so
_FIRST_ERROR = 400  # statuses


def init_app(app: Flask, lab: Lab | None) -> None:
    """Give the templates what they say; without a lab it is nothing, and nothing is noted."""
    url = lab.url if lab else ""
    app.jinja_env.globals.update(
        used_again=_used_again if lab else str,
        refusal_in_lab=lambda: _refusal(url) if url else "",
    )
    if not lab:
        return
    from flask_service.hops.recorder import repeats_a_callback  # loaded where there is a lab

    @app.after_request
    def note(response: Response) -> Response:
        if repeats_a_callback() and response.status_code < _FIRST_ERROR:
            session[_USED_AGAIN] = _journey(request.values["id_token"])
        return response


def _used_again() -> str:
    """Return the journey of the used token that led this browser here; only once, then nothing."""
    if "used_again" not in g:
        g.used_again = session.pop(_USED_AGAIN, "") if _USED_AGAIN in session else ""
    found: str = g.used_again
    return found


def _refusal(lab_url: str) -> str:
    """Return where the lab shows this request, which brought a token; else nothing."""
    tokens = request.values.getlist("id_token")
    return f"{lab_url}/journey?token={_journey(tokens[0])}#step-{request_id()}" if tokens else ""


def _journey(token: str) -> str:
    return sha256(token.encode()).hexdigest()[:32]
