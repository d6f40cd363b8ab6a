"""People of the bench, and what they do with a browser: sign up, sign in, be handed over."""

from __future__ import annotations

import html
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from requests.cookies import RequestsCookieJar

from .browsers import Answer, BenchError, Browser, Exchange

MAIL_WITHIN = 10  # seconds
GLANCE = 0.1  # seconds between two looks into the outbox

_DEMO = re.compile(r"<dt>(E-mail address|Password)</dt><dd><code>([^<]*)</code>")
_MAIL = re.compile(r'<a href="(/outbox/[^"]+)">.*?<span class="address">([^<]*)</span>', re.DOTALL)
_LINK = re.compile(r'<p class="address"><a href="([^"]+)">')


@dataclass(frozen=True, slots=True)
class Account:
    """An account at SERVER1."""

    name: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Handoff:
    """A handoff that SERVER1 has answered, and whose answer nobody has opened yet."""

    token: str
    state: str
    url: str  # of SERVER2, with the token in it


class People:
    """Who takes part: Ada, whose account the demo has, and Mallory, who signs up for one.

    Args:
        server1, server2: Their base URLs.
        addresses: Where programs reach every origin of the demo.
    """

    def __init__(self, server1: str, server2: str, addresses: Mapping[str, str]) -> None:
        self.server1 = server1
        self.server2 = server2
        self._addresses = addresses
        self._mallory: Account | None = None
        self._jars: dict[str, RequestsCookieJar] = {}  # of who is signed in at SERVER1, by name

    def browser(self, story: list[Exchange]) -> Browser:
        """Open a browser that knows nobody."""
        return Browser(self._addresses, story)

    def ada(self, story: list[Exchange]) -> Browser:
        """Open a browser in which Ada is signed in at SERVER1."""
        return self._signed_in("Ada", story)

    def mallory(self, story: list[Exchange]) -> Browser:
        """Open a browser in which Mallory is signed in at SERVER1, with an account of her own."""
        return self._signed_in("Mallory", story)

    def sign_up(self, browser: Browser, name: str) -> tuple[Account, str]:
        """Make an account, and return the link that the demo's outbox has a mail with.

        Raises:
            BenchError: SERVER1 does not do as expected.
        """
        email = f"{name.lower()}-{secrets.token_hex(4)}@example.com"
        account = Account(name, email, secrets.token_urlsafe(18))
        page = browser.get(f"{self.server1}/signup")
        fields = {"name": name, "email": account.email, "password": account.password}
        _expect(303, browser.post(page.action, {**page.fields, **fields}), "the sign-up")
        return account, self._mailed_link(browser, account.email)

    def begin(self, browser: Browser, note: str = "", **parameters: str) -> str:
        """Begin at SERVER2; return where it leads, with ``state`` and ``nonce``."""
        query = urlencode({"target_link_uri": "/notes", **parameters})
        answer = browser.get(f"{self.server2}/sso/login?{query}", note)
        return _expect(303, answer, "the beginning of a handoff").location

    def answer(self, browser: Browser, request: str, note: str = "") -> Handoff:
        """Open SERVER1's address, and stop before what it leads to is opened.

        Raises:
            BenchError: It leads to no token.
        """
        url = browser.get(request, note).location
        fields = dict(parse_qsl(urlsplit(url).query))
        if not url.startswith(f"{self.server2}/sso/callback?") or "id_token" not in fields:
            raise BenchError("SERVER1 handed nobody over.")
        return Handoff(fields["id_token"], fields["state"], url)

    def hand_over(self, browser: Browser, note: str = "", **parameters: str) -> Handoff:
        """Begin at SERVER2 and have SERVER1 answer."""
        return self.answer(browser, self.begin(browser, **parameters), note)

    def callback(self, token: str, state: str) -> str:
        """Return the address of SERVER2 that takes this token."""
        query = urlencode({"id_token": token, "state": state, "iss": self.server1})
        return f"{self.server2}/sso/callback?{query}"

    def is_in(self, browser: Browser) -> bool:
        """Tell whether somebody is signed in at SERVER2, in this browser."""
        return browser.get(f"{self.server2}/session").status == 200

    def _signed_in(self, name: str, story: list[Exchange]) -> Browser:
        browser = self.browser(story)
        if name in self._jars:
            browser.jar.update(self._jars[name])
        page = browser.get(f"{self.server1}/login")
        if page.status == 200:  # nobody is signed in, or no longer
            account = self._account_of_ada(page) if name == "Ada" else self._account_of_mallory()
            fields = {"email": account.email, "password": account.password}
            _expect(303, browser.post(page.action, {**page.fields, **fields}), "the sign-in")
            self._jars[name] = browser.jar.copy()
        return browser

    def _account_of_ada(self, page: Answer) -> Account:
        # The sign-in page of the demo shows them to everybody.
        shown = {name: html.unescape(value) for name, value in _DEMO.findall(page.text)}
        try:
            return Account("Ada", shown["E-mail address"], shown["Password"])
        except KeyError:
            raise BenchError("SERVER1 is not in demo mode.") from None

    def _account_of_mallory(self) -> Account:
        if self._mallory is None:
            with_link = self.browser([])
            account, link = self.sign_up(with_link, "Mallory")
            page = with_link.get(link)
            _expect(303, with_link.post(page.action, page.fields), "the confirmation")
            with_link.close()
            self._mallory = account
        return self._mallory

    def _mailed_link(self, browser: Browser, email: str) -> str:
        deadline = time.monotonic() + MAIL_WITHIN
        while time.monotonic() < deadline:
            for path, recipient in _MAIL.findall(browser.get(f"{self.server1}/outbox").text):
                if recipient == email:
                    mail = browser.get(f"{self.server1}{path}")
                    return html.unescape(_LINK.findall(mail.text)[0])
            time.sleep(GLANCE)
        raise BenchError("The mail did not come.")


def _expect(status: int, answer: Answer, what: str) -> Answer:
    if answer.status != status:
        raise BenchError(f"SERVER1 or SERVER2 refused {what}, with status {answer.status}.")
    return answer
