"""Records what each request sent and set, for the lab of the demo; elsewhere it does not exist.

The handoff token is recorded: it is spent, and a minute old at most. Of everything else that may be
a secret the name alone is: passwords, CSRF tokens, codes, cookies.
"""

from __future__ import annotations

import html
import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from flask import Flask, Request, Response

from flask_handoff import (
    Explanation,
    HandoffError,
    UnverifiedToken,
    handoff_accepted,
    handoff_issued,
    handoff_refused,
    handoff_rejected,
    request_id,
)
from flask_service.access_log import LIKE_A_SECRET
from flask_service.current import this_request
from flask_service.logs import OF_LIBRARIES, OneLineFormatter
from flask_service.settings import Lab

from .hop import Check, Hop, Pairs, SetCookie, bounded, some
from .sender import HopSender

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SHOWN_FIELDS = frozenset(
    {
        *("response_type", "response_mode", "client_id", "redirect_uri", "scope", "resource"),
        *("state", "nonce", "prompt", "max_age", "target_link_uri", "post_logout_redirect_uri"),
        *("id_token", "iss", "error", "continue", "grant_type", "where"),
    }
)
"""The fields whose values are recorded. That of any other, such as ``password``, is not."""

HIDDEN = "…"
_LONGEST_NAME = 31  # characters; a mailed link has its token for a name, at times in two lines
_REFRESH = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')
_NOT_RECORDED = ("/static/", "/healthz", "/readyz", "/favicon.ico")

Explain = Callable[[UnverifiedToken], Explanation]


@dataclass(slots=True)
class _Record:
    """What becomes known while a request is answered."""

    at: datetime
    began: float
    log: list[str] = field(default_factory=list)
    checks: tuple[Check, ...] = ()
    verdict: str = ""
    code: str = ""
    check: str = ""
    leads_to: str = ""  # a page that goes on by itself
    hop: Hop | None = None


_current: ContextVar[_Record | None] = ContextVar("record", default=None)


