"""Every endpoint of both servers, and the guards that it was found to have when asked."""

import re
from pathlib import Path

import pytest

from tests.service.conftest import (
    clock,
    issuer_key_ring,
    issuer_public_key,
    server,
    server1_keys,
)

__all__ = ["clock", "issuer_key_ring", "issuer_public_key", "server", "server1_keys"]  # fixtures

# Path, methods, then: csrf or exempt, where it takes a POST; kept, where a response may be kept;
# internal, where it is also answered under a name of HANDOFF_INTERNAL_HOSTS; any-host, where under
# every name.
ENDPOINTS = {
    "server1": """
        /                                   GET
        /.well-known/change-password        GET
        /.well-known/jwks.json              GET       kept internal
        /.well-known/oauth-authorization-server  GET  kept internal
        /.well-known/openid-configuration   GET       kept internal
        /account                            GET
        /account/apps/end                   POST      csrf
        /account/services/end               POST      csrf
        /account/consents/withdraw          POST      csrf
        /account/delete                      GET POST  csrf
        /account/deleted                     GET
        /account/email                      GET POST  csrf
        /account/email/sent                 GET
        /account/name                       GET POST  csrf
        /account/password                   GET POST  csrf
        /account/sessions/end               POST      csrf
        /account/sessions/end-others        POST      csrf
        /authorize                          GET POST  exempt
        /change-email                       GET POST  csrf
        /change-email/done                  GET
        /consent                            GET POST  csrf
        /end-session                        GET POST  exempt
        /forgot-password                    GET POST  csrf
        /forgot-password/sent               GET
        /healthz                            GET       any-host
        /introspect                         POST      exempt internal
        /login                              GET POST  csrf
        /logout                             GET POST  csrf
        /outbox                             GET
        /outbox/<name>                      GET
        /outbox/<name>/html                 GET
        /readyz                             GET       any-host
        /reset-password                     GET POST  csrf
        /reset-password/done                GET
        /revoke                             POST      exempt
        /signup                             GET POST  csrf
        /signup/sent                        GET
        /static/<filename>                  GET       kept
        /token                              POST      exempt
        /userinfo                           GET POST  exempt
        /verify-email                       GET POST  csrf
        /verify-email/again                 GET POST  csrf
        /verify-email/done                  GET
        /verify-email/not-mine              GET POST  csrf
        /verify-email/not-mine/done         GET
        /verify-email/required              GET
        /verify-email/sent                  GET
        """,
    "server2": """
        /                                   GET
        /api/notes                          GET POST  exempt
        /api/notes/<note_id>                DELETE GET
        /api/openapi.json                   GET
        /favicon.ico                        GET       kept
        /healthz                            GET       any-host
        /logout                             GET POST  csrf
        /notes                              GET POST  csrf
        /notes/<note_id>/delete             POST      csrf
        /readyz                             GET       any-host
        /session                            GET
        /signed-out                         GET
        /sso/backchannel-logout             POST      exempt internal
        /sso/callback                       GET POST  exempt
        /sso/finish                         POST      exempt
        /sso/login                          GET POST  exempt
        /sso/revocations                    POST      exempt internal
        /static/<filename>                  GET       kept
        """,
}
EXEMPT = {
    "/api/notes",
    "/authorize",
    "/end-session",
    "/introspect",
    "/revoke",
    "/token",
    "/userinfo",
    "/sso/login",
    "/sso/callback",
    "/sso/finish",
    "/sso/backchannel-logout",
    "/sso/revocations",
}
INTERNAL = "inside:5000"
STRANGER = "evil.example"
MOST_OCTETS = 16 * 1024  # of a body
HEADERS = {
    "Content-Security-Policy": {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"},
    "Cross-Origin-Opener-Policy": {"same-origin"},
    "Referrer-Policy": {"same-origin", "no-referrer"},
    "X-Content-Type-Options": {"nosniff"},
    "X-Frame-Options": {"DENY"},
}


class Asked:
    """A server with all its pages, those of the demo too, that is asked and not read."""

    def __init__(self, server):
        self.base_url = server.base_url
        self.app = server.build(DEMO="1", HANDOFF_INTERNAL_HOSTS=INTERNAL)
        folder = Path(self.app.static_folder)
        self.a_file = next(folder.rglob("*.css")).relative_to(folder).as_posix()
        self.endpoints: dict[str, set[str]] = {}
        for rule in self.app.url_map.iter_rules():
            path = re.sub(r"<\w+(?:\([^)]*\))?:(\w+)>", r"<\1>", rule.rule)
            self.endpoints.setdefault(path, set()).update(rule.methods - {"HEAD", "OPTIONS"})

    def __iter__(self):
        """Return each path with each of its methods."""
        return iter([(path, method) for path in self.endpoints for method in self.methods(path)])

    def methods(self, path):
        return sorted(self.endpoints[path])

    def ask(self, path, method, base_url=None, length="0", **headers):
        values = {"<filename>": self.a_file, "<name>": "x", "<note_id>": "1"}
        url = re.sub(r"<\w+>", lambda part: values[part[0]], path)
        return self.app.test_client().open(
            *(url, base_url or self.base_url),
            method=method,
            headers=headers,
            environ_overrides={"CONTENT_LENGTH": length},
            buffered=True,
        )

    def guards(self, path):
        """Return what the table says of a path."""
        if "POST" in self.methods(path):
            yield self.csrf(path)
        answers = [self.ask(path, method) for method in self.methods(path)]
        if not any("no-store" in answer.headers["Cache-Control"] for answer in answers):
            yield "kept"
        if not any(self.is_refused_to_strangers(path, method) for method in self.methods(path)):
            yield "any-host"
        elif not any(self.refuses_host(path, method, INTERNAL) for method in self.methods(path)):
            yield "internal"

    def refuses_host(self, path, method, host):
        """Tell whether it is answered under this name as under a stranger's."""
        stranger = self.page(path, method, f"http://{STRANGER}")
        return self.page(path, method, f"http://{host}") == stranger

    def is_refused_to_strangers(self, path, method):
        return not self.refuses_host(path, method, self.base_url.partition("//")[2])

    def csrf(self, path):
        other_origin = {"Origin": "https://evil.example"}
        refusal = self.page("/logout", "POST", **other_origin)
        refused = {
            self.ask(path, "POST").status_code == 403,  # without a token
            self.page(path, "POST", **other_origin) == refusal,
            self.page(path, "POST", **{"Sec-Fetch-Site": "cross-site"}) == refusal,
        }
        return {(True,): "csrf", (False,): "exempt"}.get(tuple(refused), "half guarded")

    def page(self, *arguments, **headers):
        """Return the page without its reference, which is another one each time."""
        return re.sub("[0-9a-f]{16}", "", self.ask(*arguments, **headers).text)


@pytest.fixture
def asked(server):
    return Asked(server)


def test_every_endpoint_has_the_guards_of_the_table(server, asked):
    found = {
        (path, *sorted(methods), *asked.guards(path)) for path, methods in asked.endpoints.items()
    }
    assert found == {tuple(row.split()) for row in ENDPOINTS[server.name].strip().splitlines()}


def test_nothing_else_is_exempt_from_csrf():
    rows = [row.split() for table in ENDPOINTS.values() for row in table.strip().splitlines()]
    assert {path for path, *words in rows if "exempt" in words} == EXEMPT
    assert all({"csrf", "exempt"} & {*words} for _, *words in rows if "POST" in words)


def test_every_response_carries_the_security_headers(asked):
    lacking = [
        f"{method} {path}: {name}"
        for path, method in asked
        for name, allowed in HEADERS.items()
        if not allowed & {part.strip() for part in asked.ask(path, method).headers[name].split(";")}
    ]
    assert lacking == []


def test_no_endpoint_answers_under_another_host(asked):
    open_to_all = {"/healthz", "/readyz"}
    for path, method in asked:
        answer = asked.ask(path, method, f"http://{STRANGER}")
        refused = (answer.status_code, answer.headers.get("Set-Cookie")) == (400, None)
        assert refused == (path not in open_to_all), path


def test_every_endpoint_refuses_bodies_too_long_or_without_length(asked):
    for path, method in asked:
        assert asked.ask(path, method, length=str(MOST_OCTETS + 1)).status_code == 413, path
        assert asked.ask(path, method, **{"Transfer-Encoding": "chunked"}).status_code == 411, path
