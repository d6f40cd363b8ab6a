import re

import pytest
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

HOSTILE = "<script>hostile(1)</script>"
FORMS = {"server1": "/login", "server2": "/notes"}


def test_an_unknown_page_shows_the_reference_of_the_log(server, app, capsys):
    answer = server.get(app, "/no-such-page")
    assert answer.status_code == 404
    assert "<h1>There is no such page</h1>" in answer.text
    (reference,) = re.findall("<code>([0-9a-f]{16})</code>", answer.text)
    assert f"request_id={reference}" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_a_wrong_method_is_told_the_right_ones(server, app, method):
    path = FORMS[server.name]
    answer = app.test_client().open(path, method=method, base_url=server.base_url)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert "Method not allowed" in answer.text


def post(server, app, data=None, **headers):
    path = FORMS[server.name]
    return app.test_client().post(path, base_url=server.base_url, data=data, headers=headers)


def test_a_body_without_a_length_is_refused(server, app):
    answer = post(server, app, **{"Transfer-Encoding": "chunked"})
    assert answer.status_code == 411
    assert "The length is missing" in answer.text


def test_a_body_that_is_too_large_is_refused(server, app):
    answer = post(server, app, {"text": "x" * 20_000})
    assert answer.status_code == 413
    assert "Request too large" in answer.text
    assert "at most 16 KiB" in answer.text


@pytest.mark.parametrize(
    "host",
    ["evil.example", "{}.evil.example", "{}@evil", "", "[::1", "a b"],
)
def test_another_host_is_refused_and_no_cookie_set(server, app, host):
    host = host.format(server.base_url.removeprefix("http://"))
    path = FORMS[server.name]
    answer = app.test_client().get(path, environ_overrides={"HTTP_HOST": host})
    assert answer.status_code == 400
    assert "Set-Cookie" not in answer.headers
    assert "evil" not in answer.text


def test_another_name_of_this_machine_leads_to_the_right_one(server, app):
    other = {"server1": "http://127.0.0.1:5001", "server2": "http://localhost:5002"}[server.name]
    answer = app.test_client().get("/login?a=b", base_url=other)
    assert (answer.status_code, answer.location) == (303, f"{server.base_url}/login?a=b")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        *("//evil.example", "//evil.example/login", "/logout//", "/static//style.css"),
        *("/sso//login", "/.well-known//jwks.json", "/logout/"),
    ],
)
def test_no_path_is_corrected_by_a_redirect(server, app, path):
    answer = server.get(app, "/", environ_overrides={"PATH_INFO": path})
    assert answer.status_code == 404


@pytest.mark.parametrize("debug", ["0", "1"])
def test_a_programming_error_is_a_page_without_details(server, monkeypatch, debug):
    monkeypatch.setenv("FLASK_DEBUG", debug)
    app = server.build()
    app.add_url_rule("/broken", "broken", lambda: int("a secret detail"))
    answer = server.get(app, "/broken")
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text
    assert "a secret detail" not in answer.text


def test_nothing_that_was_sent_stands_on_an_error_page(server, app):
    for path, options in (
        (f"/{HOSTILE}", {"query_string": {HOSTILE: HOSTILE}}),
        ("/no-such-page", {"headers": {"User-Agent": HOSTILE, "Referer": HOSTILE}}),
        ("/no-such-page", {"headers": {"X-Request-ID": HOSTILE, "Cookie": f"a={HOSTILE}"}}),
    ):
        assert "hostile" not in server.get(app, path, **options).text


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (OperationalError("SQL", {}, Exception("no such table: x")), "Operational.*: no such t"),
        (DatabaseError("SQL", {}, Exception("disk I/O\nforged")), r"DatabaseError: disk I/O\\nfor"),
        (
            IntegrityError("INSERT", {}, Exception("a-private-text")),
            r"IntegrityError \(Exception\)",
        ),
    ],
)
def test_a_database_error_is_503_and_logged_without_data(server, app, capsys, error, logged):
    def fail():
        raise error

    app.add_url_rule("/failing", view_func=fail)
    answer = server.get(app, "/failing")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    written = capsys.readouterr().err
    assert re.search(f"database error: {logged}.* request_id=", written)
    for private in ("a-private-text", "INSERT", "SQL"):
        assert private not in written + answer.text
