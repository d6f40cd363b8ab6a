"""Two minimal applications with the extensions in them, and a browser that walks between them."""

import hashlib
import html
import re
import secrets
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Flask, redirect, request, session

from flask_handoff import (
    HandoffIssuer,
    HandoffReceiver,
    LiveSession,
    SignedInUser,
    handoff_accepted,
    handoff_issued,
    handoff_refused,
    handoff_rejected,
    logout_accepted,
    logout_rejected,
)

ISSUER = "http://localhost:5001"
RECEIVER = "http://127.0.0.1:5002"
CALLBACK = f"{RECEIVER}/sso/callback"
SIGNALS = {
    "issued": handoff_issued,
    "refused": handoff_refused,
    "accepted": handoff_accepted,
    "rejected": handoff_rejected,
    "logged out": logout_accepted,
    "not logged out": logout_rejected,
}
CLIENT = {
    "client_id": "notes",
    "name": "Notes",
    "redirect_uris": [CALLBACK],
    "response_modes": ["query", "form_post"],
    "initiate_login_uri": f"{RECEIVER}/sso/login",
}
REFRESH = re.compile(r'<meta http-equiv="refresh" content="0; url=([^"]+)">')
CODE_CLIENT_SECRET = "a-secret-of-256-random-bits-in-a-test-only"
CODE_CLIENT = {
    "client_id": "reader",
    "name": "Reader",
    "redirect_uris": ["http://127.0.0.1:5003/callback"],
    "response_types": ["code"],
    "response_modes": ["query", "form_post"],
    "policy": "oidc",
    "secret_hashes": [hashlib.sha256(CODE_CLIENT_SECRET.encode()).hexdigest()],
}
PUBLIC_CLIENT = {
    **CODE_CLIENT,
    "client_id": "single-page",
    "name": "Single page",
    "redirect_uris": ["http://127.0.0.1:5004/callback"],
    "secret_hashes": [],
}


class IssuerHooks:
    """What an application of SERVER1's kind answers to the extension."""

    def __init__(self):
        self.denies = None  # an AccessDeniedError to raise
        self.grants = None  # the scope, where it is not all that was asked for
        self.agreed_at = datetime(2020, 1, 1, tzinfo=UTC)  # None: consent is asked for
        self.session_ended = False  # that a code or an access token came from
        self.asked_for: list[
            tuple[str, str, str | None]
        ] = []  # client, subject and session of a token
        self.serves = frozenset({"notes:read", "notes:write"})  # what services may do
        self.asked_by_services: list[tuple[str, frozenset[str]]] = []
        self.about: dict[str, Any] = {
            "name": "Ada",
            "email": "ada@example.com",
            "email_verified": True,
        }

    def signed_in_user(self):
        if "subject" not in session:
            return None
        auth_time = datetime.fromtimestamp(session["at"], UTC)
        return SignedInUser(session["subject"], "a-session-at-server1", auth_time, **self.about)

    def granted_scope(self, user, client, requested_scope):
        if self.denies is not None:
            raise self.denies
        return requested_scope if self.grants is None else self.grants

    def consented_at(self, user, client, requested_scope):
        return self.agreed_at

    def client_scope(self, client, requested_scope):
        self.asked_by_services.append((client.client_id, requested_scope))
        return self.serves

    def token_user(self, client, subject, session_id):
        self.asked_for.append((client.client_id, subject, session_id))
        if self.session_ended:
            return None
        auth_time = datetime(2020, 1, 1, tzinfo=UTC)
        return SignedInUser(subject, session_id or "", auth_time, **self.about)


