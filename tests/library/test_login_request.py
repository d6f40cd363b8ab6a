from datetime import timedelta

import pytest

from flask_handoff.errors import RequestMalformedError
from flask_handoff.receiver.attempts import Attempt
from flask_handoff.receiver.config import ReceiverConfig
from flask_handoff.receiver.login_request import LoginRequest
from tests.minimal_pair import CALLBACK, ISSUER, RECEIVER, query_of


@pytest.fixture
def read(build_receiver):
    """Reads a request to begin, with the receiver's settings given as ``HANDOFF_…``."""

    def read(**given):
        settings = {name: given.pop(name) for name in list(given) if name.startswith("HANDOFF_")}
        app = build_receiver(**settings)
        with app.app_context():
            unverified = {name: [value] for name, value in given.items()}
            return LoginRequest.read(unverified, ReceiverConfig(app))

    return read


def test_a_handoff_may_begin_without_any_wish(read):
    assert read() == LoginRequest("/", None, None, None, response_mode="query")


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("/notes", "/notes"),
        ("/notes?page=2&x=%20", "/notes?page=2&x=%20"),
        (f"{RECEIVER}/notes", "/notes"),
        (f"{RECEIVER}/notes?a=b", "/notes?a=b"),
        (RECEIVER, "/"),
        (f"{RECEIVER}/", "/"),
        (f"{RECEIVER.upper()}/notes", "/notes"),
        ("/ssomething", "/ssomething"),
        ("/logouts", "/logouts"),
        # What browsers send raw, and what Flask has decoded.
        ("/notes?filter[tag]=work", "/notes?filter%5Btag%5D=work"),
        ("/notes?q=a|b^c`{d}", "/notes?q=a%7Cb%5Ec%60%7Bd%7D"),
        ("/caf\u00e9 1?q=\u00fc", "/caf%C3%A9%201?q=%C3%BC"),
        ("/notes?q=%0A&p=%E9&r=100%", "/notes?q=%0A&p=%E9&r=100%25"),
        ("/notes?q=\r\nSet-Cookie:x", "/notes?q=%0D%0ASet-Cookie:x"),
        (f"{RECEIVER}/caf\u00e9", "/caf%C3%A9"),
        ("/caf%E9?" + "x" * 2039, "/caf%E9?" + "x" * 2039),
        ("/notes#note-5", "/notes"),  # browsers send none: it is lost on the way here
    ],
)
def test_a_page_of_this_site_is_kept_as_a_path(read, target, kept):
    assert read(target_link_uri=target).target == kept


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/sso",
            "/sso/",
            "/sso/login",
            "/sso/callback?x=1",
            "/logout",
            "/logout?x",
            "/logout/all",
        ),
        *("/%73so/login", "/sso%2Flogin", f"{RECEIVER}/sso/login", f"{RECEIVER}/logout"),
        *("https://evil.example.com/", "//evil.example.com", "/\\evil.example.com", "https:evil"),
        *(f"{RECEIVER}.evil.example.com/", f"{RECEIVER}@evil.example.com/", f"{RECEIVER}:80/"),
        *("http://localhost:5001/", "javascript:alert(1)", "/\t/evil.example.com", "notes", "?x"),
        *(
            "/a/../sso/login",
            "/./sso/login",
            "/a//b",
            "/a\r\nSet-Cookie: x=y",
            "/a%E0%80%AE",
            "/\ud800",
        ),
        pytest.param("/" + "x" * 2048, id="too long"),
        pytest.param("/?" + "\u00e4" * 400, id="too long once it is encoded"),
        *("/%00", "///x", "#x"),
    ],
)
def test_another_target_is_replaced_by_the_default_one_and_logged(read, caplog, target):
    assert read(target_link_uri=target, HANDOFF_DEFAULT_TARGET="/home").target == "/home"
    [record] = caplog.records
    assert "code=unsafe_return_to" in record.getMessage()
    assert "evil" not in record.getMessage()


def test_no_target_is_the_default_one_and_nothing_to_log(read, caplog):
    assert read(target_link_uri="", HANDOFF_DEFAULT_TARGET="/home").target == "/home"
    assert caplog.records == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"next": "/notes?page=2"}, "/notes?page=2"),
        ({"next": f"{RECEIVER}/notes"}, "/notes"),
        ({"next": "//evil.example.com"}, "/home"),
        ({"next": "/sso/login"}, "/home"),
        ({"next": "/a", "target_link_uri": "/b"}, "/b"),
        ({"next": "/a", "target_link_uri": "//evil.example.com"}, "/home"),
    ],
)
def test_what_flask_login_calls_next_is_a_target(read, given, kept):
    assert read(**given, HANDOFF_DEFAULT_TARGET="/home").target == kept


def test_the_issuer_may_be_named_and_has_to_be_ours(read):
    assert read(iss=ISSUER)
    for iss in ("https://evil.example.com", f"{ISSUER}/", ISSUER.upper(), " "):
        with pytest.raises(RequestMalformedError, match="iss: not the issuer"):
            read(iss=iss)


@pytest.mark.parametrize("prompt", ["consent", "none login", "LOGIN", "select_account"])
def test_another_prompt_is_refused(read, prompt):
    with pytest.raises(RequestMalformedError, match="prompt"):
        read(prompt=prompt)


