"""A sign-in server, the least of one: SERVER1 of docs/integrate.md in a single file.

    pip install flask-handoff                       # or from a checkout, see README.md
    flask handoff-keys new --directory keys
    export FLASK_SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(32))')"
    export ADA_PASSWORD='the password of the only account'
    flask --app issuer run --port 5001

then start receiver.py beside it, and go to http://127.0.0.1:5002/notes. What the sign-in page lacks
is yours: a limit on wrong passwords and CSRF protection (../with_flask_login has the latter).
"""

import os
from datetime import UTC, datetime
from secrets import token_hex

from flask import Flask, redirect, render_template_string, request, session, url_for
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response

from flask_handoff import Client, HandoffIssuer, SignedInUser

NOTES = "http://127.0.0.1:5002"

# Yours is a table. The id is random, and never used again for another person.
ACCOUNTS = {
    "ada@example.com": {
        "id": "u-3f0e6d1c9b7a48520d4e",
        "name": "Ada",
        "password_hash": generate_password_hash(os.environ["ADA_PASSWORD"]),
    }
}

app = Flask(__name__)
app.config.from_prefixed_env()  # FLASK_SECRET_KEY becomes SECRET_KEY
app.config.update(
    SESSION_COOKIE_NAME="issuer_session",
    SESSION_COOKIE_SAMESITE="Lax",
    HANDOFF_ISSUER="http://localhost:5001",
    HANDOFF_KEYS_DIRECTORY="keys",
    HANDOFF_CLIENTS=[
        {
            "client_id": "notes",
            "name": "Notes",
            "redirect_uris": [f"{NOTES}/sso/callback"],
            "initiate_login_uri": f"{NOTES}/sso/login",
        }
    ],
)


def signed_in_user() -> SignedInUser | None:
    """Say who is signed in here, in this browser."""
    if "user" not in session:
        return None
    user = session["user"]
    auth_time = datetime.fromtimestamp(user["signed_in_at"], UTC)
    return SignedInUser(user["id"], user["session_id"], auth_time, name=user["name"])


def granted_scope(user: SignedInUser, client: Client, requested: frozenset[str]) -> frozenset[str]:
    """Say what this user may do at that client; raise AccessDeniedError to keep them out."""
    return requested


handoff = HandoffIssuer(
    signed_in_user=signed_in_user, granted_scope=granted_scope, login_endpoint="login"
)
handoff.init_app(app)

# "continue" carries the request of the client that waits through the sign-in.
LOGIN_PAGE = """<!doctype html>
<title>Sign in</title>
{% if client %}<p>Sign in to continue to {{ client.name }}.</p>{% endif %}
<form method="post" action="{{ url_for('login') }}">
  <input type="hidden" name="continue" value="{{ carried }}">
  <label>E-mail <input name="email" type="email" autocomplete="username" required></label>
  <label>Password
    <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Sign in</button>
</form>
"""

HOME_PAGE = """<!doctype html>
<title>Home</title>
{% for client in clients %}
<p><a href="{{ continue_url(client) }}">Continue to {{ client.name }}</a></p>
{% endfor %}
"""


@app.route("/login", methods=["GET", "POST"])
def login() -> Response | str:
    """Sign in, and go on to where the user came from."""
    if request.method == "POST":
        account = ACCOUNTS.get(request.form["email"])
        if account and check_password_hash(account["password_hash"], request.form["password"]):
            session.clear()
            session["user"] = {
                "id": account["id"],
                "session_id": token_hex(16),  # of this sign-in; neither the cookie nor its hash
                "signed_in_at": datetime.now(UTC).timestamp(),  # with its fraction of a second
                "name": account["name"],
            }
            return redirect(handoff.after_sign_in(default=url_for("home")), 303)
    return render_template_string(
        LOGIN_PAGE, carried=request.values.get("continue", ""), client=handoff.pending_client()
    )


@app.get("/")
def home() -> str:
    """Show where one can go on to from here."""
    return render_template_string(
        HOME_PAGE, clients=handoff.clients(), continue_url=handoff.continue_url
    )