def issuer_app(
    keys,
    clock,
    codes=None,
    refresh_tokens=None,
    replay_store=None,
    revoked_tokens=None,
    ends_sessions=False,
    valid_after=None,
    transaction=nullcontext,
    **settings,
):
    """SERVER1: whoever posts a name to /login is signed in as that person.

    Args:
        keys: The issuer's keys, or the directory where they lie.
        codes: Where it keeps codes. With it come two clients that ask for them, and a page for
            consent: a POST agrees, or refuses with the field ``denies``.
        refresh_tokens: Where it keeps families of refresh tokens.
        replay_store: Where it remembers client assertions. With it, services act for themselves.
        revoked_tokens: Where it keeps which access tokens were revoked.
        ends_sessions: Whether clients may ask for a logout. A page asks; a POST to it agrees.
        valid_after, transaction: The hooks of these names.
    """
    app = Flask("issuer")
    if isinstance(keys, Path):
        app.config["HANDOFF_KEYS_DIRECTORY"], keys = keys, None
    app.config.update(
        SECRET_KEY="of the issuer in a test",
        HANDOFF_ISSUER=ISSUER,
        HANDOFF_CLIENTS=[CLIENT] if codes is None else [CLIENT, CODE_CLIENT, PUBLIC_CLIENT],
    )
    app.config.update(settings)
    hooks = app.extensions["hooks"] = IssuerHooks()
    handoff = HandoffIssuer(
        signed_in_user=hooks.signed_in_user,
        granted_scope=hooks.granted_scope,
        login_endpoint="login",
        consented_at=None if codes is None else hooks.consented_at,
        consent_endpoint=None if codes is None else "consent",
        token_user=hooks.token_user,
        client_scope=None if replay_store is None else hooks.client_scope,
        end_session=(lambda _client: session.clear()) if ends_sessions else None,
        logout_endpoint="logout" if ends_sessions else None,
        valid_after=valid_after,
        transaction=transaction,
    )
    handoff.init_app(
        app,
        keys=keys,
        codes=codes,
        refresh_tokens=refresh_tokens,
        revoked_tokens=revoked_tokens,
        replay_store=replay_store,
        clock=clock,
        sleep=lambda seconds: getattr(clock, "sleep", time.sleep)(seconds),
    )

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "POST":
            session.update(subject=request.form["subject"], at=clock().timestamp())
            return redirect(handoff.after_sign_in(default="/"), 303)
        client = handoff.pending_client()
        return {"client": client and client.name, "login_hint": handoff.login_hint()}

    @app.route("/consent", methods=["GET", "POST"])
    def consent():
        if "denies" in request.form:
            return handoff.deny()
        if request.method == "POST":
            hooks.agreed_at = clock()
            return redirect(handoff.after_sign_in(default="/"), 303)
        pending = handoff.pending_request()
        return {"client": pending and pending.client.name}

    @app.route("/logout", methods=["GET", "POST"])
    def logout():
        if request.method == "POST":
            session.clear()
            return redirect(handoff.after_logout(default="/logout"), 303)
        pending = handoff.pending_logout()
        return {
            "signed_in": "subject" in session,
            "client": pending and pending.client and pending.client.name,
            "cannot_return": pending and pending.cannot_return,
        }

    @app.get("/")
    def home():
        return {client.name: handoff.continue_url(client, "/notes") for client in handoff.clients()}

    app.extensions["handoff"] = handoff
    return app


def receiver_app(keys, replay_store, clock, listens=True, not_confirmed=None, **settings):
    """SERVER2: keeps its sessions in a dictionary, and the page of whoever is signed in.

    What ``app.extensions`` holds as ``signs_in``, ``looks_up`` and ``ends`` is called before a
    session is opened, looked for, and ended by the issuer.
    """
    app = Flask("receiver")
    app.config.update(
        SECRET_KEY="of the receiver in a test",
        HANDOFF_ISSUER=ISSUER,
        HANDOFF_BASE_URL=RECEIVER,
        HANDOFF_CLIENT_ID="notes",
        HANDOFF_RESPONSE_MODE="query",
    )
    app.config.update(settings)
    sessions = app.extensions["sessions"] = {}

    def sign_in(arrival):
        app.extensions["signs_in"](arrival)
        sessions.pop(session.get("id"), None)
        session["id"] = secrets.token_urlsafe(32)
        sessions[session["id"]] = arrival
        return f"session-{len(sessions)}"

    def live_session():
        app.extensions["looks_up"]()
        arrival = sessions.get(session.get("id"))
        if arrival is None:
            return None
        account = arrival.claims.issuer, arrival.claims.subject
        return LiveSession("session", arrival.token_sha256, arrival.target, *account)

    def end_sessions(logout):
        app.extensions["ends"](logout)
        for handle, arrival in list(sessions.items()):
            claims = arrival.claims
            if logout.session_id is not None:
                has_ended = claims.session_id == logout.session_id
            else:
                is_theirs = claims.subject == logout.subject
                has_ended = is_theirs and claims.issued_at <= logout.ended_at
            if has_ended:
                del sessions[handle]

    app.extensions["signs_in"] = app.extensions["ends"] = lambda _: None
    app.extensions["looks_up"] = lambda: None
    handoff = HandoffReceiver(
        sign_in=sign_in,
        live_session=live_session,
        end_sessions=end_sessions if listens else None,
        not_confirmed=not_confirmed,
    )
    handoff.init_app(app, replay_store=replay_store, keys=keys, clock=clock)

    @app.get("/me")
    def me():
        arrival = sessions.get(session.get("id"))
        return (arrival.claims.subject if arrival else "nobody"), 200

    app.extensions["handoff"] = handoff
    return app


