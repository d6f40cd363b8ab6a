import logging
from datetime import timedelta

import pytest

from flask_handoff import HandoffReceiver, JWKSClient, PinnedKeys
from flask_handoff.errors import (
    ConfigurationError,
)
from tests.minimal_pair import (
    CALLBACK,
    ISSUER,
    RECEIVER,
    Browser,
    is_signed_in,
    is_uniform_refusal,
    query_of,
    receiver_app,
    with_query,
)
from tests.token_texts import JWT
from tests.token_trial import TokenTrial

GOOD = {"id_token": "a.b.c", "state": "s" * 43, "iss": ISSUER}


# Where the browser lands.


def test_a_strict_session_lands_by_a_page_of_its_own(build_issuer, build_receiver):
    browser = Browser(build_issuer(), build_receiver(HANDOFF_LANDING="refresh"))
    browser.sign_in()
    answer = browser.arrive("/notes?a=1&b='2'")
    assert answer.status_code == 200
    assert 'content="0; url=/notes?a=1&amp;b=&#39;2&#39;"' in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Cache-Control"] == "no-store"
    assert is_signed_in(browser)
    assert browser.attempts() == {}


# Headers, pages, log.


PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def private_headers(answer):
    return {name: answer.headers.get(name) for name in PRIVATE}


def test_every_answer_on_the_way_is_kept_out_of_caches_and_referrers(travellers):
    browser, _ = travellers
    begun = browser.get(f"{RECEIVER}/sso/login")
    answer = browser.get(begun.location)
    landed = browser.follow(answer)
    refused = browser.get(CALLBACK)
    for each in (begun, answer, landed, refused):
        assert private_headers(each) == PRIVATE


def test_a_page_that_refuses_allows_no_script_from_elsewhere_and_no_frame(browser):
    policy = browser.get(CALLBACK).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy


def test_a_page_that_refuses_shows_the_reference_that_the_log_has(browser, caplog):
    with caplog.at_level(logging.WARNING, logger="flask_handoff"):
        answer = browser.get(CALLBACK)
    [record] = caplog.records
    reference = record.getMessage().rpartition("request_id=")[2]
    assert len(reference) == 16
    assert f"Reference: {reference}" in answer.text


def test_every_fault_of_a_token_looks_the_same_to_the_browser(browser, clock):
    def page(answer):
        return answer.text.partition("Reference")[0].replace("?target_link_uri=/x", "")

    wrong_issuer = browser.get(with_query(browser.come_back("/x").location, iss="x"))
    malformed = browser.get(with_query(browser.come_back("/x").location, id_token="a.b.c"))
    unknown = browser.get(CALLBACK, query_string=GOOD)
    late = browser.come_back("/x")
    clock.tick(seconds=100)
    assert (
        len({page(one) for one in (wrong_issuer, malformed, unknown, browser.get(late.location))})
        == 1
    )


def test_no_token_and_no_cookie_is_ever_logged(travellers, clock, caplog):
    browser, _ = travellers
    with caplog.at_level(logging.DEBUG):
        good, late = browser.come_back("/notes"), browser.come_back("/late")
        cookies = [*browser.cookies().values()]
        browser.follow(good)
        clock.tick(seconds=100)
        browser.follow(late)
        browser.get(CALLBACK, query_string={**GOOD, "id_token": "secret.secret.secret"})
    logged = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    assert "code=token_expired" in logged
    assert not JWT.search(logged)
    assert "secret" not in logged
    assert not any(cookie in logged for cookie in cookies)


def test_the_log_says_which_check_failed(browser, caplog, clock):
    answer = browser.come_back("/notes")
    clock.tick(seconds=100)
    with caplog.at_level(logging.WARNING, logger="flask_handoff"):
        browser.get(answer.location)
    assert "code=token_expired" in caplog.text
    assert "claim=exp" in caplog.text


def test_an_application_may_bring_its_own_page(build_receiver, tmp_path, key_ring, store, clock):
    (tmp_path / "templates" / "handoff").mkdir(parents=True)
    (tmp_path / "templates" / "handoff" / "rejected.html").write_text(
        "ours {{ status }} {{ title }}"
    )
    receiver = build_receiver()
    receiver.root_path = str(tmp_path)
    answer = Browser.at_receiver(receiver).get(CALLBACK)
    assert answer.text == "ours 400 This request is not complete"


# Over https.


