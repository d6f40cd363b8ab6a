import hashlib
import html
import re

import pytest

from tests.minimal_pair import (
    CALLBACK,
    ISSUER,
    RECEIVER,
    Browser,
    Form,
    is_signed_in,
    is_uniform_refusal,
    landed_at,
    query_of,
    with_query,
)

ATTEMPT_SECONDS = 600


# The whole way.


def test_who_is_signed_in_at_server1_arrives_signed_in_at_server2(travellers):
    browser, _ = travellers
    answer = browser.arrive("/notes?page=2")
    assert landed_at(answer) == "/notes?page=2"
    assert browser.get(f"{RECEIVER}/me").text == "ada"


def test_what_the_application_is_told_of_an_arrival(travellers, clock):
    browser, heard = travellers
    answer = browser.come_back("/notes")
    browser.follow(answer)
    [(event, told)] = heard.events
    assert (event, told["handle"], len(told["request_id"])) == ("accepted", "session-1", 16)
    claims = told["claims"]
    assert (claims.issuer, claims.subject, claims.audience) == (ISSUER, "ada", "notes")
    assert (claims.name, claims.email, claims.email_verified) == ("Ada", "ada@example.com", True)
    assert claims.scope == {"openid", "profile", "email"}
    assert claims.auth_time == clock()


def test_the_session_can_tell_the_token_that_opened_it_again(browser, receiver):
    answer = browser.come_back("/notes")
    browser.follow(answer)
    token = query_of(answer.location)["id_token"]
    [arrival] = receiver.extensions["sessions"].values()
    assert arrival.token_sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert arrival.target == "/notes"


def test_the_way_through_the_sign_in_page_ends_where_it_was_to_end(pair):
    browser = Browser(*pair)
    to_sign_in = browser.come_back("/notes?page=2")
    assert to_sign_in.location.startswith("/login?continue=")
    resumed = browser.sign_in(**query_of(to_sign_in.location))
    assert landed_at(browser.follow(browser.get(ISSUER + resumed.location))) == "/notes?page=2"


def test_the_attempt_s_cookie_is_deleted_when_it_is_used(travellers):
    browser, _ = travellers
    browser.begin()
    browser.arrive("/notes")
    assert len(browser.attempts()) == 1, "the one that was never finished"


def test_several_tabs_finish_in_any_order_each_at_its_own_target(travellers):
    browser, _ = travellers
    answers = {target: browser.come_back(target) for target in ("/a", "/b", "/c")}
    for target in ("/b", "/c", "/a"):
        assert landed_at(browser.follow(answers[target])) == target


def test_another_person_in_the_same_browser_is_another_arrival(browser, receiver):
    browser.arrive()
    browser.sign_in("grace")
    browser.arrive()
    assert browser.get(f"{RECEIVER}/me").text == "grace"
    assert len(receiver.extensions["sessions"]) == 1


def test_a_post_from_another_site_is_posted_on_by_a_page_of_our_own(build_issuer, build_receiver):
    browser = Browser(build_issuer(), build_receiver(HANDOFF_RESPONSE_MODE="form_post"))
    browser.sign_in()
    from_issuer = Form(browser.come_back("/notes").text)
    assert from_issuer.action == CALLBACK
    page = browser.post(CALLBACK, from_issuer.fields, sends_cookies=False)
    assert page.status_code == 200
    assert (Form(page.text).action, Form(page.text).fields) == ("/sso/finish", from_issuer.fields)
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]


# Landing twice.


def test_landing_twice_is_harmless(travellers):
    browser, heard = travellers
    answer = browser.come_back("/notes")
    browser.follow(answer)
    again = browser.follow(answer)
    assert landed_at(again) == "/notes"
    assert [event for event, _ in heard.events] == ["accepted"]


def test_landing_twice_is_harmless_however_old_the_token_is(travellers, clock):
    browser, _ = travellers
    answer = browser.come_back("/notes")
    browser.follow(answer)
    clock.tick(hours=3)
    assert landed_at(browser.follow(answer)) == "/notes"


