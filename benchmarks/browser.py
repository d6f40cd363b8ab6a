"""One browser with one cookie jar, made of ``requests``: the same client for every pair."""

from __future__ import annotations

import html
import re
from urllib.parse import urljoin, urlsplit

import requests
from requests.cookies import RequestsCookieJar

PATIENCE = 60  # seconds for one answer
_FIELD = re.compile(r'<input[^>]*\bname="([^"]+)"[^>]*\bvalue="([^"]*)"')
_ACTION = re.compile(r'<form[^>]*\baction="([^"]+)"')
_REFRESH = re.compile(r'<meta http-equiv="refresh" content="0; url=([^"]+)">')


class Browser:
    """Follows redirects and pages that lead on, and submits forms as their pages' scripts do.

    Args:
        cookies: What it has from the start, for example those of a session.
    """

    def __init__(self, cookies: RequestsCookieJar | None = None) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.cookies.update(cookies or {})

    def get(self, url: str) -> requests.Response:
        return self.http.get(url, allow_redirects=False, timeout=PATIENCE)

    def submit(self, page: requests.Response, **typed: str) -> requests.Response:
        """Send the first form of a page."""
        action = _ACTION.search(page.text)
        url = urljoin(page.url, html.unescape(action[1])) if action else page.url
        fields = {name: html.unescape(value) for name, value in _FIELD.findall(page.text)}
        return self.http.post(
            url, data={**fields, **typed}, allow_redirects=False, timeout=PATIENCE
        )

    def follow(self, answer: requests.Response) -> requests.Response:
        """Go where the answer leads, up to a page that stays."""
        while True:
            if "Location" in answer.headers:
                answer = self.get(urljoin(answer.url, answer.headers["Location"]))
            elif "document.forms[0].submit()" in answer.text:
                answer = self.submit(answer)
            elif refresh := _REFRESH.search(answer.text):
                answer = self.get(urljoin(answer.url, html.unescape(refresh[1])))
            else:
                assert answer.status_code == 200, f"{answer.status_code} at {answer.url}"
                return answer

    def hand_off(self, begin: str) -> None:
        """Go from *begin* to the page of notes."""
        arrived = self.follow(self.get(begin))
        assert urlsplit(arrived.url).path == "/notes", f"arrived at {arrived.url}"
