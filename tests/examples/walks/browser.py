"""A browser without JavaScript before applications in this process, with a browser's cookie jar."""

import html
import re
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from werkzeug.test import Client

MOST_STEPS = 12
_REFRESH = re.compile(r'<meta http-equiv="refresh" content="0; url=([^"]+)"')


class Browser:
    """One browser.

    It follows redirects and pages that go on by themselves, and stops where a person has to press
    a button. Cookies know hosts and no ports, ``SameSite`` and ``Secure``. In front of an https
    address stands a proxy, which tells the application so.

    Args:
        apps: WSGI applications, by their origins.
    """

    def __init__(self, apps):
        self.clients = {origin: Client(app, use_cookies=False) for origin, app in apps.items()}
        self._jar = {}
        self.url = ""
        self.answer = None

    @property
    def text(self):
        return self.answer.text

    def cookies(self, host):
        """Return the cookies of a host by their names, with their attributes."""
        return {name: cookie for (of, name), cookie in self._jar.items() if of == host}

    def visit(self, url):
        """Go to an address that a person types."""
        return self._go("GET", url, initiator=None)

    def click(self, label):
        """Follow the link of this text."""
        links = re.findall(r'<a href="([^"]+)">([^<]*)</a>', self.text)
        (target,) = (html.unescape(target) for target, text in links if text == label)
        return self._go("GET", urljoin(self.url, target), initiator=self.url)

    def press(self, label, **typed):
        """Press the button of this text, in the form around it."""
        (form,) = (form for form in forms_of(self.text) if form.button == label)
        fields = {**form.fields, **typed}
        return self._go(form.method, urljoin(self.url, form.action), self.url, fields)

    def sign_in(self, password):
        """Fill in an example's sign-in form, and press what stands between there and the target."""
        self.press("Sign in", email="ada@example.com", password=password)
        while ">Continue</button>" in self.text:
            self.press("Continue")
        return self.answer

    def _go(self, method, url, initiator, fields=None):
        is_cross_site = False
        for _ in range(MOST_STEPS):
            is_cross_site |= initiator is not None and site_of(initiator) != site_of(url)
            referrer = None if self.answer is None or is_cross_site else initiator
            self.answer = self._ask(method, url, fields, is_cross_site, referrer)
            self.url = url
            if self.answer.location is not None:
                assert self.answer.status_code in {302, 303, 308}
                initiator, url = url, urljoin(url, self.answer.location)
            elif refresh := _REFRESH.search(self.answer.text):
                # The page itself goes on: whoever led here has no part in it.
                is_cross_site, initiator = False, url
                url = urljoin(url, html.unescape(refresh[1]))
            else:
                return self.answer
            method, fields = "GET", None
        raise AssertionError(f"the way does not end: {url}")

    def _ask(self, method, url, fields, is_cross_site, referrer):
        parts = urlsplit(url)
        origin, is_secure = f"{parts.scheme}://{parts.netloc}", parts.scheme == "https"
        headers = {"X-Forwarded-Proto": parts.scheme}
        sent = [
            f"{name}={cookie['value']}"
            for name, cookie in self.cookies(parts.hostname).items()
            if is_sent(cookie, method, parts, is_cross_site)
        ]
        if sent:
            headers["Cookie"] = "; ".join(sent)
        if referrer and self.answer_policy() != "no-referrer":
            headers["Referer"] = referrer
        answer = self.clients[origin].open(
            url.removeprefix(origin) or "/",
            base_url=f"http://{parts.netloc}",
            method=method,
            data=urlencode(fields) if fields else None,
            content_type="application/x-www-form-urlencoded" if fields else None,
            headers=headers,
        )
        for line in answer.headers.getlist("Set-Cookie"):
            self._take(parts.hostname, line, is_secure=is_secure)
        return answer

    def answer_policy(self):
        return None if self.answer is None else self.answer.headers.get("Referrer-Policy")

    def _take(self, host, line, *, is_secure):
        (name, value), *attributes = (
            (part.strip() + "=").split("=", 1) for part in line.split(";")
        )
        cookie = {key.lower(): given.rstrip("=") for key, given in attributes}
        assert is_secure or "secure" not in cookie
        if cookie.get("max-age") == "0" or "1970" in cookie.get("expires", ""):
            self._jar.pop((host, name), None)
        else:
            self._jar[host, name] = {**cookie, "value": value[:-1]}


def is_sent(cookie, method, parts, is_cross_site):
    """Say whether a browser sends a cookie along.

    Source: Cookies, RFC 6265bis, section 5.8.3.
    """
    if not (parts.path or "/").startswith(cookie.get("path", "/")):
        return False
    same_site = cookie.get("samesite", "Lax")
    return not is_cross_site or (same_site == "Lax" and method == "GET")


def site_of(url):
    parts = urlsplit(url)
    return parts.scheme, ".".join(parts.hostname.split(".")[-2:])


class Form:
    """A form with one button."""

    def __init__(self, method, action):
        self.method = method.upper()
        self.action = action
        self.fields = {}
        self.button = ""


class _Forms(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []
        self._in_button = False

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self.found.append(Form(given.get("method", "get"), given["action"]))
        elif tag == "input":
            self.found[-1].fields[given["name"]] = given.get("value", "")
        self._in_button = tag == "button"

    def handle_data(self, data):
        if self._in_button:
            self.found[-1].button += data

    def handle_endtag(self, tag):
        self._in_button = False


def forms_of(page):
    parser = _Forms()
    parser.feed(page)
    return parser.found