def init_app(
    app: Flask,
    *,
    server: str,
    base_url: str,
    lab: Lab,
    explain: Explain | None = None,
    explained_at: Collection[tuple[str, str]] = (),
) -> None:
    """Tell *lab* of each request of *app*. Call it after ``access_log.init_app``.

    Args:
        app: The whole application.
        server: What the lab calls it.
        base_url: Scheme, host and port under which browsers know it.
        lab: Where it is told.
        explain: Says what the checks make of a token, before the view sees it.
        explained_at: Methods and paths where a token is judged.
    """
    sender = HopSender(lab)
    answer = app.wsgi_app

    def answer_and_record(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        record = _Record(datetime.now(UTC), time.perf_counter())
        reset = _current.set(record)

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            record.hop = _hop(server, base_url, record, status, headers)
            return start_response(status, headers, *exc_info)

        try:
            return answer(environ, start)
        finally:
            _current.reset(reset)
            if record.hop is not None and not record.hop.path.startswith(_NOT_RECORDED):
                sender.send(replace(record.hop, log=some(record.log)))

    app.wsgi_app = answer_and_record  # type: ignore[method-assign]
    if explain is not None:
        _explain_tokens(app, explain, frozenset(explained_at))
        _follow_landings(app, frozenset(explained_at))
    _listen(app)
    _overhear(app.name, *OF_LIBRARIES)


def _explain_tokens(app: Flask, explain: Explain, explained_at: frozenset[tuple[str, str]]) -> None:
    @app.before_request
    def explain_token() -> None:
        request, record = this_request(), _current.get()
        if record is None or (request.method, request.path) not in explained_at:
            return
        fields = request.args if request.method == "GET" else request.form
        tokens = fields.getlist("id_token")
        if len(tokens) == 1:
            record.checks = tuple(
                Check(each.name, each.question, each.outcome, each.reason)
                for each in explain(UnverifiedToken(tokens[0])).results
            )


def _follow_landings(app: Flask, explained_at: frozenset[tuple[str, str]]) -> None:
    @app.after_request
    def note_landing(response: Response) -> Response:
        request, record = this_request(), _current.get()
        if record is not None and (request.method, request.path) in explained_at:
            refresh = _REFRESH.search(response.get_data(as_text=True))
            record.leads_to = html.unescape(refresh[1]) if refresh else ""
        return response


def repeats_a_callback() -> bool:
    """Tell whether this request brought a token that nothing was decided about.

    Its session is here already, so the browser is sent on. False where nothing is recorded.
    """
    record = _current.get()
    return record is not None and bool(record.checks) and not record.verdict


def _listen(app: Flask) -> None:
    def issued(_app: Flask, **_facts: object) -> None:
        _note("issued")

    def accepted(_app: Flask, **_facts: object) -> None:
        _note("accepted")

    def refused(_app: Flask, *, error: HandoffError, **_facts: object) -> None:
        _note("refused", error)

    def rejected(_app: Flask, *, error: HandoffError, **_facts: object) -> None:
        _note("rejected", error)

    handoff_issued.connect(issued, sender=app)
    handoff_accepted.connect(accepted, sender=app)
    handoff_refused.connect(refused, sender=app)
    handoff_rejected.connect(rejected, sender=app)
    # The signals hold them weakly, so that they go with the application.
    app.extensions["recorder"] = (issued, accepted, refused, rejected)


def _note(verdict: str, error: HandoffError | None = None) -> None:
    if (record := _current.get()) is None:
        return
    record.verdict = verdict
    if error is not None:
        record.code, record.check = error.code, error.check or ""
    record.checks = tuple(_as_it_went(record.checks, verdict, record.check, error))


def _as_it_went(
    checks: Sequence[Check], verdict: str, refusing: str, error: HandoffError | None
) -> Iterable[Check]:
    """Fill in what ``explain`` leaves to the view: the checks that spend, or need the browser."""
    names = [check.name for check in checks]
    until = names.index(refusing) if refusing in names else -1
    for index, check in enumerate(checks):
        if index == until:
            yield replace(check, outcome="refused", reason=bounded(str(error)))
        elif verdict == "accepted" or index < until:
            yield replace(check, outcome="ok", reason="")
        elif until >= 0 or check.outcome == "not checked":
            yield replace(check, outcome="not reached", reason="")
        else:
            yield check


def _hop(
    server: str, base_url: str, record: _Record, status: str, headers: list[tuple[str, str]]
) -> Hop:
    request = this_request()
    leads_to = dict(headers).get("Location", record.leads_to)
    location, _, location_query = leads_to.partition("?")
    return Hop(
        server=server,
        base_url=base_url,
        request_id=request_id(),
        at=record.at,
        method=request.method[:16],
        path=_cut(request.path),
        query=_shown(request.args.items(multi=True)),
        form=_shown(_form(request)),
        user_agent=request.headers.get("User-Agent", "")[:200],
        cookies=some([bounded(name) for name in request.cookies]),
        set_cookies=some([_set_cookie(value) for name, value in headers if name == "Set-Cookie"]),
        status=int(status[:3]),
        location=_cut(location),
        location_query=_shown(parse_qsl(location_query, keep_blank_values=True)),
        content_type=bounded(dict(headers).get("Content-Type", "")),
        milliseconds=round((time.perf_counter() - record.began) * 1000, 1),
        log=(),
        checks=record.checks,
        verdict=record.verdict,
        code=record.code,
        check=record.check,
    )


def _form(request: Request) -> Iterable[tuple[str, str]]:
    # What no view has read is not read now: it may be what was refused as too large.
    return request.form.items(multi=True) if "form" in vars(request) else ()


def _shown(fields: Iterable[tuple[str, str]]) -> Pairs:
    return some(
        [
            (
                # A field of a multipart form may have none.
                name if 0 < len(name or "") <= _LONGEST_NAME else "(cut)",
                bounded(value) if name in SHOWN_FIELDS else HIDDEN,
            )
            for name, value in fields
        ]
    )


def _cut(unverified_path: str) -> str:
    return bounded(LIKE_A_SECRET.sub("(cut)", unverified_path))


def _set_cookie(header: str) -> SetCookie:
    pair, *attributes = header.split("; ")
    return SetCookie(bounded(pair.partition("=")[0]), some([bounded(each) for each in attributes]))


class _Overhearing(logging.Handler):
    """Adds each line to the record of the request that it is written for, as the log has it."""

    def emit(self, record: logging.LogRecord) -> None:
        if (current := _current.get()) is not None:
            current.log.append(bounded(self.format(record)))


def _overhear(*names: str) -> None:
    handler = _Overhearing()
    handler.setFormatter(OneLineFormatter())
    for name in {*names}:
        logger = logging.getLogger(name)
        if not any(isinstance(each, _Overhearing) for each in logger.handlers):
            logger.addHandler(handler)
