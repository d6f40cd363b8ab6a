"""A person's way through the running pair, by plain HTTP: one browser, one cookie jar.

    python -m tests.end_to_end.journey http://localhost:5001 http://127.0.0.1:5002 PASSWORD

walks it once against servers that run already, and says at which step it fails.
"""

from __future__ import annotations

import html
import re
import sys
from urllib.parse import urljoin

import requests

EMAIL = "ada@example.com"
PATIENCE = 10  # seconds for one answer

_FIELD = re.compile(r"<input[^>]*\bname=\"([^\"]+)\"[^>]*\bvalue=\"([^\"]*)\"")
_ACTION = re.compile(r"<form[^>]*\baction=\"([^\"]+)\"")


class Browser:
    """One browser with one cookie jar for both servers; it follows no redirect by itself.

    Args:
        server1: SERVER1's base URL.
        server2: SERVER2's base URL.
    """

    def __init__(self, server1: str, server2: str) -> None:
        self.server1 = server1
        self.server2 = server2
        self.http = requests.Session()
        self.http.trust_env = False

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_error: object) -> None:
        self.http.close()

    def get(self, url: str) -> requests.Response:
        return self.http.get(url, allow_redirects=False, timeout=PATIENCE)

    def post(self, url: str, fields: dict[str, str]) -> requests.Response:
        return self.http.post(url, data=fields, allow_redirects=False, timeout=PATIENCE)

    def follow(self, answer: requests.Response) -> requests.Response:
        """Go where the answer leads: redirects, and pages that post themselves on."""
        for _ in range(12):
            if "Location" in answer.headers:
                answer = self.get(urljoin(answer.url, answer.headers["Location"]))
            elif "document.forms[0].submit()" in answer.text:
                answer = self.post(urljoin(answer.url, _action(answer)), fields_of(answer))
            else:
                return answer
        raise AssertionError("the way does not end")

    def sign_in(self, password: str, page: requests.Response | None = None) -> requests.Response:
        """Fill in SERVER1's sign-in page, the one given or a fresh one, and follow the answer."""
        page = page or self.get(f"{self.server1}/login")
        fields = {**fields_of(page), "email": EMAIL, "password": password}
        return self.follow(self.post(urljoin(page.url, _action(page)), fields))

    def arrive(self, target: str = "/notes") -> requests.Response:
        """Begin at SERVER2 and follow, signed in or not."""
        return self.follow(self.get(f"{self.server2}/sso/login?target_link_uri={target}"))

    def callback_url(self, target: str = "/notes") -> str:
        """Hand over up to the redirect back to SERVER2, and return it instead of going there."""
        answer = self.get(f"{self.server2}/sso/login?target_link_uri={target}")
        answer = self.get(answer.headers["Location"])
        return answer.headers["Location"]

    def add_note(self, page: requests.Response, text: str) -> requests.Response:
        """Write a note on the page of notes, and follow the answer."""
        fields = {"csrf_token": fields_of(page)["csrf_token"], "text": text}
        return self.follow(self.post(f"{self.server2}/notes", fields))


def fields_of(page: requests.Response) -> dict[str, str]:
    """Return the filled-in fields of a page's forms."""
    return {name: html.unescape(value) for name, value in _FIELD.findall(page.text)}


def _action(page: requests.Response) -> str:
    found = _ACTION.search(page.text)
    return html.unescape(found[1]) if found else page.url


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
