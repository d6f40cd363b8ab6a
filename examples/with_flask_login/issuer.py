"""A sign-in server with Flask-Login, Flask-WTF's CSRF protection and Flask-Talisman's defaults.

    pip install flask-handoff flask-login flask-talisman flask-wtf
    flask handoff-keys new --directory keys
    export FLASK_SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(32))')"
    export ADA_PASSWORD='the password of the only account'
    flask --app issuer run --debug --port 5001

``--debug`` because Talisman leads everything to https, which nothing speaks here yet. Behind a
proxy that does, ISSUER and NOTES are the addresses that browsers know, such as
https://accounts.example.com.
"""

import os
from datetime import UTC, datetime
from secrets import token_hex
from threading import Thread

from flask import Flask, redirect, render_template_string, request, session, url_for
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
    logout_user,
)
from flask_talisman import Talisman
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response

from flask_handoff import Client, HandoffIssuer, SignedInUser
from flask_handoff.errors import LogoutNotDeliveredError

ISSUER = os.environ.get("ISSUER", "http://localhost:5001")
NOTES = os.environ.get("NOTES", "http://127.0.0.1:5002")


class User(UserMixin):
    """An account; yours is a row of a table."""

    def __init__(self, number: int, subject: str, name: str, password: str) -> None:
        self.id = str(number)  # what Flask-Login keeps in the session
        self.subject = subject  # random, and never used again for another person
        self.name = name
        self.password_hash = generate_password_hash(password)


ADA = User(1, "u-3f0e6d1c9b7a48520d4e", "Ada", os.environ["ADA_PASSWORD"])
USERS = {"ada@example.com": ADA}

app = Flask(__name__)
app.config.from_prefixed_env()  # FLASK_SECRET_KEY becomes SECRET_KEY
app.config.update(
    SESSION_COOKIE_NAME="issuer_session",
    HANDOFF_ISSUER=ISSUER,
    HANDOFF_KEYS_DIRECTORY="keys",
    HANDOFF_CLIENTS=[
        {
            "client_id": "notes",
            "name": "Notes",
            "redirect_uris": [f"{NOTES}/sso/callback"],
            "initiate_login_uri": f"{NOTES}/sso/login",
            "backchannel_logout_uri": f"{NOTES}/sso/backchannel-logout",
        }
    ],
)
# The proxy in front speaks https and says so. Leave this out where none stands there: it would
# believe anybody.
app.wsgi_app = ProxyFix(app.wsgi_app, x_proto=1)  # type: ignore[method-assign]
Talisman(app)
CSRFProtect(app)
login_manager = LoginManager(app)


@login_manager.user_loader
def load_user(user_id: str) -> User | None:
    """Return the account of a session."""
    return next((user for user in USERS.values() if user.id == user_id), None)


@login_manager.unauthorized_handler
def unauthorized() -> Response:
    """Lead to the sign-in page."""
    return redirect(url_for("login"), 303)


def signed_in_user() -> SignedInUser | None:
    """Say who is signed in here, in this browser."""
    # Whom only the "remember me" cookie has brought back signs in anew: when they did is not known.
    if not current_user.is_authenticated or "signed_in_at" not in session:
        return None
    auth_time = datetime.fromtimestamp(session["signed_in_at"], UTC)
    subject, session_id = current_user.subject, session["session_id"]
    return SignedInUser(subject, session_id, auth_time, name=current_user.name)


def granted_scope(user: SignedInUser, client: Client, requested: frozenset[str]) -> frozenset[str]:
    """Say what this user may do at that client; raise AccessDeniedError to keep them out."""
    return requested


handoff = HandoffIssuer(
    signed_in_user=signed_in_user, granted_scope=granted_scope, login_endpoint="login"
)
handoff.init_app(app)

LOGIN_PAGE = """<!doctype html>
<title>Sign in</title>
{% if client %}<p>Sign in to continue to {{ client.name }}.</p>{% endif %}
<form method="post" action="{{ url_for('login') }}">
  <input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
  <input type="hidden" name="continue" value="{{ carried }}">
  <label>E-mail <input name="email" type="email" autocomplete="username" required></label>
  <label>Password
    <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Sign in</button>
</form>
"""

HOME_PAGE = """<!doctype html>
<title>Home</title>
<p>You are {{ current_user.name }}.</p>
{% for client in clients %}
<p><a href="{{ continue_url(client) }}">Continue to {{ client.name }}</a></p>
{% endfor %}
<form method="post" action="{{ url_for('logout') }}">
  <input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
  <button>Sign out</button>
</form>
"""


@app.route("/login", methods=["GET", "POST"])
def login() -> Response | str:
    """Sign in, and go on to where the user came from."""
    if request.method == "POST":
        user = USERS.get(request.form["email"])
        if user and check_password_hash(user.password_hash, request.form["password"]):
            session.clear()
            login_user(user)
            session["session_id"] = token_hex(16)
            session["signed_in_at"] = datetime.now(UTC).timestamp()
            return redirect(handoff.after_sign_in(default=url_for("home")), 303)
    return render_template_string(
        LOGIN_PAGE, carried=request.values.get("continue", ""), client=handoff.pending_client()
    )


@app.get("/")
@login_required
def home() -> str:
    """Show where one can go on to from here."""
    return render_template_string(
        HOME_PAGE, clients=handoff.clients(), continue_url=handoff.continue_url
    )


def notify_services(session_id: str, ended_at: datetime) -> None:
    """Tell each service that a session has ended here; its own from there end as well.

    A service that cannot be reached now is not told again: keep what failed in a table and try it
    later, where that matters.
    """
    with app.app_context():
        for client in handoff.clients():
            try:
                handoff.send_logout(client, session_id=session_id, ended_at=ended_at)
            except LogoutNotDeliveredError as error:
                app.logger.warning("%s was not told of a logout: %s", client.name, error)


@app.post("/logout")
def logout() -> Response:
    """Sign out here, and at each service."""
    if "session_id" in session:
        # It takes seconds where a service hangs, and nobody waits for that.
        ended = (session["session_id"], datetime.now(UTC))
        Thread(target=notify_services, args=ended, name="logout").start()
    logout_user()
    session.clear()
    return redirect(url_for("login"), 303)