class Browser:
    """One browser with a cookie jar for each server, which keeps to ``SameSite=Lax``."""

    def __init__(self, issuer, receiver):
        self.apps = {ISSUER: issuer, RECEIVER: receiver}
        self._jars = {origin: app and app.test_client() for origin, app in self.apps.items()}

    def another(self):
        """Another browser before the same servers."""
        return Browser(*self.apps.values())

    @classmethod
    def at_receiver(cls, app):
        """A browser that visits only SERVER2."""
        return cls(None, app)

    def get(self, url, **options):
        return self.open(url, method="GET", **options)

    def post(self, url, data=None, **options):
        return self.open(url, method="POST", data=data, **options)

    def open(self, url, *, sends_cookies=True, **options):
        origin, path = split(url)
        without_jar = self.apps[origin].test_client(use_cookies=False)
        client = self._jars[origin] if sends_cookies else without_jar
        return client.open(path, base_url=origin, **options)

    def cookies(self, origin=RECEIVER):
        return {cookie.key: cookie.value for cookie in self._jars[origin]._cookies.values()}

    def attempts(self, prefix="handoff_tx_"):
        return {name: value for name, value in self.cookies().items() if name.startswith(prefix)}

    def plant(self, name, value, **options):
        self._jars[RECEIVER].set_cookie(name, value, domain="127.0.0.1", **options)

    def sign_in(self, subject="ada", **form):
        return self.post(f"{ISSUER}/login", {"subject": subject, **form})

    def begin(self, target=None, **asked):
        """Begin a handoff and return where it leads."""
        asked = {"target_link_uri": target, **asked}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return self.get(f"{RECEIVER}/sso/login?{query}").location

    def come_back(self, target=None, **asked):
        """Begin a handoff as somebody who is signed in, and return the answer of SERVER1."""
        return self.get(self.begin(target, **asked))

    def arrive(self, target=None, **asked):
        """Go the whole way, and return SERVER2's last answer."""
        return self.follow(self.come_back(target, **asked))

    def follow(self, answer):
        """Go on from an answer of SERVER1 until SERVER2 sends to a page of its own."""
        if answer.status_code == 303:
            return self.get(answer.location)
        form = Form(answer.text)
        crossing = self.post(form.action, form.fields, sends_cookies=False)
        return self.repost(crossing)

    def repost(self, page):
        form = Form(page.text)
        return self.post(RECEIVER + form.action, form.fields)


class Form(HTMLParser):
    """The only form of a page: where it goes, and with which fields."""

    def __init__(self, page):
        super().__init__()
        self.action = ""
        self.fields = {}
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self.action = given["action"]
        if tag == "input":
            self.fields[given["name"]] = given["value"]


def split(url):
    """Split a URL into its origin and the rest."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", url.removeprefix(f"{parts.scheme}://{parts.netloc}")


def query_of(url):
    """Return the parameters of a URL, each of which must be there once."""
    return {name: one for name, (one,) in parse_qs(urlsplit(url).query).items()}


def with_query(url, **changed):
    """Return a URL with other parameters; None leaves one out."""
    fields = {**query_of(url), **changed}
    given = {name: value for name, value in fields.items() if value is not None}
    return f"{url.partition('?')[0]}?{urlencode(given)}"


def landed_at(answer):
    """Return where a browser is led on to, by a redirect or by a page of its own."""
    if answer.status_code == 303:
        return answer.location
    found = REFRESH.search(answer.text)
    return found and html.unescape(found[1])


def is_signed_in(browser):
    return browser.get(f"{RECEIVER}/me").text != "nobody"


def is_uniform_refusal(answer):
    """Tell whether an answer is the one page that every fault of a token gets."""
    return answer.status_code == 403 and "<h1>You are not signed in</h1>" in answer.text


class Heard:
    """Hears the signals of one application."""

    def __init__(self, app):
        self.events = []
        # blinker forgets a receiver that nobody else holds.
        self._hears = {name: self._listener(name) for name in SIGNALS}
        for name, signal in SIGNALS.items():
            signal.connect(self._hears[name], sender=app)

    def _listener(self, name):
        return lambda sender, **told: self.events.append((name, told))

    def errors(self):
        return [told["error"].code for _, told in self.events if "error" in told]