def test_landing_again_after_the_session_s_end_is_refused(browser, receiver, heard):
    answer = browser.come_back("/notes")
    browser.follow(answer)
    receiver.extensions["sessions"].clear()
    assert is_uniform_refusal(browser.follow(answer))
    assert heard.errors() == ["token_replayed"]


def test_another_token_does_not_land_in_a_session_it_did_not_open(browser, heard):
    browser.arrive("/notes")
    answer = browser.come_back("/elsewhere")
    stray = browser.another()
    assert is_uniform_refusal(stray.follow(answer))
    assert heard.errors() == ["attempt_unknown"]


def test_a_token_whose_attempt_is_gone_is_spent_and_its_user_goes_on(travellers, store):
    browser, heard = travellers
    late = browser.come_back("/late")
    browser.begin()
    for name in browser.attempts():
        browser.plant(name, "", max_age=0)
    browser.arrive("/notes")
    session_cookie = browser.cookies()["session"]
    assert landed_at(browser.follow(late)) == "/"
    assert browser.cookies()["session"] == session_cookie
    assert heard.errors() == ["attempt_unknown"]
    assert len(store.claimed) == 2
    assert is_uniform_refusal(browser.follow(late)), "it is spent"


def test_a_token_of_another_account_does_not_go_on_in_a_session(browser, heard):
    late = browser.come_back("/late")
    for name in browser.attempts():
        browser.plant(name, "", max_age=0)
    browser.sign_in("grace")
    browser.arrive("/notes")
    assert is_uniform_refusal(browser.follow(late))
    assert heard.errors() == ["attempt_unknown"]


def test_a_token_that_is_not_genuine_does_not_go_on_in_a_session(browser, heard):
    browser.arrive("/notes")
    forged = with_query(browser.come_back("/x").location, state="s" * 43, id_token="a.b.c")
    assert is_uniform_refusal(browser.get(forged))


# Another browser, another attempt.


def test_a_token_in_another_browser_is_refused_and_burnt(travellers):
    browser, heard = travellers
    answer = browser.come_back("/notes")
    other = browser.another()
    assert is_uniform_refusal(other.follow(answer))
    assert not is_signed_in(other)
    assert is_uniform_refusal(browser.follow(answer))
    assert not is_signed_in(browser)
    assert heard.errors() == ["attempt_unknown", "token_replayed"]


def test_a_token_with_the_state_of_another_attempt_is_refused_and_burnt(browser, heard):
    one, another = browser.come_back("/one"), browser.come_back("/another")
    mixed = with_query(one.location, state=query_of(another.location)["state"])
    assert is_uniform_refusal(browser.get(mixed))
    assert is_uniform_refusal(browser.get(one.location))
    assert heard.errors() == ["token_claim", "token_replayed"]


def test_the_attacker_s_own_token_signs_the_victim_in_nowhere(issuer, receiver):
    attacker, victim = Browser(issuer, receiver), Browser(issuer, receiver)
    attacker.sign_in("mallory")
    victim.begin("/notes")
    assert is_uniform_refusal(victim.follow(attacker.come_back("/notes")))
    assert not is_signed_in(victim)


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.replace(".", "x.", 1)[1:],
        lambda value: value[: value.rindex(".") + 1] + "L2V2aWw",
        lambda value: value.replace(".1767268800000000.", ".1767268800000001."),
        lambda value: f"{value}.0",
    ],
    ids=["other random value", "other target", "later start", "any age of the sign-in"],
)
def test_an_attempt_s_cookie_that_was_changed_is_worth_nothing(browser, heard, change):
    answer = browser.come_back("/notes")
    [(name, value)] = browser.attempts().items()
    assert change(value) != value
    browser.plant(name, change(value))
    assert is_uniform_refusal(browser.get(answer.location))
    assert heard.errors() == ["token_claim"]


@pytest.mark.parametrize(
    "planted",
    [
        *("{name}=mine; {name}={value}", "{name}={value}; {name}=mine"),
        *("{name}={value}; {name} =mine", "{name} ={value}", "{name}\t={value}", "{name}"),
    ],
)
def test_a_cookie_that_may_be_planted_is_not_believed(browser, heard, planted):
    answer = browser.come_back("/notes")
    [(name, value)] = browser.attempts().items()
    headers = {"Cookie": planted.format(name=name, value=value)}
    assert is_uniform_refusal(browser.get(answer.location, headers=headers, sends_cookies=False))
    assert heard.errors() == ["attempt_unknown"]


