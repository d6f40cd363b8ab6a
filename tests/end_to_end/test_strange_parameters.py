"""Every endpoint of both servers, with parameters that are missing, doubled, too long or broken."""

import itertools
from secrets import token_hex
from urllib.parse import quote

import pytest

from tests.end_to_end.conftest import watched_pair
from tests.end_to_end.endpoints import endpoints_of
from tests.end_to_end.journey import Browser, fields_of, parameters_of
from tests.end_to_end.mailbox import link_mailed_to, token_of
from tests.end_to_end.raw_http import ask, head

CANARY = "<x-canary>"
NOBODY: dict[str, str] = {}  # cookies

# As they stand in a query or a form, after the sign of equality.
STRANGE = {
    "empty": "",
    "NUL": "a%00b",
    "CR and LF": "a%0d%0aSet-Cookie:%20planted=1%0d%0a%0d%0a",
    "not UTF-8": "%ff%fe",
    "overlong UTF-8": "%c0%ae%c0%af",
    "half of a surrogate pair": "%ed%a0%80",
    "beyond Unicode": "%f4%90%80%80",
    "not ASCII": quote("Ŝärã ﷽ \N{FULLWIDTH SOLIDUS} \N{KELVIN SIGN} 😀"),
    "foreign digits": quote("١٢³"),
    "a broken escape": "%zz%",
    "markup": quote(f"\"'></textarea></script>{CANARY}<script>alert(1)</script>"),
    "a template": quote("{{7*7}}${7*7}<%=7*7%>"),
    "a large number": "9" * 400,
    "a number below zero": "-1",
    "no number": "1e999",
    "another site": quote("https://evil.example/%0d%0a"),
    "backslashes": quote("/\\evil.example\\..\\"),
    "JSON": quote('{"a": [null, NaN]}'),
    "5,000 characters": "x" * 5_000,
    "60,000 characters": "x" * 60_000,
}

