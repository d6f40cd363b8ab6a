"""What is particular to form_post: the token comes in a body, and passes SERVER2 twice."""

import re
from urllib.parse import urlencode

import pytest

from flask_handoff.keys import new_key
from tests.end_to_end.conftest import watched_pair
from tests.end_to_end.journey import EMAIL, Browser, action_of, fields_of, parameters_of


@pytest.fixture
def pair(form_post_pair):
    return form_post_pair


@pytest.fixture
def posting(signed_in):
    """SERVER1's page that posts the token on."""
    return signed_in.get(signed_in.begin("/session").headers["Location"])


@pytest.fixture
def posting_again(signed_in, posting):
    """SERVER2's page that posts the same fields to itself."""
    return signed_in.post_on(posting)


def test_the_token_is_in_no_url(posting, posting_again, signed_in, pair):
    arrived = signed_in.post_on(posting_again)
    assert arrived.status_code == 200
    assert 'content="0; url=/session"' in arrived.text
    for page in (posting, posting_again, arrived):
        assert fields_of(posting)["id_token"] not in page.url
    assert action_of(posting) == f"{pair.server2.base_url}/sso/callback"
    assert action_of(posting_again) == "/sso/finish"


@pytest.mark.parametrize("page", ["posting", "posting_again"])
def test_no_page_on_the_way_is_kept_by_the_browser(request, page):
    headers = request.getfixturevalue(page).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("page", ["posting", "posting_again"])
def test_a_page_on_the_way_may_post_to_one_place_and_run_one_script(request, page):
    answer = request.getfixturevalue(page)
    leads_to = action_of(answer)
    origin = "'self'" if leads_to.startswith("/") else leads_to.removesuffix("/sso/callback")
    policy = answer.headers["Content-Security-Policy"]
    assert re.match(r"default-src 'none'; style-src 'sha256-[^' ]+'; script-src 'nonce-", policy)
    assert policy.endswith(f"form-action {origin}")


def test_the_first_post_decides_nothing_and_needs_no_cookie(posting, signed_in, new_browser):
    # SERVER1's post is cross-site, so the browser leaves the Lax cookies at home.
    for _ in range(2):
        page = new_browser().post_on(posting)
        assert (page.status_code, "Set-Cookie" in page.headers) == (200, False)
    assert signed_in.post_on(signed_in.post_on(posting)).status_code == 200


def test_the_verdict_needs_the_cookie_of_the_attempt(posting_again, signed_in, new_browser):
    victim = new_browser()
    assert victim.post_on(posting_again).status_code == 403
    assert not victim.cookies("s2_session")
    assert signed_in.post_on(posting_again).status_code == 403, "the token is burnt"


def test_a_second_landing_is_harmless(posting_again, signed_in):
    signed_in.post_on(posting_again)
    session = signed_in.cookies("s2_session")
    again = signed_in.post_on(posting_again)
    assert again.status_code == 200
    assert 'content="0; url=/session"' in again.text
    assert signed_in.cookies("s2_session") == session


def test_a_token_in_a_url_is_not_taken_where_form_post_was_asked_for(posting, signed_in):
    fields = urlencode(fields_of(posting))
    assert signed_in.get(f"{signed_in.server2}/sso/callback?{fields}").status_code == 400
    assert signed_in.get(f"{signed_in.server2}/sso/finish?{fields}").status_code == 405
    assert signed_in.post_on(signed_in.post_on(posting)).status_code == 200, "and nothing is spent"


def test_a_field_that_is_posted_on_is_escaped(signed_in):
    fields = {"error": '"><script>hostile</script>', "state": "x" * 22, "iss": "'<&>\""}
    page = signed_in.post(f"{signed_in.server2}/sso/callback", fields)
    assert page.status_code == 200
    assert "<script>hostile" not in page.text
    assert fields_of(page) == fields


def test_outside_of_demo_mode_it_is_how_the_two_servers_speak_without_any_setting(tmp_path):
    new_key(tmp_path / "server1" / "keys")
    settings = {
        "server1": {"SERVER1_DEMO": "0", "DEMO_PASSWORD": ""},
        "server2": {"SERVER2_DEMO": "0"},
    }
    with (
        watched_pair(tmp_path, **settings) as pair,
        Browser(pair.server1.base_url, pair.server2.base_url) as browser,
    ):
        pair.server1.flask("users", "create", EMAIL, "--password-stdin")
        login = browser.arrive("/session")
        assert browser.sign_in(pair.password, login).url == f"{pair.server2.base_url}/session"
        begun = browser.begin().headers["Location"]
        assert parameters_of(begun)["response_mode"] == "form_post"
        # Nobody can have the token put into an address instead.
        in_a_query = browser.get(begun.replace("=form_post", "=query"))
        assert (in_a_query.status_code, "Location" in in_a_query.headers) == (400, False)
