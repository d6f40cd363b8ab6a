"""A service with Flask-Login where people arrive signed in: its ``login_view`` is the handoff.

    pip install 'flask-handoff[sql]' flask-login flask-talisman flask-wtf
    export FLASK_SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(32))')"
    flask --app receiver run --debug --port 5002

``--debug`` as for issuer.py, and ISSUER and NOTES as well.
"""

import os
from secrets import token_hex

from flask import Flask, redirect, render_template_string, session, url_for
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
from sqlalchemy import create_engine
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from flask_handoff import Arrival, HandoffReceiver, LiveSession
from flask_handoff.stores.sql import SQLReplayStore

app = Flask(__name__)
app.config.from_prefixed_env()
app.config.update(
    SESSION_COOKIE_NAME="notes_session",
    HANDOFF_ISSUER=os.environ.get("ISSUER", "http://localhost:5001"),
    HANDOFF_BASE_URL=os.environ.get("NOTES", "http://127.0.0.1:5002"),
    HANDOFF_CLIENT_ID="notes",
)
# The proxy in front speaks https and says so. Leave this out where none stands there: it would
# believe anybody.
app.wsgi_app = ProxyFix(app.wsgi_app, x_proto=1)  # type: ignore[method-assign]
Talisman(app)
CSRFProtect(app)
login_manager = LoginManager(app)
login_manager.login_view = "handoff_receiver.login"  # whose "next" it understands
login_manager.login_message = None  # nobody reads "Please log in" who comes back signed in


class User(UserMixin):
    """Whoever arrived. This one lives in the session; yours is a row of a table.

    Its account is the pair of issuer and subject, never the e-mail address.
    """

    def __init__(self, issuer: str, subject: str, name: str | None) -> None:
        self.id = f"{issuer} {subject}"
        self.name = name


@login_manager.user_loader
def load_user(user_id: str) -> User | None:
    """Return the account of a session."""
    if "account" not in session:
        return None
    issuer, subject = session["account"]
    return User(issuer, subject, session["name"])


def sign_in(arrival: Arrival) -> str:
    """Sign in the person whose token has passed every check."""
    claims = arrival.claims
    session.clear()
    session["account"], session["name"] = (claims.issuer, claims.subject), claims.name
    session["landing"] = (token_hex(8), arrival.token_sha256, arrival.target)
    login_user(User(claims.issuer, claims.subject, claims.name))
    return str(session["landing"][0])


def live_session() -> LiveSession | None:
    """Say which session this browser holds: a second landing of its token does no harm then."""
    if not current_user.is_authenticated:
        return None
    return LiveSession(*session["landing"], *session["account"])


# Every process of this service has to use the same one, so it is no dictionary.
replay_store = SQLReplayStore(create_engine("sqlite:///replay.sqlite3"))
replay_store.create_tables()

handoff = HandoffReceiver(sign_in=sign_in, live_session=live_session)
handoff.init_app(app, replay_store=replay_store)

NOTES_PAGE = """<!doctype html>
<title>Notes</title>
<p>These are the notes of {{ current_user.name }} about {{ topic }}.</p>
<form method="post" action="{{ url_for('logout') }}">
  <input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
  <button>Sign out here</button>
</form>
"""


@app.get("/")
def home() -> str:
    """Show a page that needs nobody signed in."""
    return "<!doctype html><title>Notes</title><p>Welcome.</p>"


@app.get("/notes/<topic>")
@login_required
def notes(topic: str) -> str:
    """Show the notes of whoever is signed in; Flask-Login leads anybody else to ``login_view``."""
    return render_template_string(NOTES_PAGE, topic=topic)


@app.post("/logout")
def logout() -> Response:
    """Sign out here, and not at SERVER1."""
    logout_user()
    session.clear()
    return redirect(url_for("home"), 303)
