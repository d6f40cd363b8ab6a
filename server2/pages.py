"""The pages around the notes: the front page, who is signed in, and the sign-out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Flask, current_app, g, redirect, render_template, url_for
from werkzeug.wrappers import Response

from flask_service.database import database
from flask_service.session_cookie import replace_cookie

from .config import Config
from .handoff import handoff
from .sessions import current_session, end_session, required_session

blueprint = Blueprint("pages", __name__)


def init_app(app: Flask, config: Config) -> None:
    """Add the pages, and what every template may use."""
    app.register_blueprint(blueprint)
    app.add_template_filter(instant)
    app.jinja_env.globals.update(
        issuer=str(config.handoff["HANDOFF_ISSUER"]),
        base_url=config.base_url,
        demo=config.demo,
        sign_in_url=handoff.login_url,
    )

    @app.context_processor
    def visitor() -> dict[str, Any]:
        # Not looked up here: an error page has to come out while the database is away.
        return {"visitor": g.get("session")}


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


@blueprint.get("/logout")
def ask_logout() -> str:
    """Ask before signing out: a link or an image on another site must not do it."""
    current_session()
    return render_template("logout.html")


@blueprint.post("/logout")
def logout() -> Response:
    """End the session here. The one at the issuer is the issuer's own."""
    with database().writing() as connection:
        end_session(connection)
    replace_cookie()
    return redirect(url_for("pages.home"), 303)


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """Serve the icon to browsers that ask for it under its old name."""
    return current_app.send_static_file("favicon.svg")