def test_other_cookies_do_not_matter(browser):
    answer = browser.come_back("/notes")
    [(name, value)] = browser.attempts().items()
    cookie = f'a=1; {name}={value}; b="x; y"; {name}x=2'
    landed = browser.get(answer.location, headers={"Cookie": cookie}, sends_cookies=False)
    assert landed.location == "/notes"


def test_the_attempt_is_deleted_when_its_token_is_refused(browser, clock):
    answer = browser.come_back("/notes")
    clock.tick(seconds=65)
    refusal = browser.get(answer.location)
    assert is_uniform_refusal(refusal)
    assert 'href="/sso/login?target_link_uri=/notes"' in refusal.text
    assert browser.attempts() == {}


# Time.


def test_an_attempt_may_take_ten_minutes(travellers, clock):
    browser, heard = travellers
    begun = browser.begin("/notes")
    clock.tick(seconds=ATTEMPT_SECONDS - 1)
    assert landed_at(browser.follow(browser.get(begun))) == "/notes"
    assert heard.errors() == []


def test_an_attempt_ends_after_ten_minutes_by_the_server_s_clock(travellers, clock):
    browser, heard = travellers
    begun = browser.begin("/notes")
    clock.tick(seconds=ATTEMPT_SECONDS)
    assert is_uniform_refusal(browser.follow(browser.get(begun)))
    assert heard.errors() == ["attempt_unknown"]


def test_a_token_that_waited_too_long_is_refused(travellers, clock):
    browser, heard = travellers
    answer = browser.come_back("/notes")
    clock.tick(seconds=65)
    assert is_uniform_refusal(browser.follow(answer))
    assert heard.errors() == ["token_expired"]


# A sign-in that has to be fresh.


def test_who_is_asked_to_sign_in_again_and_does_arrives(travellers, clock):
    browser, _ = travellers
    clock.tick(minutes=1)
    to_sign_in = browser.come_back("/notes", prompt="login")
    clock.tick(seconds=9)
    resumed = browser.sign_in(**query_of(to_sign_in.location))
    assert landed_at(browser.follow(browser.get(ISSUER + resumed.location))) == "/notes"


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "60"}])
def test_an_old_sign_in_does_not_pass_for_a_fresh_one(browser, heard, clock, asked):
    clock.tick(minutes=5)
    begun = browser.begin("/notes", **asked)
    # Somebody takes the wish out on the way; nonce and state stay.
    answer = browser.get(with_query(begun, prompt=None, max_age=None))
    assert is_uniform_refusal(browser.get(answer.location))
    [(_, told)] = heard.events
    assert (told["error"].code, told["error"].claim) == ("token_claim", "auth_time")


def test_a_sign_in_that_is_young_enough_is_not_asked_for_again(travellers, clock):
    browser, _ = travellers
    clock.tick(seconds=60)
    assert landed_at(browser.arrive("/notes", max_age="60")) == "/notes"


def test_the_receiver_may_want_young_sign_ins_always(build_issuer, build_receiver, clock):
    browser = Browser(build_issuer(), build_receiver(HANDOFF_MAX_AGE="60"))
    browser.sign_in()
    clock.tick(seconds=61)
    assert query_of(browser.begin())["max_age"] == "60"
    assert browser.come_back().location.startswith("/login?")


def test_who_takes_too_long_to_sign_in_is_led_back_to_where_they_were_going(pair, clock):
    browser = Browser(*pair)
    to_sign_in = browser.come_back("/notes?page=2")
    clock.tick(seconds=ATTEMPT_SECONDS)
    resumed = browser.sign_in(**query_of(to_sign_in.location))
    too_late = browser.get(ISSUER + resumed.location)
    assert (too_late.status_code, "Continue to Notes" in too_late.text) == (400, True)
    [again] = re.findall(r'href="(http[^"]+)"', too_late.text)
    begun = browser.get(html.unescape(again))
    assert landed_at(browser.follow(browser.get(begun.location))) == "/notes?page=2"
