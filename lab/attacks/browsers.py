"""Browsers of the bench: each has one cookie jar, and an account of what it did.

They reach the demo's own servers and no other address, whatever a redirect says.
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import requests
from requests.cookies import RequestsCookieJar

from lab.hops import BENCH

PATIENCE = 10  # seconds for one answer
MOST_STEPS = 12  # redirects and pages that lead on

_FIELD = re.compile(r"<input[^>]*\bname=\"([^\"]+)\"[^>]*\bvalue=\"([^\"]*)\"")
_ACTION = re.compile(r"<form[^>]*\baction=\"([^\"]+)\"")
_HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)


class BenchError(Exception):
    """An attack cannot be run; the text says why."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as the page shows them."""

    note: str  # who does what, in words
    method: str
    url: str
    status: int
    fields: Mapping[str, str] = field(default_factory=dict)
    location: str = ""
    cookies: tuple[str, ...] = ()  # names of those that were set
    deleted: tuple[str, ...] = ()  # and of those that the browser was told to delete
    heading: str = ""
    mark: str = ""  # the request's User-Agent, by which the servers' log lines are found


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    url: str
    status: int
    text: str
    location: str  # absolute; empty where there is none

    @property
    def fields(self) -> dict[str, str]:
        """The filled-in fields of the forms in the page's content."""
        return {name: html.unescape(value) for name, value in _FIELD.findall(self._content)}

    @property
    def _content(self) -> str:
        """The page without its menu, which has forms of its own."""
        return self.text.partition("<main")[2]

    @property
    def action(self) -> str:
        """Where the first form of the page's content leads."""
        found = _ACTION.search(self._content)
        return urljoin(self.url, html.unescape(found[1])) if found else self.url


class Browser:
    """One browser, by plain HTTP.

    Args:
        addresses: Where each of our origins is reached by programs; there are no others.
        story: Gets each exchange that has a note.
    """

    def __init__(self, addresses: Mapping[str, str], story: list[Exchange]) -> None:
        self._addresses = addresses
        self._story = story
        self._http = requests.Session()
        self._http.trust_env = False  # neither proxies nor passwords of the surroundings

    @property
    def jar(self) -> RequestsCookieJar:
        """All cookies."""
        return self._http.cookies

    def get(self, url: str, note: str = "") -> Answer:
        """Open an address; with a note the exchange becomes part of the story."""
        return self.send("GET", url, note)

    def post(self, url: str, fields: Mapping[str, str], note: str = "") -> Answer:
        """Send a form."""
        return self.send("POST", url, note, fields)

    def send(
        self, method: str, url: str, note: str = "", fields: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request; no redirect is followed.

        Raises:
            BenchError: The address is none of ours, or does not answer.
        """
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._addresses:
            raise BenchError("The way leads to none of the demo's servers.")
        mark = f"{BENCH}{secrets.token_hex(8)}"
        try:
            response = self._http.request(
                method,
                self._addresses[origin] + url.removeprefix(origin),
                data=fields,
                headers={"Host": parts.netloc, "User-Agent": mark},
                timeout=PATIENCE,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise BenchError(f"{origin} does not answer ({type(error).__name__}).") from None
        location = response.headers.get("Location", "")
        absolute = location and urljoin(url, location)
        answer = Answer(url, response.status_code, response.text, absolute)
        if note:
            self._story.append(_exchange(note, mark, fields or {}, answer, response))
        return answer

    def follow(self, answer: Answer) -> Answer:
        """Go where redirects lead, as long as that is one of ours.

        Raises:
            BenchError: The way does not end.
        """
        for _ in range(MOST_STEPS):
            if not answer.location:
                return answer
            answer = self.get(answer.location)
        raise BenchError("The way does not end.")

    def close(self) -> None:
        """Close its connections."""
        self._http.close()


def _exchange(
    note: str, mark: str, fields: Mapping[str, str], answer: Answer, response: requests.Response
) -> Exchange:
    cookies = response.raw.headers.getlist("Set-Cookie")  # requests joins them by commas
    return Exchange(
        note=note,
        method=str(response.request.method),
        url=answer.url,
        fields=dict(fields),
        status=answer.status,
        location=answer.location,
        cookies=tuple(_cookie_name(each) for each in cookies if not _deletes(each)),
        deleted=tuple(_cookie_name(each) for each in cookies if _deletes(each)),
        heading=_document(response) or heading_of(answer.text),
        mark=mark,
    )


def _cookie_name(header: str) -> str:
    return header.partition("=")[0]


def _deletes(header: str) -> bool:
    return "max-age=0" in [each.strip().lower() for each in header.split(";")]


def _document(response: requests.Response) -> str:
    """Say what a program got, without the secrets in it; empty for a page."""
    if response.headers.get("Content-Type", "").partition(";")[0] != "application/json":
        return ""
    document = response.json()
    if "error" in document:
        return f"error: {document['error']}"
    return f"JSON with {', '.join(document)}"


def heading_of(page: str) -> str:
    """Return the text of a page's heading, the first line of what is no page."""
    found = _HEADING.search(page)
    text = re.sub(r"<[^>]+>", "", found[1]) if found else page[:200]
    return " ".join(html.unescape(text).split())
