import pytest

from tests.servers.accounts_visitor import EMAIL, PASSWORD, REQUEST, Visitor, hidden_fields

FIELDS = {"email": EMAIL, "password": PASSWORD}
FORMS = [
    *("/login", "/logout", "/signup", "/verify-email", "/verify-email/again"),
    *("/verify-email/not-mine", "/forgot-password", "/reset-password", "/change-email"),
    *("/account/name", "/account/password", "/account/email", "/account/delete"),
    *("/account/sessions/end", "/account/sessions/end-others"),
]


@pytest.fixture(scope="module")
def accounts(share_accounts):
    with share_accounts() as running:
        yield running


@pytest.mark.parametrize("path", FORMS)
def test_a_form_without_a_token_is_refused(browser1, path):
    answer = browser1.post(path, FIELDS)
    assert answer.status_code == 403
    assert "This form is too old" in answer.text


@pytest.mark.parametrize("path", FORMS)
def test_a_form_with_another_browsers_token_is_refused(accounts, browser1, path):
    foreign = hidden_fields(Visitor(accounts).get("/login").text)
    browser1.get("/login")
    assert browser1.post(path, {**FIELDS, **foreign}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "Same-Origin"])
@pytest.mark.parametrize("path", FORMS)
def test_a_form_sent_from_another_site_is_refused(browser1, path, site):
    answer = browser1.submit(path, FIELDS, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403
    assert not browser1.is_signed_in


def test_a_form_sent_from_our_origin_is_taken(browser1):
    browser1.sign_in(headers={"Origin": "http://localhost:5001", "Sec-Fetch-Site": "same-origin"})
    assert browser1.is_signed_in


def test_a_signed_in_user_stays_signed_in_when_a_stranger_posts_a_sign_out(browser1):
    browser1.sign_in()
    browser1.post("/logout", {}, headers={"Origin": "http://evil.example"})
    browser1.post("/logout", {})
    assert browser1.is_signed_in


def test_nobody_is_signed_in_to_an_attackers_account(accounts, browser1):
    accounts.create("mallory@example.com")
    mallory = Visitor(accounts)
    form = hidden_fields(mallory.get("/login").text)
    answer = browser1.post("/login", {**form, "email": "mallory@example.com", "password": PASSWORD})
    assert answer.status_code == 403
    assert not browser1.is_signed_in


@pytest.mark.parametrize("path", ["/login", "/signup", "/forgot-password", "/verify-email/again"])
def test_a_form_that_is_too_old_comes_again_and_can_be_sent(browser1, path):
    answer = browser1.post(path, FIELDS)
    assert answer.status_code == 403
    assert f'action="{path}" data-keep=' in answer.text
    fields = {"name": "Bob", "email": "bob@example.com", "password": "lilac engine 49 quarry"}
    again = browser1.post(path, {**hidden_fields(answer.text), **fields})
    assert "too old" not in again.text


def test_the_old_sign_in_page_of_a_browser_that_is_signed_in_leads_home(accounts, browser1):
    old = hidden_fields(browser1.get("/login").text)
    browser1.sign_in()
    sessions = accounts.session_rows()
    answer = browser1.post("/login", {**FIELDS, **old})
    assert (answer.status_code, answer.location) == (303, "/")
    assert accounts.session_rows() == sessions


def test_a_clients_request_by_post_needs_no_token_of_ours(browser1):
    answer = browser1.post("/authorize", REQUEST, headers={"Origin": "http://127.0.0.1:5002"})
    assert answer.status_code == 303
    assert answer.location.startswith("/authorize?continue=")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/", "/login", "/logout"])
def test_other_methods_are_refused_and_the_good_ones_named(browser1, path, method):
    answer = browser1.client.open(path, base_url="http://localhost:5001", method=method)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_looking_only_signs_nobody_out(browser1):
    browser1.sign_in()
    browser1.client.head("/logout", base_url="http://localhost:5001")
    browser1.get("/logout?csrf_token=x")
    assert browser1.is_signed_in
