"""Web applications on other people's libraries, at their defaults: SERVER1 signs their users in."""

import pytest

from tests.end_to_end.journey import EMAIL
from tests.strangers.browsing import go_until

NAMELESS = {"flask_oidc", "mozilla_django_oidc"}  # by default they ask for no profile


def begin(browser, stranger):
    """Begin at the stranger, and return its answer."""
    answer = browser.get(stranger.base_url + stranger.entry)
    # Some show a page with a button first.
    return browser.post_on(answer) if "<form" in answer.text else answer


def arrive(browser, stranger):
    """Begin at the stranger, sign in and agree, and return the page where this ends."""
    link = go_until(browser, begin(browser, stranger), stranger.redirect_uri)
    return browser.follow(browser.get(link))


def test_a_relying_party_shows_who_signed_in(relying_party, browser):
    page = arrive(browser, relying_party)
    assert page.url == f"{relying_party.base_url}/"
    about = page.json().get("user", page.json())
    assert about["email"] == EMAIL
    assert relying_party.name in NAMELESS or about["name"] == "Ada"


def test_who_has_agreed_is_asked_nothing_again(relying_party, browser):
    arrive(browser, relying_party)
    browser.http.cookies.clear(domain="127.0.0.1")  # of the stranger
    page = browser.follow(begin(browser, relying_party))
    assert page.url == f"{relying_party.base_url}/"
    assert EMAIL in page.text


@pytest.mark.parametrize("relying_party", ["express_openid_connect"], indirect=True)
def test_who_signs_out_at_a_relying_party_is_signed_out_at_server1(relying_party, browser, server1):
    arrive(browser, relying_party)
    end = browser.follow(browser.get(f"{relying_party.base_url}/logout"))
    assert end.url == f"{relying_party.base_url}/"
    assert EMAIL not in end.text
    leads = browser.get(f"{server1.base_url}/account").headers["Location"]
    assert leads == "/login?next=/account"


def test_the_link_of_another_browser_signs_nobody_in(relying_party, new_browser):
    sender, receiver = new_browser(), new_browser()
    link = go_until(sender, begin(sender, relying_party), relying_party.redirect_uri)
    receiver.follow(receiver.get(link))
    assert EMAIL not in receiver.get(f"{relying_party.base_url}/").text