@pytest.mark.parametrize("max_age", ["-1", "1.5", "1" * 21, "\u0663", " 1", "x"])
def test_another_age_is_refused(read, max_age):
    with pytest.raises(RequestMalformedError, match="max_age"):
        read(max_age=max_age)


@pytest.mark.parametrize("max_age", ["0", "999999999", "18446744073709551615", "9" * 20])
def test_whatever_age_is_taken_the_attempt_can_be_finished(read, clock, max_age):
    begun = Attempt.begin("/", read(max_age=max_age).max_age, clock())
    finished = Attempt.read(begun.state, begun.value, clock())
    assert finished.authenticated_after == begun.authenticated_after


@pytest.mark.parametrize("login_hint", ["h" * 256, "ada\nx", "\x00", "\u202e"])
def test_a_hint_that_forges_what_stands_beside_it_is_left_out(read, login_hint):
    assert read(login_hint=login_hint) == read()


@pytest.mark.parametrize("login_hint", ["ada@example.com", "ada@example.com\u200b", "\xa0ada"])
def test_a_hint_is_passed_on(read, login_hint):
    assert read(login_hint=login_hint).login_hint == login_hint


@pytest.mark.parametrize(
    ("asked", "setting", "age"),
    [
        ({}, "", None),
        ({}, "60", 60),
        ({"max_age": "30"}, "60", 30),
        ({"max_age": "90"}, "60", 60),
        ({"max_age": "90"}, "", 90),
        ({"prompt": "login"}, "60", 0),
        ({"prompt": "login", "max_age": "90"}, "", 0),
        ({"prompt": "none", "max_age": "0"}, "", 0),
    ],
)
def test_a_link_may_ask_for_a_younger_sign_in_than_the_setting_never_for_an_older(
    read, asked, setting, age
):
    expected = None if age is None else timedelta(seconds=age)
    assert read(**asked, HANDOFF_MAX_AGE=setting).max_age == expected


@pytest.mark.parametrize(
    ("setting", "asked", "mode"),
    [
        ("query", {}, "query"),
        ("query", {"response_mode": "query"}, "query"),
        ("query", {"response_mode": "form_post"}, "form_post"),
        ("form_post", {}, "form_post"),
        ("form_post", {"response_mode": "form_post"}, "form_post"),
    ],
)
def test_a_link_may_ask_for_form_post(read, build_receiver, clock, setting, asked, mode):
    config = ReceiverConfig(build_receiver(HANDOFF_RESPONSE_MODE=setting))
    request = read(**asked, HANDOFF_RESPONSE_MODE=setting)
    url = request.authorization_url(config, Attempt.begin("/", None, clock()))
    assert query_of(url)["response_mode"] == mode


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post query", "web_message"])
def test_no_link_brings_a_token_into_an_address(read, mode):
    with pytest.raises(RequestMalformedError, match="response_mode"):
        read(response_mode=mode, HANDOFF_RESPONSE_MODE="form_post")


def test_the_issuer_is_asked_for_a_token_bound_to_the_attempt(build_receiver, clock):
    config = ReceiverConfig(build_receiver(HANDOFF_SCOPE="openid notes:read"))
    attempt = Attempt.begin("/notes", None, clock())
    request = LoginRequest("/notes", "login", timedelta(0), "ada", "query")
    url = request.authorization_url(config, attempt)
    assert url.startswith(f"{ISSUER}/authorize?")
    assert query_of(url) == {
        "client_id": "notes",
        "redirect_uri": CALLBACK,
        "response_type": "id_token",
        "response_mode": "query",
        "scope": "notes:read openid",
        "state": attempt.state,
        "nonce": attempt.nonce,
        "prompt": "login",
        "max_age": "0",
        "login_hint": "ada",
        "target_link_uri": "/notes",
    }


def test_a_foreign_provider_does_not_learn_the_target(build_receiver, clock):
    config = ReceiverConfig(build_receiver(HANDOFF_POLICY="oidc"))
    url = LoginRequest("/notes", None, None, None, "query").authorization_url(
        config, Attempt.begin("/notes", None, clock())
    )
    assert "target_link_uri" not in query_of(url)


def test_what_was_not_asked_for_is_not_in_the_request(read, build_receiver, clock):
    config = ReceiverConfig(build_receiver())
    url = read().authorization_url(config, Attempt.begin("/", None, clock()))
    assert not {"prompt", "max_age", "login_hint"} & query_of(url).keys()


@pytest.mark.parametrize(
    "name", ["iss", "target_link_uri", "next", "prompt", "max_age", "login_hint", "response_mode"]
)
def test_each_parameter_of_the_request_may_come_once(build_receiver, name):
    config = ReceiverConfig(build_receiver())
    with pytest.raises(RequestMalformedError, match=f"{name}: sent twice"):
        LoginRequest.read({name: ["", ""]}, config)


def test_an_age_is_a_timedelta_and_no_number(receiver):
    with receiver.test_request_context(), pytest.raises(TypeError, match="must be a timedelta"):
        receiver.extensions["handoff"].login_url("/notes", max_age=30)
