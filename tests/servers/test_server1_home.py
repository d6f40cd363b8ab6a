import html
import re

import pytest

from tests.servers.accounts_visitor import EMAIL, PASSWORD, Visitor, running_accounts


def test_whoever_is_not_signed_in_is_told_what_this_is(browser1):
    page = browser1.get("/").text
    assert "One place for your password" in page
    assert 'href="/login"' in page
    assert "<form" not in page


def test_whoever_is_signed_in_sees_who_they_are_and_since_when(browser1):
    browser1.sign_in()
    page = browser1.get("/").text
    assert "Hello, Ada" in page
    assert EMAIL in page
    assert '<time datetime="2026-01-01T12:00:00+00:00">1 January 2026, 12:00 UTC</time>' in page


def test_the_card_of_a_client_says_what_it_gets_and_leads_there(browser1):
    browser1.sign_in()
    page = browser1.get("/").text
    assert "<li>see your name</li>" in page
    assert "<li>write notes</li>" in page
    link = re.search(r'href="([^"]+)">Continue to Notes</a>', page)[1]
    assert html.unescape(link) == (
        "http://127.0.0.1:5002/sso/login?iss=http%3A%2F%2Flocalhost%3A5001"
    )


def test_the_card_says_what_little_a_client_gets(accounts, browser1):
    accounts.run("grants", "set", EMAIL, "server2", "notes:read")
    browser1.sign_in()
    page = browser1.get("/").text
    assert re.findall(r"<li>(.+)</li>", page) == ["read your notes"]
    accounts.run("grants", "set", EMAIL, "server2", "openid")
    assert "It receives an identifier of your account" in browser1.get("/").text
    accounts.run("grants", "set", EMAIL, "server2", "reports", "<b>")
    assert re.findall(r"<li>(.+)</li>", browser1.get("/").text) == ["&lt;b&gt;", "reports"]


def test_the_card_of_a_client_without_access_says_whom_to_ask(accounts_environment, clock):
    settings = {**accounts_environment, "SERVER1_CONTACT": "it@example.com"}
    with running_accounts(settings, clock) as accounts:
        accounts.run("grants", "set", EMAIL, "server2", "--none")
        visitor = Visitor(accounts)
        visitor.sign_in()
        page = visitor.get("/").text
    assert "You have no access to Notes." in page
    assert "ask it@example.com" in page
    assert "/sso/login" not in page


def test_a_name_is_shown_as_text(accounts):
    accounts.run(
        *("users", "create", "eve@example.com", "--name", "<script>alert(1)</script>"),
        "--password-stdin",
        input=PASSWORD,
    )
    visitor = Visitor(accounts)
    visitor.sign_in("eve@example.com")
    assert "Hello, &lt;script&gt;" in visitor.get("/").text


def test_a_server_without_clients_says_so(accounts_environment, clock):
    with running_accounts({**accounts_environment, "HANDOFF_CLIENTS": "[]"}, clock) as accounts:
        visitor = Visitor(accounts)
        assert "continue to\n    your services" in visitor.get("/").text
        visitor.sign_in()
        assert "No service is registered here." in visitor.get("/").text


@pytest.mark.parametrize("path", ["/verify-email/done", "/verify-email/sent", "/change-email/done"])
def test_a_page_that_says_what_was_done_has_the_menu(accounts, path):
    visitor = Visitor(accounts)
    assert "Your account</a>\n      <form" not in visitor.get(path).text
    visitor.sign_in()
    assert "Your account</a>\n      <form" in visitor.get(path).text
