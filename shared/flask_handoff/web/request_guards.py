"""Guards that a request meets first: is it for our host, and is its body bounded?

The extensions guard their own endpoints, and leave the rest of the application alone. What guards a
whole application is taken by name: ``answer_only_to(app, base_url)``.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from flask import Flask, Request, abort, redirect
from werkzeug.exceptions import BadHost, LengthRequired, RequestEntityTooLarge, SecurityError
from werkzeug.http import parse_date
from werkzeug.wrappers import Response

from flask_handoff.addresses import is_loopback, origin_of
from flask_handoff.errors import ConfigurationError
from flask_handoff.redaction import as_log_host

from .current import this_app, this_g, this_request

MAXIMUM_BODY = 16 * 1024  # bytes; a handoff's form holds about 1,200

_EXTENSION = "handoff_request_guards"
_DATES = {"HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_RANGE"}
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_LONGEST_SHOWN = 100  # characters of a path, in the log
# A name and a port: no user, no path, and nothing that a lenient reader of URLs leaves out.
_HOST = re.compile(r"(?P<name>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{0,5}))?", re.ASCII)

_log = logging.getLogger("flask_handoff")


def request_id() -> str:
    """Return this request's identifier: 16 random hexadecimal digits, on pages and in the log.

    It is made here and never taken from the request, where it could forge log lines.
    """
    kept = this_g()
    identifier: str | None = kept.get("handoff_request_id")
    if identifier is None:
        identifier = kept.handoff_request_id = os.urandom(8).hex()
    return identifier


class _Endpoints(NamedTuple):
    """The endpoints of one extension."""

    base_url: str
    internal_hosts: Collection[str]
    for_machines: Collection[str]  # those of them that machines ask


class _Guards:
    """What is guarded in one application."""

    def __init__(self) -> None:
        self.base_url: str | None = None  # of the application; None where it is not guarded
        self.any_host: Collection[str] = ()  # its paths that answer whatever the host is
        self.extensions: dict[str, _Endpoints] = {}  # by blueprint
        self._path_is_checked = False

    @classmethod
    def of(cls, app: Flask) -> _Guards:
        """Return those of an application."""
        guards: _Guards | None = app.extensions.get(_EXTENSION)
        if guards is None:
            guards = app.extensions[_EXTENSION] = cls()
            # First of all: a guard that comes after somebody's before_request is none.
            app.before_request_funcs.setdefault(None, []).insert(0, guards.check)
        return guards

    def check_base_urls(self) -> None:
        """Refuse an application that would answer to two hosts, and to one of them only."""
        if self.base_url is None:
            return
        for each in self.extensions.values():
            if origin_of(each.base_url) != origin_of(self.base_url):
                raise ConfigurationError(
                    f"One application cannot be both {self.base_url} and {each.base_url}.",
                    "Give HANDOFF_ISSUER, HANDOFF_BASE_URL and answer_only_to the same host.",
                )

    def check(self) -> Response | None:
        """Check the current request, where it is for what is guarded."""
        this = this_request()
        own = self.extensions.get(this.blueprint or "")
        base_url = self.base_url if own is None else own.base_url
        if base_url is None:
            if isinstance(this.routing_exception, SecurityError):  # Flask answers it with a 400
                _log_refused(this, ",".join(this_app().config["TRUSTED_HOSTS"]))
            return None
        # Flask cannot build a URL where it could not read the host, and an error page may want one.
        if isinstance(this.routing_exception, BadHost | SecurityError):
            _log_refused(this, urlsplit(base_url).netloc)
            text = "This server is not known by that name.\n"
            abort(Response(text, 400, mimetype="text/plain"))
        if own and not self._path_is_checked and this.endpoint not in own.for_machines:
            self._check_path(this, own)
        _drop_impossible_dates(this.environ)
        _check_query(this.environ)
        right_address = self._check_host(this, own, base_url)
        # Werkzeug finds "/page" under "//page" as well: a proxy that guards paths does not.
        if right_address is None and this.environ.get("PATH_INFO", "").startswith("//"):
            abort(404)
        return right_address

    def _check_path(self, this: Request, own: _Endpoints) -> None:
        """Say once where the way to this application is another one than it was told."""
        self._path_is_checked, expected = True, urlsplit(own.base_url).path
        if this.root_path != expected:
            _log.warning(
                "path unexpected: the application is at %s by its settings, and at %s by this "
                "request. Behind a proxy: ProxyFix(app.wsgi_app, x_prefix=1), and "
                "proxy_set_header X-Forwarded-Prefix %s; (nginx). Else correct HANDOFF_ISSUER or "
                "HANDOFF_BASE_URL",
                expected or "/",
                ascii(this.root_path[:_LONGEST_SHOWN] or "/"),
                expected or "/",
            )

    def _check_host(self, this: Request, own: _Endpoints | None, base_url: str) -> Response | None:
        unverified_host, base = this.environ.get("HTTP_HOST", "").lower(), urlsplit(base_url)
        default_port = f":{_DEFAULT_PORTS[base.scheme]}"
        ours = base.netloc.lower().removesuffix(default_port)
        if unverified_host.removesuffix(default_port) == ours or this.path in self.any_host:
            return None
        if own and this.endpoint in own.for_machines and unverified_host in own.internal_hosts:
            return None
        if this.method in {"GET", "HEAD"} and _is_this_machine(unverified_host, base_url):
            return redirect(origin_of(base_url) + _raw_path(this), 303)
        _log_refused(this, base.netloc)
        abort(400)


def answer_only_to(app: Flask, base_url: str, *, any_host: Collection[str] = ()) -> None:
    """Refuse requests of this application that name another host, before any cookie is set.

    A GET under another name of this very machine is led to the base URL, so that a cookie is never
    set on the wrong host. The internal hosts of an extension reach what machines ask of it.

    Args:
        app: The whole application is guarded, not only the handoff's endpoints.
        base_url: The address under which browsers know the application.
        any_host: Paths that answer whatever the host is, such as ``/healthz`` for a supervisor that
            asks by an IP address.

    Raises:
        ConfigurationError: The application was given another base URL before.

    Sources: RFC 9110, section 7.2.
    """
    guards = _Guards.of(app)
    if guards.base_url not in (None, base_url):
        raise ConfigurationError(
            f"One application cannot be both {guards.base_url} and {base_url}.",
            "Call answer_only_to once only.",
        )
    guards.base_url, guards.any_host = base_url, any_host
    guards.check_base_urls()


def guard_endpoints(
    app: Flask,
    blueprint: str,
    base_url: str,
    internal_hosts: Collection[str],
    for_machines: Collection[str] = (),
) -> None:
    """Guard the endpoints of one extension as ``answer_only_to`` guards an application.

    Args:
        blueprint: The name of the extension's blueprint.
        internal_hosts: Lower-case ``host`` or ``host:port``, which reach *for_machines*.
        for_machines: Names of those endpoints that machines ask, without the blueprint's.
    """
    guards, names = _Guards.of(app), frozenset(f"{blueprint}.{name}" for name in for_machines)
    guards.extensions[blueprint] = _Endpoints(base_url, internal_hosts, names)
    guards.check_base_urls()


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
    app.before_request_funcs.setdefault(None, []).append(partial(check_body, maximum))


def check_body(maximum: int | None = MAXIMUM_BODY) -> None:
    """Refuse the current request when its body is too large or of unknown length.

    Werkzeug cuts a chunked body silently at the limit, so a length is required.

    Args:
        maximum: Bytes; None for the application's ``MAX_CONTENT_LENGTH``, or else ours.

    Raises:
        LengthRequired: ``Transfer-Encoding`` is used (HTTP 411).
        RequestEntityTooLarge: ``Content-Length`` is above *maximum* (HTTP 413).
    """
    this = this_request()
    if "HTTP_TRANSFER_ENCODING" in this.environ:
        raise LengthRequired
    if "CONTENT_LENGTH" in this.environ:
        if maximum is None:
            maximum = this.max_content_length or MAXIMUM_BODY
        if (this.content_length or 0) > maximum:
            raise RequestEntityTooLarge


def _log_refused(this: Request, expected: str) -> None:
    """Say which host came: as a rule a proxy in front sends its own name for ours."""
    _log.warning(
        "host refused: host=%s expected=%s request_id=%s; a proxy in front has to pass on the host "
        "that it was asked for: proxy_set_header Host $http_host; (nginx), ProxyPreserveHost On "
        "(Apache)",
        as_log_host(this.environ.get("HTTP_HOST", "")),
        expected,
        request_id(),
    )


def _drop_impossible_dates(environ: dict[str, Any]) -> None:
    for name in _DATES & environ.keys():
        try:
            parse_date(environ[name])
        except OverflowError:
            # Werkzeug would fail with a 500 (RFC 9110, section 13.1.3: ignore what is no date).
            del environ[name]


def _check_query(environ: dict[str, Any]) -> None:
    try:
        if query := environ.get("QUERY_STRING"):
            query.encode("latin-1").decode()
    except UnicodeDecodeError:
        # Browsers send ASCII. A reader of raw octets would fail with a 500.
        abort(400)


def _is_this_machine(unverified_host: str, base_url: str) -> bool:
    """Tell whether a browser finds the base URL, on this machine, under this name as well.

    At another port stands something else: behind a proxy that sends the back end's address as the
    host, a redirect would come back for ever.
    """
    base = urlsplit(base_url)
    default_port = _DEFAULT_PORTS[base.scheme]
    form = _HOST.fullmatch(unverified_host)
    if form is None or (form["port"] or default_port) != str(base.port or default_port):
        return False
    # Browsers find every such name here (RFC 6761, section 6.3); other programs may not.
    return all(
        name.endswith(".localhost") or is_loopback(name)
        for name in (form["name"].strip("[]"), base.hostname or "")
    )


def _raw_path(this: Request) -> str:
    path = quote(this.root_path.rstrip("/") + this.path, safe="/:@!$&'()*+,;=~")
    query = quote(this.query_string, safe="/?:@!$&'()*+,;=~%")
    return f"{path}?{query}" if query else path
