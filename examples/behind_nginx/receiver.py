"""A service in production's clothes, where people arrive: the other side of issuer.py.

    pip install 'flask-handoff[sql]' flask-sqlalchemy gunicorn
    export FLASK_SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(32))')"
    flask --app receiver create-tables
    gunicorn --workers 3 --bind 127.0.0.1:8002 'receiver:create_app()'

nginx.conf beside it stands in front. All processes have the same FLASK_SECRET_KEY.
"""

import os
from secrets import token_hex

from flask import Blueprint, Flask, redirect, render_template_string, request, session
from flask_sqlalchemy import SQLAlchemy
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from flask_handoff import Arrival, HandoffReceiver, LiveSession
from flask_handoff.stores.sql import SQLReplayStore

SITE = os.environ.get("SITE", "http://localhost:8080")

db = SQLAlchemy()
pages = Blueprint("pages", __name__, cli_group=None)


class Account(db.Model):
    """Whoever has arrived once. The key is issuer and subject, never the e-mail address."""

    id = db.Column(db.Integer, primary_key=True)
    issuer = db.Column(db.String(255), nullable=False)
    subject = db.Column(db.String(255), nullable=False)
    name = db.Column(db.String(255))
    __table_args__ = (db.UniqueConstraint("issuer", "subject"),)


def sign_in(arrival: Arrival) -> str:
    """Sign in the person whose token has passed every check."""
    claims = arrival.claims
    account = db.session.scalar(
        db.select(Account).filter_by(issuer=claims.issuer, subject=claims.subject)
    )
    if account is None:
        account = Account(issuer=claims.issuer, subject=claims.subject)
        db.session.add(account)
    account.name = claims.name
    db.session.commit()
    session.clear()
    session["account_id"] = account.id
    session["issuer_session_id"] = claims.session_id
    session["landing"] = (token_hex(8), arrival.token_sha256, arrival.target)
    return str(session["landing"][0])


def account_here() -> Account | None:
    """Return the account of whoever is signed in here."""
    return db.session.get(Account, session["account_id"]) if "account_id" in session else None


def live_session() -> LiveSession | None:
    """Say which session this browser holds: a second landing of its token does no harm then."""
    account = account_here()
    if account is None:
        return None
    handle, token_sha256, target = session["landing"]
    return LiveSession(handle, token_sha256, target, account.issuer, account.subject)


# Made once, as db is; each application that the factory makes is given to init_app.
handoff = HandoffReceiver(sign_in=sign_in, live_session=live_session)


def create_app() -> Flask:
    """Make the application."""
    app = Flask(__name__)
    app.config.update(
        SESSION_COOKIE_NAME="notes_session",  # two applications of one host: a name of its own
        SESSION_COOKIE_PATH="/notes",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=SITE.startswith("https://"),
        SQLALCHEMY_DATABASE_URI="sqlite:///notes.sqlite3",
        HANDOFF_ISSUER=f"{SITE}/accounts",
        HANDOFF_BASE_URL=f"{SITE}/notes",
        HANDOFF_CLIENT_ID="notes",
    )
    app.config.from_prefixed_env()  # FLASK_SECRET_KEY, FLASK_SQLALCHEMY_DATABASE_URI
    app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
        app.wsgi_app, x_for=1, x_proto=1, x_prefix=1
    )
    db.init_app(app)
    app.register_blueprint(pages)
    with app.app_context():
        handoff.init_app(app, replay_store=SQLReplayStore(db.engine))
    return app


FILE_PAGE = """<!doctype html>
<title>Notes</title>
<p>This is {{ name }} of {{ account.name }}.</p>
<form method="post" action="{{ url_for('pages.sign_out') }}">
  <button>Sign out everywhere</button>
</form>
"""


@pages.get("/files/<path:name>")
def file(name: str) -> Response | str:
    """Show a file of whoever is signed in; lead anybody else through the issuer and back."""
    account = account_here()
    if account is None:
        # With the path in front, as the browser knows it: a page of that name is told apart.
        return redirect(handoff.login_url(request.script_root + request.full_path), 303)
    return render_template_string(FILE_PAGE, account=account, name=name)


@pages.post("/sign-out")
def sign_out() -> Response:
    """Sign out here and at the issuer, and come back."""
    issuer_session_id = session.get("issuer_session_id")
    session.clear()
    return redirect(handoff.logout_url(issuer_session_id, return_to="/signed-out"), 303)


@pages.get("/signed-out")
def signed_out() -> str:
    """Say that nobody is signed in."""
    return "<!doctype html><title>Notes</title><p>You are signed out."


@pages.cli.command("create-tables")
def create_tables() -> None:
    """Make the tables, once: not in the factory, which each worker runs."""
    db.create_all()
    SQLReplayStore(db.engine).create_tables()
