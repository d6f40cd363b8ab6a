"""The tutorial's pages: it lets in whoever has a token, and keeps a signed cookie of who it was."""

from __future__ import annotations

import secrets
from collections import OrderedDict

from flask import Blueprint, Flask, abort, current_app, redirect, render_template, request
from flask import make_response as response_of
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response

from .reader import NotReadableError, TokenReader

COOKIE = "tutorial_session"
MOST = 1000  # links and refresh tokens that are remembered; the oldest makes room

blueprint = Blueprint("tutorial", __name__, url_prefix="/tutorial")


class Tutorial:
    """What the tutorial holds in memory: as little as it can."""

    def __init__(self, reader: TokenReader, attacker_url: str) -> None:
        self.reader = reader
        self.attacker_url = attacker_url
        self.cookies = URLSafeSerializer(secrets.token_bytes(32), salt=COOKIE)
        self.refresh_tokens = _Handed()
        self.mail_links = _Handed()


class _Handed:
    """Random texts that were handed out, each good once."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, None] = OrderedDict()

    def hand_out(self) -> str:
        text = secrets.token_urlsafe(32)
        self._open[text] = None
        if len(self._open) > MOST:
            self._open.popitem(last=False)
        return text

    def take(self, unverified_text: str) -> None:
        """Raises KeyError where it was never handed out, or was taken before."""
        del self._open[unverified_text]


def init_app(app: Flask, reader: TokenReader, *, attacker_url: str) -> None:
    """Give the application the receiver below ``/tutorial``.

    Args:
        app: The lab's own host, in demo mode.
        reader: Reads its tokens, with the keys of every issuer that it trusts.
        attacker_url: The only other site that its open redirect leads to.
    """
    app.extensions["tutorial"] = Tutorial(reader, attacker_url)
    app.register_blueprint(blueprint)


@blueprint.get("/")
def home() -> Response:
    """Say who is signed in, by the cookie alone."""
    try:
        name = _tutorial().cookies.loads(request.cookies.get(COOKIE, ""))
    except BadSignature:
        return _page("Nobody is signed in at the tutorial", 401)
    return _page(f"The tutorial takes you for {name}")


@blueprint.get("/callback")
def callback() -> Response:
    """Take the token from the address, and the visitor for whoever it names."""
    try:
        claims = _tutorial().reader.read(request.args.get("token", ""))
    except NotReadableError as error:
        return _page("The tutorial does not let you in", 401, str(error))
    name = claims.get("name") or claims.get("sub")
    response = redirect(_next(), 303)
    signed = _tutorial().cookies.dumps(str(name)[:100])
    response.set_cookie(COOKIE, str(signed), httponly=True, samesite="Lax", path="/tutorial")
    return response


@blueprint.post("/sign-up")
def sign_up() -> Response:
    """Show the link that the tutorial would mail."""
    return _page("Confirm your address", 200, f"/tutorial/confirm?link={_links().hand_out()}")


@blueprint.get("/confirm")
def confirm() -> Response:
    """Confirm an address: the link does it, whoever opens it."""
    try:
        _links().take(request.args.get("link", ""))
    except KeyError:
        return _page("This link was used before", 410)
    return _page("Your address is confirmed")


@blueprint.post("/tokens")
def tokens() -> Response | dict[str, str]:
    """Give a first refresh token, or exchange one: the old row is deleted, a new one is made."""
    given = request.form.get("refresh_token")
    if given is not None:
        try:
            _tutorial().refresh_tokens.take(given)
        except KeyError:
            response = response_of({"error": "invalid_grant"})
            response.status_code = 400
            return response
    return {"refresh_token": _tutorial().refresh_tokens.hand_out()}


def _next() -> str:
    # A real one leads anywhere. In the lab it is the attacker's site, or nothing.
    unverified_next = request.args.get("next", "/tutorial/")
    if unverified_next not in ("/tutorial/", f"{_tutorial().attacker_url}/"):
        abort(400)
    return unverified_next


def _page(title: str, status: int = 200, detail: str = "") -> Response:
    response = response_of(render_template("tutorial/page.html", title=title, detail=detail))
    response.status_code = status
    return response


def _tutorial() -> Tutorial:
    tutorial: Tutorial = current_app.extensions["tutorial"]
    return tutorial


def _links() -> _Handed:
    return _tutorial().mail_links
