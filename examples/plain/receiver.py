"""A service where people arrive signed in, the least of one: SERVER2 of docs/integrate.md.

    pip install 'flask-handoff[sql]'
    export FLASK_SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(32))')"
    flask --app receiver run --port 5002

Its session is Flask's signed cookie, which the server cannot end; docs/integrate.md, "Logout", has
sessions that SERVER1 can end.
"""

from secrets import token_hex

from flask import Flask, redirect, request, session
from markupsafe import Markup
from sqlalchemy import create_engine
from werkzeug.wrappers import Response

from flask_handoff import Arrival, HandoffReceiver, LiveSession
from flask_handoff.stores.sql import SQLReplayStore

app = Flask(__name__)
app.config.from_prefixed_env()
app.config.update(
    SESSION_COOKIE_NAME="notes_session",
    SESSION_COOKIE_SAMESITE="Lax",
    HANDOFF_ISSUER="http://localhost:5001",
    HANDOFF_BASE_URL="http://127.0.0.1:5002",
    HANDOFF_CLIENT_ID="notes",
    HANDOFF_DEFAULT_TARGET="/notes",
)


def sign_in(arrival: Arrival) -> str:
    """Sign in the person whose token has passed every check."""
    session.clear()
    session["account"] = (arrival.claims.issuer, arrival.claims.subject)  # never the e-mail address
    session["name"] = arrival.claims.name
    session["landing"] = (token_hex(8), arrival.token_sha256, arrival.target)
    return str(session["landing"][0])


def live_session() -> LiveSession | None:
    """Say which session this browser holds: a second landing of its token does no harm then."""
    return LiveSession(*session["landing"], *session["account"]) if "landing" in session else None


# Every process of this service has to use the same one, so it is no dictionary.
replay_store = SQLReplayStore(create_engine("sqlite:///replay.sqlite3"))
replay_store.create_tables()

handoff = HandoffReceiver(sign_in=sign_in, live_session=live_session)
handoff.init_app(app, replay_store=replay_store)


@app.get("/notes")
def notes() -> Response | str:
    """Show the notes of whoever is signed in; lead anybody else through SERVER1 and back."""
    if "account" not in session:
        return redirect(handoff.login_url(request.full_path), 303)
    return Markup("<p>These are the notes of {}, page {}.").format(
        session["name"], request.args.get("page", "1")
    )