NAMES = [
    *("id_token", "state", "iss", "error", "error_description", "target_link_uri", "prompt"),
    *("max_age", "login_hint", "client_id", "redirect_uri", "response_type", "response_mode"),
    *("scope", "nonce", "request", "request_uri", "continue", "email", "password"),
    *("csrf_token", "text", "before", "name", "token", "new_password", "sid", "strength", "done"),
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A pair of this module's own, behind a proxy: each request comes from another address.

    SERVER1 slows down an address that guesses passwords, and would look at nothing after that.
    """
    with watched_pair(
        tmp_path_factory.mktemp("strange"), server1={"SERVER1_TRUSTED_PROXIES": "1"}
    ) as pair:
        yield pair


@pytest.fixture(scope="module")
def signed_in(pair):
    with Browser(pair.server1.base_url, pair.server2.base_url) as browser:
        browser.sign_in(pair.password)
        yield browser


@pytest.fixture(params=["server1", "server2"])
def server(request, pair):
    return getattr(pair, request.param)


class Sender:
    """Sends requests with the cookies given, each from another address, and judges the answers."""

    def __init__(self, server, pair, cookies):
        self.server = server
        self.places = (f"{pair.server1.base_url}/", f"{pair.server2.base_url}/")
        self.cookies = "; ".join(f"{name}={value}" for name, value in cookies.items())
        self.faults: dict[str, str] = {}
        self.sent = 0

    def send(self, method, path, fields, what):
        self.sent += 1
        target, body = (path, fields) if method == "POST" else (f"{path}?{fields}", "")
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {self.server.host}",
            f"Cookie: {self.cookies}",
            f"X-Forwarded-For: 10.0.{self.sent // 256}.{self.sent % 256}",
            f"Content-Length: {len(body)}",
            "Content-Type: application/x-www-form-urlencoded",
        ]
        answer = ask(self.server.address, head(*lines) + body.encode())
        if fault := self._fault(answer):
            self.faults[f"{method} {path} {what}"] = fault

    def _fault(self, answer):
        if answer.status >= 500:
            return f"status {answer.status}"
        if CANARY in answer.text or "<script>alert(1)" in answer.text:
            return "repeats markup"
        if any(cookie.startswith("planted") for cookie in answer.headers.get_all("Set-Cookie", [])):
            return f"planted header: {answer.headers}"
        place = answer.headers.get("Location", "/")
        if not place.startswith(self.places) and (place[:1] != "/" or place[:2] == "//"):
            return f"leads to {place}"
        return None


def written(fields):
    return "&".join(f"{name}={value}" for name, value in fields.items())


def variations(good):
    """Return the request with each of its fields spoilt in each way, and what was done to it."""
    for name in good:
        others = {key: value for key, value in good.items() if key != name}
        yield written(others), f"without {name}"
        yield written({**good, name: f"{good[name]}&{name}={good[name]}"}), f"{name} twice"
        for kind, value in STRANGE.items():
            yield written({**others, name: value}), f"{name}: {kind}"


def test_no_endpoint_stumbles_over_any_parameter(pair, server, signed_in):
    endpoints = endpoints_of(server)
    for cookies in (NOBODY, signed_in.cookies()):
        sender = Sender(server, pair, cookies)
        for endpoint, (kind, value) in itertools.product(endpoints, STRANGE.items()):
            names = NAMES if len(value) < 1000 else NAMES[:1]
            for method in endpoint.methods & {"GET", "POST"}:
                sender.send(method, endpoint.path, written(dict.fromkeys(names, value)), kind)
                sender.send(method, endpoint.path, f"{value}={value}&{value}", f"a name: {kind}")
        assert sender.faults == {}


def quoted(fields):
    return {name: quote(value) for name, value in fields.items()}


def requests_to_server1(browser):
    asked = parameters_of(browser.begin(login_hint="ada@example.com").headers["Location"])
    yield "/authorize", {**asked, "prompt": "login", "max_age": "60"}
    yield "/authorize", {"continue": fields_of(browser.arrive(prompt="login"))["continue"]}
    login = fields_of(browser.arrive(prompt="login"))
    yield "/login", {**login, "email": "ada@example.com", "password": "wrong"}
    yield "/logout", {"csrf_token": fields_of(browser.arrive(prompt="login"))["csrf_token"]}
    yield (
        "/end-session",
        {
            "id_token_hint": parameters_of(browser.callback_url())["id_token"],
            "logout_hint": "a-session-of-somebody",
            "client_id": "server2",
            "post_logout_redirect_uri": f"{browser.server2}/logout",
            "state": "a-state",
            "ui_locales": "de en",
        },
    )


def requests_of_an_account(pair, browser):
    """Fill in the forms of a new account well, but for the password: none of them ends it."""
    email, right = f"{token_hex(8)}@example.com", "lilac engine 49 quarry"
    page = browser.get(f"{browser.server1}/signup")
    signup = {"name": "Eve", "password": right, "email": email}
    browser.post(page.url, {**fields_of(page), **signup})
    new = {"email": f"new-{email}", "password": right}
    browser.sign_in(right, email=email)
    form = fields_of(browser.get(f"{browser.server1}/account/email"))
    browser.post(f"{browser.server1}/account/email", {**form, **new})
    browser.post(f"{browser.server1}/forgot-password", {**form, "email": email})
    with Browser(browser.server1, browser.server2) as elsewhere:
        csrf = {"csrf_token": fields_of(elsewhere.get(f"{browser.server1}/login"))["csrf_token"]}
        wrong = {"password": "a wrong password"}
        cookies = elsewhere.cookies()
        for purpose, to in (("verify-email", email), ("change-email", new["email"])):
            token = token_of(link_mailed_to(pair.server1, to, purpose))
            yield f"/{purpose}", {**csrf, "token": token, **wrong}, cookies
        going_on = {"continue": fields_of(elsewhere.arrive())["continue"]}
        yield "/signup", {**csrf, **signup, "password": "short", **going_on}, cookies
        yield "/signup/sent", {"strength": "weak", **going_on}, cookies
        yield "/verify-email/not-mine", {**csrf, "token": "x" * 43}, cookies
        for page in ("/forgot-password", "/verify-email/again"):
            yield page, {**csrf, "email": "nobody@example.com"}, cookies
    csrf, cookies = {"csrf_token": form["csrf_token"]}, browser.cookies()
    yield "/consent", {**csrf, **going_on, "answer": "agree", "scope": "openid"}, cookies
    yield "/account/apps/end", {**csrf, "app": "x" * 24}, cookies
    yield "/account/services/end", {**csrf, "sid": "x" * 22, "client_id": "notes"}, cookies
    yield "/account/consents/withdraw", {**csrf, "client_id": "notes"}, cookies
    code = {"grant_type": "authorization_code", "code": "c" * 43, "code_verifier": "v" * 43}
    client = {"client_id": "notes", "client_secret": "s" * 43, "redirect_uri": browser.server2}
    yield "/token", {**code, **client, "resource": browser.server2}, cookies
    refresh = {"grant_type": "refresh_token", "refresh_token": "r" * 65, "scope": "openid"}
    yield "/token", {**refresh, **client, "resource": browser.server2}, cookies
    for path, token in itertools.product(("/revoke", "/introspect"), ("r" * 65, "not.a.token")):
        presented = {"token": token, "token_type_hint": "access_token", "client_id": "server2"}
        yield path, presented, cookies
    yield "/userinfo", {"access_token": "not.a.token"}, cookies
    yield "/account", {"done": "name"}, cookies
    yield "/account/name", {**csrf, "name": "Eve"}, cookies
    yield "/account/password", {**csrf, **wrong, "new_password": "quarry 49 lilac boat"}, cookies
    yield "/account/email", {**csrf, **new, **wrong}, cookies
    yield "/account/delete", {**csrf, **wrong}, cookies
    yield "/account/sessions/end", {**csrf, "sid": "x" * 22}, cookies
    yield "/account/sessions/end-others", csrf, cookies
    assert "Where you are signed in" in browser.get(f"{browser.server1}/account").text
    token = token_of(link_mailed_to(pair.server1, email, "reset-password"))
    yield "/reset-password", {**csrf, "token": token, "password": "short"}, cookies


def test_no_form_of_an_account_stumbles_over_one_spoilt_parameter(pair):
    methods = {endpoint.path: endpoint.methods for endpoint in endpoints_of(pair.server1)}
    gone_through = set()
    with Browser(pair.server1.base_url, pair.server2.base_url) as browser:
        for path, good, cookies in requests_of_an_account(pair, browser):
            gone_through.add(path)
            sender = Sender(pair.server1, pair, cookies)
            for method in methods[path] & {"GET", "POST"}:
                for fields, what in variations(quoted(good)):
                    sender.send(method, path, fields, what)
            assert sender.faults == {}
    forms = {path for path, taken in methods.items() if "POST" in taken}
    assert forms - gone_through <= {"/authorize", "/end-session", "/login", "/logout"}


def requests_to_server2(browser):
    spent = parameters_of(browser.callback_url())
    begin = {"target_link_uri": "/notes", "prompt": "login", "max_age": "60", "login_hint": "ada"}
    yield "/sso/login", {"iss": browser.server1, **begin}
    for path in ("/sso/callback", "/sso/finish"):
        yield path, spent
        yield path, {"error": "access_denied", "state": spent["state"], "iss": spent["iss"]}
    for path in ("/notes", "/notes/1/delete", "/logout"):
        csrf_token = fields_of(browser.arrive())["csrf_token"]
        yield path, {"csrf_token": csrf_token, "text": "a note", "before": "1"}


def test_no_request_of_the_journey_stumbles_over_one_spoilt_parameter(pair, server, signed_in):
    requests = {"server1": requests_to_server1, "server2": requests_to_server2}[server.name]
    methods = {endpoint.path: endpoint.methods for endpoint in endpoints_of(server)}
    for path, good in requests(signed_in):
        sender = Sender(server, pair, signed_in.cookies())
        for method in methods[path] & {"GET", "POST"}:
            for fields, what in variations(quoted(good)):
                sender.send(method, path, fields, what)
        assert sender.faults == {}
        # One of them may have signed in or out, here or there.
        signed_in.sign_in(pair.password, signed_in.arrive(prompt="login"))