def test_over_https_the_attempt_s_cookie_is_secure_and_of_this_host_only(build_receiver):
    base = "https://notes.example.com"
    client = build_receiver(HANDOFF_BASE_URL=base).test_client()
    cookie = client.get("/sso/login", base_url=base).headers["Set-Cookie"]
    assert cookie.startswith("__Host-handoff_tx_")
    assert "; Secure; HttpOnly; Path=/; SameSite=Lax" in cookie
    assert "Domain" not in cookie


def test_over_plain_http_the_attempt_s_cookie_is_kept_from_scripts_and_other_sites(browser):
    cookie = browser.get(f"{RECEIVER}/sso/login").headers["Set-Cookie"]
    assert cookie.startswith("handoff_tx_")
    assert "; Max-Age=600; HttpOnly; Path=/; SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_over_https_a_cookie_without_the_prefix_is_not_read(build_issuer, key_ring, store, clock):
    base = "https://notes.example.com"
    app = receiver_app(key_ring, store, clock, HANDOFF_BASE_URL=base)
    client = app.test_client()
    begun = client.get("/sso/login", base_url=base)
    name, _, value = begun.headers["Set-Cookie"].partition(";")[0].partition("=")
    asked = query_of(begun.location)
    draft = TokenTrial(key_ring, clock).draft()
    draft.payload.update(iss=ISSUER, aud="notes", nonce=asked["nonce"])
    query = {"id_token": draft.signed(), "state": asked["state"], "iss": ISSUER}
    without_prefix = f"{name.removeprefix('__Host-')}={value}"
    answer = app.test_client().get(
        "/sso/callback", query_string=query, base_url=base, headers={"Cookie": without_prefix}
    )
    assert is_uniform_refusal(answer)


# Several applications, links, settings.


def test_two_receivers_in_one_process_do_not_share_their_settings(
    key_ring, store, clock, build_issuer
):
    one = receiver_app(key_ring, store, clock, HANDOFF_CLIENT_ID="one")
    another = receiver_app(
        key_ring, store, clock, HANDOFF_CLIENT_ID="another", HANDOFF_ATTEMPT_COOKIE="tx_"
    )
    for app, client_id, prefix in ((one, "one", "handoff_tx_"), (another, "another", "tx_")):
        browser = Browser.at_receiver(app)
        assert query_of(browser.begin())["client_id"] == client_id
        assert len(browser.attempts(prefix)) == 1


@pytest.mark.parametrize(
    ("asked", "url"),
    [
        ({}, "/sso/login"),
        ({"target": "/notes?a=1&b=2"}, "/sso/login?target_link_uri=%2Fnotes%3Fa%3D1%26b%3D2"),
        ({"prompt": "login"}, "/sso/login?prompt=login"),
        ({"max_age": timedelta(minutes=5)}, "/sso/login?max_age=300"),
        ({"max_age": timedelta(0)}, "/sso/login?max_age=0"),
    ],
)
def test_a_link_begins_a_handoff(receiver, asked, url):
    with receiver.test_request_context(base_url=RECEIVER):
        assert receiver.extensions["handoff"].login_url(**asked) == url


def test_keys_are_fetched_from_the_issuer_unless_others_are_given(build_receiver):
    app = build_receiver(keys=None)
    keys = app.extensions["handoff_receiver"].verifier.keys
    assert isinstance(keys, JWKSClient)
    keys.close()


def test_the_issuer_s_clock_is_not_known_from_keys_at_hand(receiver):
    with receiver.app_context():
        assert receiver.extensions["handoff"].clock_difference() is None


def test_the_issuer_s_clock_is_not_known_before_its_keys_are_fetched(build_receiver):
    app = build_receiver(keys=None)
    with app.app_context():
        assert app.extensions["handoff"].clock_difference() is None
    app.extensions["handoff_receiver"].verifier.keys.close()


def test_keys_may_be_pinned_in_a_file(build_receiver, key_ring, tmp_path):
    (tmp_path / "keys.json").write_bytes(key_ring.jwks_json)
    app = build_receiver(keys=None, HANDOFF_PINNED_KEYS=tmp_path / "keys.json")
    assert isinstance(app.extensions["handoff_receiver"].verifier.keys, PinnedKeys)


def test_a_receiver_does_not_start_with_a_wrong_setting(build_receiver):
    with pytest.raises(ConfigurationError, match="HANDOFF_RESPONSE_MODE: 'fragment'"):
        build_receiver(HANDOFF_RESPONSE_MODE="fragment")


def test_a_receiver_has_no_store_by_default():
    with pytest.raises(TypeError, match="replay_store"):
        HandoffReceiver(sign_in=str, live_session=lambda: None).init_app(None)  # type: ignore[call-arg]
