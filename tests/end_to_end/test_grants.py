"""What an operator says at SERVER1 with ``flask --app server1 …``, and what people meet then."""

from urllib.parse import urlencode, urljoin

import pytest

from tests.end_to_end.journey import action_of, fields_of, parameters_of
from tests.end_to_end.mailbox import link_mailed_to
from tests.jwks_endpoint import eventually

SECONDS = 60  # a session has ended after a fraction of one; a busy machine takes its time
GRACE = "grace@example.com"


@pytest.fixture(scope="session")
def flask(query_pair):
    query_pair.server1.flask("users", "create", GRACE, "--name", "Grace", "--password-stdin")
    return query_pair.server1.flask


@pytest.fixture
def grace_may(flask):
    """Says what Grace may do at SERVER2; each test that knows her says so first."""
    return lambda *scope: flask("grants", "set", GRACE, "server2", *scope)


def test_who_was_granted_nothing_is_told_so_on_both_sides(grace_may, flask, pair, browser):
    grace_may("--none")
    home = browser.sign_in(pair.password, email=GRACE)
    assert "You have no access to Notes." in home.text
    assert "/sso/login" not in home.text
    denied = browser.arrive("/session")
    assert denied.status_code == 403
    assert denied.url.startswith(f"{pair.server2.base_url}/sso/callback?error=access_denied")
    assert "your account has no access to this service" in denied.text
    assert not browser.cookies("s2_")
    # She may try again when it was granted, but nothing does it for her.
    assert 'href="/sso/login?target_link_uri=/session"' in denied.text
    assert "http-equiv" not in denied.text
    flask("grants", "clear", GRACE, "server2")
    assert browser.arrive("/session").url == f"{pair.server2.base_url}/session"


def test_who_may_only_read_gets_a_page_to_read_and_cannot_write(grace_may, pair, browser):
    grace_may("notes:read")
    home = browser.sign_in(pair.password, email=GRACE)
    assert "read your notes" in home.text
    assert "write notes" not in home.text
    notes = browser.arrive()
    assert notes.status_code == 200
    assert "<textarea" not in notes.text
    page = f"{pair.server2.base_url}/notes"
    sign_out = browser.get(f"{pair.server2.base_url}/logout")
    token = {"csrf_token": fields_of(sign_out)["csrf_token"]}
    assert browser.post(page, {**token, "text": "written all the same"}).status_code == 403
    assert browser.post(f"{page}/1/delete", token).status_code == 403
    assert "written all the same" not in browser.get(page).text


def test_what_was_not_granted_cannot_be_had_by_asking_for_it(grace_may, pair, browser):
    grace_may("notes:read")
    browser.sign_in(pair.password, email=GRACE)
    asked = parameters_of(browser.begin().headers["Location"])
    more = {**asked, "scope": "openid notes:read notes:write admin"}
    answer = browser.get(f"{pair.server1.base_url}/authorize?{urlencode(more)}")
    notes = browser.follow(answer)
    assert notes.status_code == 200
    assert "<textarea" not in notes.text


def test_an_open_page_s_next_click_says_that_access_was_withdrawn(grace_may, pair, browser):
    grace_may("notes:read", "notes:write")
    browser.sign_in(pair.password, email=GRACE)
    page = browser.arrive()
    assert page.status_code == 200
    said = grace_may("--none")
    assert "at Notes end" in said
    eventually(lambda: browser.get(page.url).is_redirect, within=SECONDS)
    denied = browser.follow(browser.get(page.url))
    assert denied.status_code == 403
    assert "your account has no access to this service" in denied.text
    assert browser.get(page.url).is_redirect, "nothing is shown from before"


def test_an_open_page_s_next_click_shows_what_is_granted_now(grace_may, pair, browser):
    grace_may("notes:read", "notes:write")
    browser.sign_in(pair.password, email=GRACE)
    page = browser.arrive()
    assert "<textarea" in page.text
    grace_may("notes:read")
    eventually(lambda: browser.get(page.url).is_redirect, within=SECONDS)
    again = browser.follow(browser.get(page.url))
    assert (again.status_code, again.url) == (200, page.url)
    assert "<textarea" not in again.text


def submit(browser, url, **fields):
    page = browser.get(url)
    fields = {**fields_of(page), **fields}
    assert browser.post(urljoin(page.url, action_of(page)), fields).status_code == 303


def test_an_open_page_s_next_click_shows_the_new_address(flask, pair, browser):
    old, new = "maiden@example.com", "married@example.com"
    flask("users", "create", old, "--password-stdin")
    browser.sign_in(pair.password, email=old)
    page = browser.arrive("/session")
    assert old in page.text
    submit(browser, f"{pair.server1.base_url}/account/email", email=new, password=pair.password)
    submit(browser, link_mailed_to(pair.server1, new, "change-email"))
    eventually(lambda: browser.get(page.url).is_redirect, within=SECONDS)
    again = browser.follow(browser.get(page.url))
    assert (again.url, new in again.text, old in again.text) == (page.url, True, False)


def test_two_people_in_one_browser_see_their_own_notes(grace_may, pair, browser):
    grace_may("profile", "notes:read")
    browser.sign_in(pair.password)
    browser.add_note(browser.arrive(), "A note of Ada alone.")
    notes = browser.sign_in(pair.password, browser.arrive(prompt="login"), email=GRACE)
    assert notes.url == f"{pair.server2.base_url}/notes"
    assert "<bdi>Grace</bdi>" in notes.text
    assert "A note of Ada alone." not in notes.text


def test_who_is_disabled_is_signed_out_and_cannot_come_back(flask, pair, browser):
    email = "alan@example.com"
    flask("users", "create", email, "--password-stdin")
    browser.sign_in(pair.password, email=email)
    assert browser.arrive().status_code == 200
    flask("users", "disable", email)
    login = browser.arrive("/session")
    assert login.url.startswith(f"{pair.server1.base_url}/login?")
    assert browser.sign_in(pair.password, login, email=email).status_code == 403
