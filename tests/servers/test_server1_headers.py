import re

import pytest

from tests.servers.accounts_visitor import Visitor, running_accounts

ORDINARY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/logout", 303),
        ("/no-such-page", 404),
        ("/authorize", 400),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/static/style.css", 200),
        ("/static/no-such-file", 404),
    ],
)
def test_every_answer_tells_the_browser_what_it_may_do(browser1, path, status):
    answer = browser1.get(path, buffered=True)
    assert answer.status_code == status
    assert answer.headers["Content-Security-Policy"] == ORDINARY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/", "/login", "/logout", "/no-such-page", "/static/nothing", "/readyz"]
)
def test_nothing_personal_is_kept_by_a_cache(browser1, path):
    browser1.sign_in()
    assert browser1.get(path).headers["Cache-Control"] == "no-store"


def test_what_is_the_same_for_everybody_may_be_kept(browser1):
    assert (
        "no-store" not in browser1.get("/static/style.css", buffered=True).headers["Cache-Control"]
    )
    assert "no-store" not in browser1.get("/.well-known/jwks.json").headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/", "/login", "/logout"])
def test_pages_with_forms_let_the_browser_say_where_a_form_comes_from(browser1, path):
    assert browser1.get(path).headers["Referrer-Policy"] == "same-origin"


def test_the_form_of_the_sign_in_page_may_lead_to_every_client(accounts_environment, clock):
    settings = {**accounts_environment, "HANDOFF_CLIENTS": CLIENTS}
    with running_accounts(settings, clock) as accounts:
        visitor = Visitor(accounts)
        for answer in (visitor.get("/login"), visitor.sign_in(password="a wrong password")):
            policy = answer.headers["Content-Security-Policy"]
            assert policy.endswith(
                "form-action 'self' https://a.example https://b.example:8443 https://c.example"
            )


CLIENTS = """[
    {"client_id": "a", "name": "A", "initiate_login_uri": "https://login.example/",
     "redirect_uris": ["https://a.example/1", "https://a.example/2", "https://b.example:8443/"]},
    {"client_id": "c", "name": "C", "initiate_login_uri": "https://login.example/",
     "redirect_uris": ["https://c.example/"]}
]"""


def test_over_https_the_browser_is_told_to_stay_there(accounts_environment, clock):
    settings = {
        **accounts_environment,
        "HANDOFF_ISSUER": "https://accounts.example.com",
        "SERVER1_ARGON2_MEMORY_KIB": "19456",
        "SERVER1_ARGON2_TIME_COST": "2",
    }
    with running_accounts(settings, clock) as accounts:
        answer = Visitor(accounts).get("/")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize("path", ["/", "/login", "/logout", "/no-such-page"])
def test_no_page_holds_a_script_or_a_style_of_its_own(browser1, path):
    browser1.sign_in()
    page = browser1.get(path).text
    assert "<style" not in page
    assert " style=" not in page
    assert not re.search(r"\son\w+=", page)
    assert page.count("<script src=") == page.count("<script")
