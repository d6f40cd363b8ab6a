"""A sign-in server in production's clothes: factory, Flask-SQLAlchemy, gunicorn, below a path.

    pip install flask-handoff flask-sqlalchemy gunicorn
    flask handoff-keys new --directory keys
    export FLASK_SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(32))')"
    export HANDOFF_KEYS_DIRECTORY="$PWD/keys"
    flask --app issuer add-user ada@example.com Ada    # asks for a password
    gunicorn --workers 3 --bind 127.0.0.1:8001 'issuer:create_app()'

nginx.conf beside it stands in front. SITE is the address that browsers know, such as
https://example.com; receiver.py is at its /notes. All processes have the same FLASK_SECRET_KEY.
"""

import os
from datetime import UTC, datetime
from secrets import token_hex

import click
from flask import Blueprint, Flask, redirect, render_template_string, request, session, url_for
from flask_sqlalchemy import SQLAlchemy
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response

from flask_handoff import Client, HandoffIssuer, SignedInUser

SITE = os.environ.get("SITE", "http://localhost:8080")

db = SQLAlchemy()
pages = Blueprint("pages", __name__, cli_group=None)


class User(db.Model):
    """An account. Its id is random, and never used again for another person."""

    id = db.Column(db.String(32), primary_key=True, default=lambda: token_hex(16))
    email = db.Column(db.String(255), unique=True, nullable=False)
    name = db.Column(db.String(255), nullable=False)
    password_hash = db.Column(db.String(255), nullable=False)


def signed_in_user() -> SignedInUser | None:
    """Say who is signed in here, in this browser."""
    user = db.session.get(User, session.get("user_id", ""))
    if user is None:
        return None
    auth_time = datetime.fromtimestamp(session["signed_in_at"], UTC)
    return SignedInUser(user.id, session["session_id"], auth_time, name=user.name)


def granted_scope(user: SignedInUser, client: Client, requested: frozenset[str]) -> frozenset[str]:
    """Say what this user may do at that client; raise AccessDeniedError to keep them out."""
    return requested


def end_session(client: Client | None = None) -> None:
    """Sign out, because the user asked for it here, or a client did for them."""
    session.clear()


# Made once, as db is; each application that the factory makes is given to init_app.
handoff = HandoffIssuer(
    signed_in_user=signed_in_user,
    granted_scope=granted_scope,
    login_endpoint="pages.login",
    end_session=end_session,
    logout_endpoint="pages.logout",
)


def create_app() -> Flask:
    """Make the application."""
    app = Flask(__name__)
    app.config.update(
        SESSION_COOKIE_NAME="accounts_session",  # two applications of one host: a name of its own
        SESSION_COOKIE_PATH="/accounts",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=SITE.startswith("https://"),
        SQLALCHEMY_DATABASE_URI="sqlite:///accounts.sqlite3",
        HANDOFF_ISSUER=f"{SITE}/accounts",
        HANDOFF_CLIENTS=[
            {
                "client_id": "notes",
                "name": "Notes",
                "redirect_uris": [f"{SITE}/notes/sso/callback"],
                "initiate_login_uri": f"{SITE}/notes/sso/login",
                "post_logout_redirect_uris": [f"{SITE}/notes/signed-out"],
            }
        ],
    )
    app.config.from_prefixed_env()  # FLASK_SECRET_KEY, FLASK_SQLALCHEMY_DATABASE_URI
    app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
        app.wsgi_app, x_for=1, x_proto=1, x_prefix=1
    )
    db.init_app(app)
    app.register_blueprint(pages)
    handoff.init_app(app)
    return app


LOGIN_PAGE = """<!doctype html>
<title>Sign in</title>
{% if client %}<p>Sign in to continue to {{ client.name }}.</p>{% endif %}
<form method="post" action="{{ url_for('pages.login') }}">
  <input type="hidden" name="continue" value="{{ carried }}">
  <label>E-mail <input name="email" type="email" autocomplete="username" required></label>
  <label>Password
    <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Sign in</button>
</form>
"""

LOGOUT_PAGE = """<!doctype html>
<title>Sign out</title>
<form method="post" action="{{ url_for('pages.logout') }}">
  <input type="hidden" name="continue" value="{{ carried }}">
  <button>Sign out</button>
</form>
"""


@pages.route("/login", methods=["GET", "POST"])
def login() -> Response | str:
    """Sign in, and go on to where the user came from."""
    if request.method == "POST":
        user = db.session.scalar(db.select(User).filter_by(email=request.form["email"]))
        if user and check_password_hash(user.password_hash, request.form["password"]):
            session.clear()
            session["user_id"] = user.id
            session["session_id"] = token_hex(16)
            session["signed_in_at"] = datetime.now(UTC).timestamp()
            return redirect(handoff.after_sign_in(default=url_for("pages.home")), 303)
    return render_template_string(
        LOGIN_PAGE, carried=request.values.get("continue", ""), client=handoff.pending_client()
    )


@pages.route("/logout", methods=["GET", "POST"])
def logout() -> Response | str:
    """Sign out. A client whose user this is has it done without a question."""
    if request.method == "POST":
        end_session()
        return redirect(handoff.after_logout(default=url_for("pages.home")), 303)
    return render_template_string(LOGOUT_PAGE, carried=request.values.get("continue", ""))


@pages.get("/")
def home() -> str:
    """Say who is signed in."""
    user = signed_in_user()
    return f"<!doctype html><title>Accounts</title><p>{'Signed in' if user else 'Signed out'}."


@pages.cli.command("add-user")
@click.argument("email")
@click.argument("name")
@click.option("--password", prompt=True, hide_input=True, envvar="NEW_PASSWORD")
def add_user(email: str, name: str, password: str) -> None:
    """Add a user who can sign in."""
    db.create_all()
    db.session.add(User(email=email, name=name, password_hash=generate_password_hash(password)))
    db.session.commit()
