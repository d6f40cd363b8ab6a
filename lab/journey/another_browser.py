"""A browser without cookies, which has got hold of a token and presents it at SERVER2."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import requests

from flask_service.hops.hop import Hop
from lab.config import Server

TIMEOUT = 5  # seconds
USER_AGENT = "flask-handoff-lab"

_TAGS = re.compile(r"<[^>]+>")
_TITLE = re.compile(r"<h1[^>]*>(.+?)</h1>", re.DOTALL)
_SENTENCE = re.compile(r'<p class="lead">(.+?)</p>', re.DOTALL)
_REQUEST_ID = re.compile(r"<code>([0-9a-f]{16})</code>")


class ServerAwayError(Exception):
    """SERVER2 does not answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What SERVER2 has answered."""

    method: str
    url: str
    status: int
    location: str
    title: str
    sentence: str
    request_id: str  # empty where its page names none


def present(server: Server, judged: Hop) -> Answer:
    """Send what the browser has sent where the token was judged, without any cookie.

    Raises:
        ServerAwayError: There is no answer.
    """
    fields = dict(judged.query or judged.form)
    url = f"{server.url}{judged.path}"
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                judged.method,
                f"{server.address}{judged.path}",
                params=fields if judged.method == "GET" else None,
                data=fields if judged.method == "POST" else None,
                headers={"Host": urlsplit(server.url).netloc, "User-Agent": USER_AGENT},
                timeout=TIMEOUT,
                allow_redirects=False,
            )
    except requests.RequestException as error:
        raise ServerAwayError(type(error).__name__) from error
    return Answer(
        method=judged.method,
        url=url,
        status=answer.status_code,
        location=answer.headers.get("Location", ""),
        title=_found(_TITLE, answer.text),
        sentence=_found(_SENTENCE, answer.text),
        request_id=_found(_REQUEST_ID, answer.text),
    )


def callback_address(server: Server, fields: Mapping[str, str]) -> str:
    """Return the address that SERVER1 sends a browser to with a token in it."""
    return f"{server.url}/sso/callback?{urlencode(fields)}"


def _found(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    return html.unescape(_TAGS.sub("", found[1])).strip() if found else ""
