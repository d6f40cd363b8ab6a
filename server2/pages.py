"""The pages around the notes: the front page, who is signed in, and the sign-out."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import (
    Blueprint,
    Flask,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response

from flask_handoff.addresses import source_of
from flask_service.database import database
from flask_service.security_headers import content_security_policy
from flask_service.session_cookie import forget_dead_session, replace_cookie

from .config import Config
from .db import current_time
from .handoff import handoff
from .sessions import (
    Session,
    current_session,
    end_session,
    end_unconfirmed_session,
    required_session,
)

JUST_ARRIVED = timedelta(minutes=5)  # for so long the demo says how one came here
_SIGNED_OUT = "signed_out"  # in the cookie: the state that comes back from the issuer

blueprint = Blueprint("pages", __name__)


def init_app(app: Flask, config: Config) -> None:
    """Add the pages, and what every template may use."""
    app.register_blueprint(blueprint)
    app.add_template_filter(instant)
    app.jinja_env.globals.update(
        issuer=str(config.handoff["HANDOFF_ISSUER"]),
        base_url=config.base_url,
        demo=config.demo,
        just_arrived=just_arrived,
        lab_url=config.lab.url if config.lab else "",
        sign_in_url=handoff.login_url,
    )

    @app.context_processor
    def visitor() -> dict[str, Any]:
        # Not looked up here: an error page has to come out while the database is away.
        return {"visitor": g.get("session")}


def just_arrived(session: Session) -> bool:
    """Tell whether the person has come here within the last minutes."""
    return current_time() - session.started_at < JUST_ARRIVED


def instant(moment: datetime) -> str:
    """Write an instant for people; the page's script turns it into their own zone."""
    return f"{moment.astimezone(UTC):%-d %B %Y, %H:%M} UTC"


@blueprint.get("/")
def home() -> str:
    """Show what this site is and how one gets in."""
    current_session()
    return render_template("home.html")


@blueprint.get("/session")
def session_page() -> str:
    """Show who is signed in, who vouched for them, and until when."""
    required_session()
    return render_template("session.html")


@blueprint.get("/signed-out")
def signed_out() -> Response | str:
    """Say that a session has ended which SERVER1 did not confirm, and how to sign in again."""
    if current_session() is not None:
        return redirect(url_for("notes.list_notes"), 303)
    return render_template("signed_out.html", target=request.args.get("target_link_uri"))


@blueprint.get("/logout")
def ask_logout() -> Response:
    """Ask where to sign out: a link or an image on another site must not do it.

    Who is signed out sees what has ended: also when they come back from the issuer.
    """
    here = current_session()
    # What only looks at a page, such as a HEAD request, ends nothing.
    if here is None and request.method == "GET":
        if end_unconfirmed_session():
            _note_signed_out()
        forget_dead_session()
    state = session.get(_SIGNED_OUT)
    came_back = state is not None and request.args.get("state") == state
    page = make_response(
        render_template(
            "logout.html",
            ended="everywhere" if came_back else state and "here",
            issuer_logout_url=handoff.logout_url(return_to=url_for(".ask_logout"), state=state),
            issuer_end_url=handoff.logout_url(),
        )
    )
    if here is not None:
        # Chromium applies form-action to all redirects: to the issuer, and back.
        issuer = source_of(handoff.logout_url())
        page.headers["Content-Security-Policy"] = content_security_policy("'self'", issuer)
    return page


@blueprint.post("/logout")
def logout() -> Response:
    """End the session here; and lead to the issuer, which ends all the others, if that is asked."""
    here = current_session()
    with database().writing() as connection:
        end_session(connection)
    state = _note_signed_out()
    done = url_for(".ask_logout")
    if request.form.get("where") != "everywhere":
        return redirect(done, 303)
    sid = None if here is None else here.issuer_session_id
    return redirect(handoff.logout_url(sid, return_to=done, state=state), 303)


def has_signed_out() -> bool:
    """Tell whether this browser has signed out here, and did not come back since."""
    return _SIGNED_OUT in session


def _note_signed_out() -> str:
    replace_cookie()
    session[_SIGNED_OUT] = state = secrets.token_urlsafe(16)
    return state


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """Serve the icon to browsers that ask for it under its old name."""
    return current_app.send_static_file("favicon.svg")
