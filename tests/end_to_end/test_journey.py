import pytest

from tests.end_to_end.journey import EMAIL, fields_of, parameters_of


@pytest.fixture(params=["query_pair", "form_post_pair"])
def pair(request):
    return request.getfixturevalue(request.param)


def test_who_signs_in_at_server1_arrives_at_server2_signed_in(pair, browser):
    home = browser.sign_in(pair.password)
    assert home.url == f"{pair.server1.base_url}/"
    notes = browser.follow(browser.get(f"{pair.server2.base_url}/sso/login"))
    assert (notes.status_code, notes.url) == (200, f"{pair.server2.base_url}/notes")
    assert "Signed in as" in notes.text


def test_the_card_at_server1_leads_to_the_notes(pair, browser):
    home = browser.sign_in(pair.password)
    link = f"{pair.server2.base_url}/sso/login?iss="
    assert f'href="{link}' in home.text
    (address,) = [part.split('"')[0] for part in home.text.split('href="') if part.startswith(link)]
    assert browser.follow(browser.get(address)).url == f"{pair.server2.base_url}/notes"


def test_who_comes_to_server2_first_signs_in_once_and_can_work(pair, browser):
    login = browser.arrive()
    assert login.url.startswith(f"{pair.server1.base_url}/login?")
    notes = browser.sign_in(pair.password, login)
    assert "Remember the milk" in browser.add_note(notes, "Remember the milk").text


def test_a_deep_link_is_reached_through_the_sign_in(pair, browser):
    deep_link = f"{pair.server2.base_url}/notes?before=7"
    login = browser.follow(browser.get(deep_link))
    assert login.url.startswith(f"{pair.server1.base_url}/login?")
    assert browser.sign_in(pair.password, login).url == deep_link


def test_a_wrong_password_leads_nowhere_and_the_right_one_goes_on(pair, browser):
    login = browser.arrive("/session")
    refused = browser.sign_in("not the password", login)
    assert refused.status_code == 403
    assert browser.sign_in(pair.password, refused).url == f"{pair.server2.base_url}/session"


def test_two_tabs_at_once_each_end_where_they_wanted_to(pair, browser):
    first, second = browser.arrive("/notes?before=5"), browser.arrive("/session")
    assert browser.sign_in(pair.password, second).url.endswith("/session")
    assert browser.sign_in(pair.password, first).url.endswith("/notes?before=5")


def test_the_second_handoff_asks_for_no_password(pair, signed_in):
    signed_in.arrive()
    assert signed_in.arrive("/session").url == f"{pair.server2.base_url}/session"


def test_signing_out_at_server2_ends_that_session_alone(pair, signed_in):
    notes = signed_in.arrive()
    held = signed_in.cookies("s2_session")
    signed_in.post(f"{pair.server2.base_url}/logout", fields_of(notes))
    signed_in.take_cookies(held)
    assert signed_in.get(f"{pair.server2.base_url}/notes").status_code == 303
    assert EMAIL in signed_in.get(f"{pair.server1.base_url}/").text
    assert signed_in.arrive().status_code == 200


def test_the_attempt_is_gone_after_the_arrival(pair, signed_in):
    signed_in.begin()
    assert len(signed_in.cookies("s2_tx_")) == 1
    signed_in.arrive()
    assert len(signed_in.cookies("s2_tx_")) == 1


def test_prompt_none_asks_for_nothing_and_says_who_has_to(pair, browser):
    answer = browser.arrive(prompt="none")
    assert answer.status_code == 200
    assert answer.url.startswith(f"{pair.server2.base_url}/signed-out?")
    assert "SERVER1 did not confirm it" in answer.text
    assert not browser.cookies("s2_tx_")


def test_prompt_none_arrives_where_somebody_is_signed_in(pair, signed_in):
    assert signed_in.arrive(prompt="none").url == f"{pair.server2.base_url}/notes"


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}])
def test_a_fresh_sign_in_can_be_asked_for(pair, signed_in, asked):
    login = signed_in.arrive("/session", **asked)
    assert login.url.startswith(f"{pair.server1.base_url}/login?")
    assert 'name="password"' in login.text
    assert signed_in.sign_in(pair.password, login).url == f"{pair.server2.base_url}/session"


def test_a_long_max_age_is_content_with_the_sign_in_of_before(pair, signed_in):
    assert signed_in.arrive(max_age="3600").url == f"{pair.server2.base_url}/notes"


def test_the_request_names_its_mode_and_carries_nothing_about_the_person(pair, signed_in):
    asked = parameters_of(signed_in.begin("/notes?before=99").headers["Location"])
    assert asked["response_mode"] == pair.server2.environment.get("HANDOFF_RESPONSE_MODE", "query")
    assert asked.pop("target_link_uri") == "/notes?before=99"
    assert asked.keys() == {
        *("client_id", "redirect_uri", "response_type", "response_mode"),
        *("scope", "state", "nonce"),
    }


def test_readiness_tells_how_far_the_clocks_are_apart(pair, browser):
    browser.arrive()
    ready = browser.get(f"{pair.server2.base_url}/readyz")
    assert ready.status_code == 200
    # A Date leaves up to a second out, and is from either end of a fetch, which takes 5 s at most.
    assert abs(ready.json()["clock_difference_seconds"]) < 1 + 5 / 2
