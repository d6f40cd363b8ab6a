"""SERVER2's session cookie is SameSite=Strict, which no redirect from SERVER1 carries."""

import pytest

from tests.end_to_end.conftest import watched_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with watched_pair(
        tmp_path_factory.mktemp("strict"), server2={"SERVER2_SESSION_SAMESITE": "Strict"}
    ) as pair:
        yield pair


def test_the_callback_answers_with_a_page_that_goes_on_by_itself(signed_in):
    answer = signed_in.get(signed_in.callback_url("/session"))
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/session">' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "SameSite=Strict" in answer.headers["Set-Cookie"]
    assert "id_token" not in answer.text


def test_the_journey_ends_on_the_notes(pair, browser):
    notes = browser.sign_in(pair.password, browser.arrive())
    assert (notes.status_code, notes.url) == (200, f"{pair.server2.base_url}/notes")


def test_a_second_landing_goes_on_as_well(pair, signed_in):
    callback = signed_in.callback_url("/session")
    signed_in.get(callback)
    assert signed_in.follow(signed_in.get(callback)).url == f"{pair.server2.base_url}/session"
