"""A person's way through the running pair, by plain HTTP: one browser, one cookie jar.

    python -m tests.end_to_end.journey http://localhost:5001 http://127.0.0.1:5002 PASSWORD

walks it once against servers that run already, and says at which step it fails.
"""

from __future__ import annotations

import html
import re
import sys
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

EMAIL = "ada@example.com"
PATIENCE = 60  # seconds for one answer

_FIELD = re.compile(r"<input[^>]*\bname=\"([^\"]+)\"[^>]*\bvalue=\"([^\"]*)\"")
_ACTION = re.compile(r"<form[^>]*\baction=\"([^\"]+)\"")
_REFRESH = re.compile(r"<meta http-equiv=\"refresh\" content=\"0; url=([^\"]+)\"")


class Browser:
    """One browser with one cookie jar for both servers; it follows no redirect by itself.

    Args:
        server1: SERVER1's base URL.
        server2: SERVER2's base URL.
        address: From where it connects; by itself the system chooses.
    """

    def __init__(self, server1: str, server2: str, address: str = "") -> None:
        self.server1 = server1
        self.server2 = server2
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.mount("http://", _FromAddress(address))

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_error: object) -> None:
        self.http.close()

    def get(self, url: str) -> requests.Response:
        return self.http.get(url, allow_redirects=False, timeout=PATIENCE)

    def post(self, url: str, fields: dict[str, str]) -> requests.Response:
        return self.http.post(url, data=fields, allow_redirects=False, timeout=PATIENCE)

    def cookies(self, prefix: str = "") -> dict[str, str]:
        """Return the names and values of the cookies that begin like this."""
        return {
            cookie.name: cookie.value or ""
            for cookie in self.http.cookies
            if cookie.name.startswith(prefix)
        }

    def take_cookies(self, cookies: dict[str, str]) -> None:
        """Put cookies of SERVER2 into the jar, wherever they are from."""
        for name, value in cookies.items():
            self.http.cookies.set(name, value, domain=urlsplit(self.server2).hostname, path="/")

    def follow(self, answer: requests.Response) -> requests.Response:
        """Go where the answer leads: redirects, and pages that go on by themselves."""
        for _ in range(12):
            if "Location" in answer.headers:
                answer = self.get(urljoin(answer.url, answer.headers["Location"]))
            elif "document.forms[0].submit()" in answer.text:
                answer = self.post_on(answer)
            elif refresh := _REFRESH.search(answer.text):
                answer = self.get(urljoin(answer.url, html.unescape(refresh[1])))
            else:
                return answer
        raise AssertionError("the way does not end")

    def post_on(self, page: requests.Response) -> requests.Response:
        """Send the form of a page that posts itself on, and return the answer."""
        return self.post(urljoin(page.url, action_of(page)), fields_of(page))

    def sign_in(
        self, password: str, page: requests.Response | None = None, *, email: str = EMAIL
    ) -> requests.Response:
        """Fill in SERVER1's sign-in page, the one given or a fresh one, and follow the answer."""
        if page is None:
            page = self.get(f"{self.server1}/login")
        fields = {**fields_of(page), "email": email, "password": password}
        return self.follow(self.post(urljoin(page.url, action_of(page)), fields))

    def begin(self, target: str = "/notes", **parameters: str) -> requests.Response:
        """Begin at SERVER2, and return its answer, which leads to SERVER1."""
        query = urlencode({"target_link_uri": target, **parameters})
        return self.get(f"{self.server2}/sso/login?{query}")

    def arrive(self, target: str = "/notes", **parameters: str) -> requests.Response:
        """Begin at SERVER2 and follow, signed in or not."""
        return self.follow(self.begin(target, **parameters))

    def callback_url(self, target: str = "/notes") -> str:
        """Hand over up to the redirect back to SERVER2, and return it instead of going there."""
        return self.get(self.begin(target).headers["Location"]).headers["Location"]

    def add_note(self, page: requests.Response, text: str) -> requests.Response:
        """Write a note on the page of notes, and follow the answer."""
        fields = {"csrf_token": fields_of(page)["csrf_token"], "text": text}
        return self.follow(self.post(f"{self.server2}/notes", fields))


class _FromAddress(HTTPAdapter):
    """Connects from one address."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        source = (self._address, 0) if self._address else None
        super().init_poolmanager(*args, source_address=source, **kwargs)


def fields_of(page: requests.Response) -> dict[str, str]:
    """Return the filled-in fields of a page's forms."""
    return {name: html.unescape(value) for name, value in _FIELD.findall(page.text)}


def action_of(page: requests.Response) -> str:
    """Return where the first form of the page's content leads; without one, the page itself."""
    _menu, _, content = page.text.rpartition("<main")
    found = _ACTION.search(content)
    return html.unescape(found[1]) if found else page.url


def parameters_of(url: str) -> dict[str, str]:
    """Return the parameters of a URL's query, each of which is there once."""
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


def walk(server1: str, server2: str, password: str) -> None:
    """Sign in at SERVER1, arrive at SERVER2, and write a note there."""
    with Browser(server1, server2) as browser:
        login = browser.arrive()
        assert login.url.startswith(f"{server1}/login"), f"expected the sign-in page: {login.url}"
        notes = browser.sign_in(password, login)
        assert notes.status_code == 200, f"expected the notes, got {notes.status_code}"
        assert notes.url == f"{server2}/notes", f"expected a clean URL: {notes.url}"
        written = browser.add_note(notes, "Written on the way through.")
        assert "Written on the way through." in written.text, "the note is not there"


if __name__ == "__main__":
    walk(*sys.argv[1:4])
    print("arrived, signed in, and wrote a note")  # noqa: T201
