import logging

import pytest
from sqlalchemy import text

from server1.logs import OneLineFormatter
from tests.servers.accounts_visitor import PASSWORD, REQUEST, Visitor


def test_each_request_is_one_line(browser1, log):
    browser1.get("/login")
    (line,) = log.text.splitlines()
    assert " 127.0.0.1 GET /login 200 " in line


@pytest.mark.parametrize(
    "path",
    ["/a\nGET /forged 200", "/a\r\nb", "/\x1b[31mred", "/\u2028", "/\x85", "/a b 200 5ms", "/%0a"],
)
def test_no_path_forges_a_line(browser1, log, path):
    browser1.client.get(
        "/",
        base_url="http://localhost:5001",
        environ_overrides={"PATH_INFO": path.encode().decode("latin-1")},
    )
    (line,) = log.text.splitlines()
    fields = line.split(" GET ")[1].split(" ")
    assert len(fields) == 4
    assert fields[1] == "404"
    assert line.isascii()
    assert line.isprintable()


def test_no_method_forges_a_line(browser1, log):
    browser1.client.open(
        "/", base_url="http://localhost:5001", environ_overrides={"REQUEST_METHOD": "GET /forged\n"}
    )
    (line,) = log.text.splitlines()
    assert "GET%20%2FFORGED" in line


def test_a_long_path_is_cut(browser1, log):
    browser1.get("/" + "x" * 5000)
    assert len(log.text) < 400


@pytest.mark.parametrize("path", ["/{}", "/login/{}", "/static/{}.css"])
def test_a_token_or_a_cookie_that_was_pasted_into_a_path_is_not_logged(browser1, log, path):
    browser1.sign_in()
    token = browser1.authorize().location.split("id_token=")[1].split("&")[0]
    for secret in (token, browser1.cookie):
        browser1.get(path.format(secret))
        line = log.text.splitlines()[-1]
        assert " 404 " in line
        assert not [part for part in secret.split(".") if len(part) > 31 and part[:20] in line]


def test_no_secret_is_logged(browser1, log):
    browser1.sign_in(password="a wrong secret")
    browser1.sign_in()
    token = browser1.authorize().location
    browser1.get("/login", query_string={"continue": "carried-secret"})
    browser1.get("/", headers={"Authorization": "Bearer header-secret"})
    assert "POST /login 303" in log.text
    for secret in (PASSWORD, "secret", "eyJ", REQUEST["nonce"], browser1.cookie, "?"):
        assert secret not in log.text
    assert "id_token=eyJ" in token


def test_a_traceback_forges_no_line():
    try:
        raise ValueError("first\n2026-01-01 INFO forged")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("server1", logging.ERROR, "f", 1, "message\nforged", None, info)
    first, *others = OneLineFormatter().format(record).split("\n")
    assert first.endswith("message\\nforged")
    assert others
    assert all(line.startswith("  | ") for line in others)


def test_a_database_error_is_logged_without_the_data_in_it(accounts, browser1, log):
    with accounts.parts.database.writing() as connection:
        connection.execute(text("DROP TABLE throttles"))
    answer = browser1.sign_in("mallory@example.com", PASSWORD)
    assert answer.status_code == 503
    assert "database error: OperationalError: no such table: throttles request_id=" in log.text
    assert "mallory" not in log.text


def test_a_refusal_by_the_database_is_logged_without_the_statement(accounts, browser1, log):
    with accounts.parts.database.writing() as connection:
        connection.execute(text("CREATE UNIQUE INDEX broken ON sessions (address)"))
    Visitor(accounts).sign_in()
    assert browser1.sign_in().status_code == 503
    assert "database error: IntegrityError (IntegrityError) request_id=" in log.text
    assert "INSERT" not in log.text
