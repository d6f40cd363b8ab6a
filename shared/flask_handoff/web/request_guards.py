"""Guards that a request meets first: is it for our host, and is its body bounded?"""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Flask, abort, redirect, request
from werkzeug.exceptions import BadHost, LengthRequired, RequestEntityTooLarge
from werkzeug.http import parse_date
from werkzeug.wrappers import Response

from flask_handoff.addresses import is_loopback
from flask_handoff.errors import ConfigurationError

from .current import this_g, this_request

MAXIMUM_BODY = 16 * 1024  # bytes; a handoff's form holds about 1,200

_EXTENSION = "handoff_request_guards"
_INTERNAL_FOLDER = "/.well-known/"
_INTERNAL_PATHS = (
    "/healthz",
    "/readyz",
    "/introspect",
    "/sso/backchannel-logout",
    "/sso/revocations",
)
_DATES = {"HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_RANGE"}
_HIGHEST_PORT = 65535
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# A name and a port: no user, no path, and nothing that a lenient reader of URLs leaves out.
_HOST = re.compile(r"(?P<name>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{0,5}))?", re.ASCII)


def request_id() -> str:
    """Return this request's identifier: 16 random hexadecimal digits, on pages and in the log.

    It is made here and never taken from the request, where it could forge log lines.
    """
    kept = this_g()
    identifier: str | None = kept.get("handoff_request_id")
    if identifier is None:
        identifier = kept.handoff_request_id = os.urandom(8).hex()
    return identifier


def answer_only_to(app: Flask, base_url: str, internal_hosts: frozenset[str]) -> None:
    """Refuse requests of this application that name another host, before any cookie is set.

    A GET under another name of this very machine is led to the base URL, so that a cookie is never
    set on the wrong host. Internal names reach only what machines ask for.

    Args:
        app: The whole application is guarded, not only the handoff's endpoints.
        base_url: Scheme, host and port under which browsers know the application.
        internal_hosts: Lower-case ``host`` or ``host:port``.

    Raises:
        ConfigurationError: The application was given another base URL before.

    Sources: RFC 9110, section 7.2.
    """
    installed = app.extensions.setdefault(_EXTENSION, base_url)
    if installed != base_url:
        raise ConfigurationError(
            f"One application cannot be both {installed} and {base_url}.",
            "Give HANDOFF_ISSUER and HANDOFF_BASE_URL the same value in it.",
        )

    def check_address() -> Response | None:
        # Flask cannot build a URL where it could not read the host, and an error page may want one.
        this = this_request()
        if isinstance(this.routing_exception, BadHost):
            text = "This server is not known by that name.\n"
            abort(Response(text, 400, mimetype="text/plain"))
        environ = this.environ
        _drop_impossible_dates(environ)
        _check_query(environ)
        right_address = _check_host(environ.get("HTTP_HOST", "").lower(), base_url, internal_hosts)
        # Werkzeug finds "/page" under "//page" as well: a proxy that guards paths does not.
        if right_address is None and environ.get("PATH_INFO", "").startswith("//"):
            abort(404)
        return right_address

    # First of all: a guard that comes after somebody's before_request is none.
    app.before_request_funcs.setdefault(None, []).insert(0, check_address)


def answer_only_this_machine(app: Flask) -> None:
    """Refuse requests of this application that come from another machine (HTTP 403).

    For what is safe on loopback only. No setting knows what a server such as ``flask run --host``
    listens on. Behind proxies of this machine, the address they forward counts as well.
    """

    def check_sender() -> None:
        # ProxyFix puts in what was sent as X-Forwarded-For, by any sender.
        environ = this_request().environ
        replaced = environ.get("werkzeug.proxy_fix.orig", {}).get("REMOTE_ADDR")
        addresses = (environ.get("REMOTE_ADDR") or "", replaced or "127.0.0.1")
        if not all(map(is_loopback, addresses)):
            abort(Response("This server answers its own machine only.\n", 403))

    app.before_request_funcs.setdefault(None, []).insert(0, check_sender)


def check_internal_host(base_url: str, internal_hosts: frozenset[str]) -> Response | None:
    """Refuse the current request, of a path for machines, when it names another host.

    For an extension's own blueprint, where the application as a whole answers to other names.
    """
    return _check_host(request.environ.get("HTTP_HOST", "").lower(), base_url, internal_hosts)


def limit_bodies(app: Flask, maximum: int = MAXIMUM_BODY) -> None:
    """Refuse requests of this application whose body is too large or of unknown length.

    Args:
        app: The whole application is guarded.
        maximum: Bytes.

    Sources: RFC 9110, sections 15.5.12 and 15.5.14.
    """
    app.config["MAX_CONTENT_LENGTH"] = maximum
    app.config["MAX_FORM_MEMORY_SIZE"] = maximum
    app.config["MAX_FORM_PARTS"] = 20
    app.before_request_funcs.setdefault(None, []).append(lambda: check_body(maximum))


def check_body(maximum: int = MAXIMUM_BODY) -> None:
    """Refuse the current request when its body is too large or of unknown length.

    Werkzeug cuts a chunked body silently at the limit, so a length is required.

    Raises:
        LengthRequired: ``Transfer-Encoding`` is used (HTTP 411).
        RequestEntityTooLarge: ``Content-Length`` is above *maximum* (HTTP 413).
    """
    environ = this_request().environ
    if "HTTP_TRANSFER_ENCODING" in environ:
        raise LengthRequired
    if "CONTENT_LENGTH" in environ and (request.content_length or 0) > maximum:
        raise RequestEntityTooLarge


def _check_host(
    unverified_host: str, base_url: str, internal_hosts: frozenset[str]
) -> Response | None:
    base = urlsplit(base_url)
    default_port = _DEFAULT_PORTS[base.scheme]
    if unverified_host.removesuffix(default_port) == base.netloc.lower().removesuffix(default_port):
        return None
    is_for_machines = request.path in _INTERNAL_PATHS or request.path.startswith(_INTERNAL_FOLDER)
    if unverified_host in internal_hosts and is_for_machines:
        return None
    if (
        request.method in {"GET", "HEAD"}
        and _names_this_machine(base.netloc.lower())
        and _names_this_machine(unverified_host)
    ):
        return redirect(base_url + _raw_path(), 303)
    abort(400)


def _drop_impossible_dates(environ: dict[str, Any]) -> None:
    for name in _DATES & environ.keys():
        try:
            parse_date(environ[name])
        except OverflowError:
            # Werkzeug would fail with a 500 (RFC 9110, section 13.1.3: ignore what is no date).
            del environ[name]


def _check_query(environ: dict[str, Any]) -> None:
    try:
        environ.get("QUERY_STRING", "").encode("latin-1").decode()
    except UnicodeDecodeError:
        # Browsers send ASCII. A reader of raw octets would fail with a 500.
        abort(400)


def _names_this_machine(unverified_host: str) -> bool:
    form = _HOST.fullmatch(unverified_host)
    if form is None or int(form["port"] or 0) > _HIGHEST_PORT:
        return False
    name = form["name"].strip("[]")
    # Browsers find every such name here (RFC 6761, section 6.3); other programs may not.
    return name.endswith(".localhost") or is_loopback(name)


def _raw_path() -> str:
    path = quote(request.path, safe="/:@!$&'()*+,;=~")
    query = quote(request.query_string, safe="/?:@!$&'()*+,;=~%")
    return f"{path}?{query}" if query else path
