"""A service with Flask-Login where people arrive signed in: its ``login_view`` is the handoff.

Who signs out at SERVER1 is signed out here as well.

    pip install 'flask-handoff[sql]' flask-login flask-talisman flask-wtf
    export FLASK_SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(32))')"
    flask --app receiver run --debug --port 5002

``--debug`` as for issuer.py, and ISSUER and NOTES as well.
"""

import os
from datetime import UTC, datetime, timedelta
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
from sqlalchemy import (
    Column,
    DateTime,
    MetaData,
    Row,
    String,
    Table,
    create_engine,
    delete,
    insert,
    select,
)
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from flask_handoff import Arrival, HandoffReceiver, LiveSession, Logout
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


SESSION_LIFE = timedelta(hours=12)

engine = create_engine("sqlite:///receiver.sqlite3")
metadata = MetaData()
sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    # Who it is: the pair of issuer and subject, never the e-mail address.
    Column("issuer", String(255), nullable=False),
    Column("subject", String(255), nullable=False, index=True),
    Column("name", String(255)),
    # What a logout names it by.
    Column("session_id", String(255), index=True),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    # How a second landing of the same token is told.
    Column("token_sha256", String(64), nullable=False),
    Column("target", String(2048), nullable=False),
)


class User(UserMixin):
    """Whoever is signed in, in one session.

    Flask-Login keeps the session's id as that of its user: whose row is gone is signed out, in
    every process at once, though the browser still has its cookie.
    """

    def __init__(self, row: Row[tuple[str, ...]]) -> None:
        self.id = row.id
        self.row = row
        self.name = row.name


@login_manager.user_loader
def load_user(session_id: str) -> User | None:
    """Return the user of a session that lives."""
    found = select(sessions).where(
        sessions.c.id == session_id, sessions.c.issued_at > datetime.now(UTC) - SESSION_LIFE
    )
    with engine.connect() as connection:
        row = connection.execute(found).first()
    return None if row is None else User(row)


def sign_in(arrival: Arrival) -> str:
    """Sign in the person whose token has passed every check."""
    claims, own_id = arrival.claims, token_hex(16)
    row = {
        "id": own_id,
        "issuer": claims.issuer,
        "subject": claims.subject,
        "name": claims.name,
        "session_id": claims.session_id,
        "issued_at": claims.issued_at,
        "token_sha256": arrival.token_sha256,
        "target": arrival.target,
    }
    with engine.begin() as connection:
        too_old = sessions.c.issued_at < datetime.now(UTC) - SESSION_LIFE
        connection.execute(delete(sessions).where(too_old))
        connection.execute(insert(sessions).values(row))
    session.clear()
    login_user(load_user(own_id))
    return own_id


def live_session() -> LiveSession | None:
    """Say which session this browser holds: a second landing of its token does no harm then."""
    if not current_user.is_authenticated:
        return None
    row = current_user.row
    return LiveSession(row.id, row.token_sha256, row.target, row.issuer, row.subject)


def end_sessions(logout: Logout) -> None:
    """End the sessions that came from one of the issuer's, or all of an account until then."""
    if logout.session_id is not None:
        ended = delete(sessions).where(sessions.c.session_id == logout.session_id)
    else:
        ended = delete(sessions).where(sessions.c.issued_at <= logout.ended_at)
    if logout.subject is not None:
        ended = ended.where(sessions.c.subject == logout.subject)
    with engine.begin() as connection:
        connection.execute(ended)


# Every process of this service has to use the same one, so it is no dictionary.
replay_store = SQLReplayStore(engine)
replay_store.create_tables()
metadata.create_all(engine)  # yours are made by a migration

handoff = HandoffReceiver(sign_in=sign_in, live_session=live_session, end_sessions=end_sessions)
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
    if current_user.is_authenticated:
        with engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.id == current_user.id))
    logout_user()
    session.clear()
    return redirect(url_for("home"), 303)
