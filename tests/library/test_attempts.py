import base64
import hashlib
from datetime import timedelta

import pytest
from flask import Request, Response

from flask_handoff.errors import AttemptUnknownError, RequestMalformedError
from flask_handoff.receiver.attempts import (
    LEAST_DELETED,
    LIFETIME,
    LONGEST_HEAD,
    MOST_ATTEMPTS,
    MOST_CHARACTERS,
    Attempt,
    AttemptCookies,
)


@pytest.fixture
def cookies(clock):
    return AttemptCookies(prefix="tx_", secure=False, clock=clock)


def sends(*pairs):
    """A request of a browser that holds these cookies."""
    header = "; ".join(f"{name}={value}" for name, value in pairs)
    return Request({"HTTP_COOKIE": header} if pairs else {})


def encoded(target):
    return base64.urlsafe_b64encode(target.encode()).rstrip(b"=").decode()


def kept(cookies, request, attempt):
    """Return the cookie that is set, and the names of those that are deleted."""
    response = Response()
    cookies.keep(request, response, attempt)
    headers = response.headers.getlist("Set-Cookie")
    deleted = [one.partition("=")[0] for one in headers if "Max-Age=0" in one]
    [set_cookie] = [one for one in headers if "Max-Age=0" not in one]
    return set_cookie, deleted


def several(cookies, clock, number, target="/", apart=timedelta(seconds=1)):
    """Begin attempts one after another, and return their cookies, the oldest first."""
    pairs = []
    for _ in range(number):
        attempt = Attempt.begin(target, None, clock())
        pairs.append((f"tx_{attempt.state}", attempt.value))
        clock.now += apart
    return pairs


# The value.


@pytest.mark.parametrize("max_age", [None, timedelta(0), timedelta(minutes=5)])
@pytest.mark.parametrize("target", ["/", "/notes?a=b&c=%20", "/" + "x" * 2047])
@pytest.mark.parametrize("silent", [False, True])
def test_an_attempt_is_read_as_it_was_begun(clock, target, max_age, silent):
    begun = Attempt.begin(target, max_age, clock(), silent=silent)
    assert Attempt.read(begun.state, begun.value, clock()) == begun
    assert (begun.target, begun.max_age, begun.started_at) == (target, max_age, clock())
    assert begun.silent is silent


def test_no_two_attempts_are_alike(clock):
    one, another = (Attempt.begin("/", None, clock()) for _ in range(2))
    assert one.state != another.state
    assert one.nonce != another.nonce


def test_state_and_random_value_have_256_bits_each(clock):
    attempt = Attempt.begin("/", None, clock())
    assert len(base64.urlsafe_b64decode(attempt.state + "=")) == 32
    assert len(base64.urlsafe_b64decode(attempt.value.partition(".")[0] + "=")) == 32


def test_the_nonce_is_the_hash_of_the_whole_value(clock):
    attempt = Attempt.begin("/", timedelta(0), clock())
    digest = hashlib.sha256(attempt.value.encode()).digest()
    assert base64.urlsafe_b64decode(attempt.nonce + "=") == digest


@pytest.mark.parametrize(
    ("age", "accepted"),
    [(0, True), (-60, True), (-60.1, False), (599.9, True), (600, False), (10**9, False)],
)
def test_an_attempt_lives_ten_minutes_and_does_not_begin_ahead(clock, age, accepted):
    attempt = Attempt.begin("/", None, clock())
    clock.tick(seconds=age)
    if accepted:
        assert Attempt.read(attempt.state, attempt.value, clock())
    else:
        with pytest.raises(AttemptUnknownError):
            Attempt.read(attempt.state, attempt.value, clock())
    assert attempt.ends_at == attempt.started_at + LIFETIME


RANDOM = "r" * 43
UNREADABLE = {
    "nothing": "",
    "one part": RANDOM,
    "two parts": f"{RANDOM}.1767268800000000",
    "five parts": f"{RANDOM}.1767268800000000.Lw.1.1",
    "random value short": f"{RANDOM[1:]}.1767268800000000.Lw",
    "start in other digits": f"{RANDOM}.١٧٦٧٢٦٨٨٠٠٠٠٠٠٠٠.Lw",
    "start negative": f"{RANDOM}.-1767268800000000.Lw",
    "start endless": f"{RANDOM}.{'1' * 18}.Lw",
    "start in 1970": f"{RANDOM}.0000000000000000.Lw",
    "start in the year 5138": f"{RANDOM}.99999999999999999.Lw",
    "target empty": f"{RANDOM}.1767268800000000.",
    "target no base64url": f"{RANDOM}.1767268800000000.L+8",
    "target of an impossible length": f"{RANDOM}.1767268800000000.Lw8xx",
    "target no text": f"{RANDOM}.1767268800000000._w",
    "target elsewhere": f"{RANDOM}.1767268800000000.{encoded('//evil.example.com')}",
    "target no path": f"{RANDOM}.1767268800000000.{encoded('notes')}",
    "target too long": f"{RANDOM}.1767268800000000.{encoded('/' + 'x' * 2048)}",
    "target endless": f"{RANDOM}.1767268800000000.{'L' * 2732}",
    "age negative": f"{RANDOM}.1767268800000000.Lw.-1",
    "age endless": f"{RANDOM}.1767268800000000.Lw.{'1' * 11}",
    "age empty": f"{RANDOM}.1767268800000000.Lw.",
    "line end": f"{RANDOM}.1767268800000000.Lw\n",
    "not ASCII": f"{RANDOM}.1767268800000000.ß",
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=list(UNREADABLE))
def test_a_value_that_is_not_of_its_form_is_no_attempt(clock, value):
    with pytest.raises(AttemptUnknownError):
        Attempt.read("s" * 43, value, clock())


def test_the_value_in_these_tests_is_of_its_form(clock):
    assert Attempt.read("s" * 43, f"{RANDOM}.1767268800000000.Lw", clock()).target == "/"


@pytest.mark.parametrize(("max_age", "before"), [(None, None), (0, 0), (300, 300)])
def test_a_sign_in_has_to_be_younger_than_was_asked_for_at_the_start(clock, max_age, before):
    age = None if max_age is None else timedelta(seconds=max_age)
    clock.tick(milliseconds=900)
    attempt = Attempt.begin("/", age, clock())
    clock.tick(seconds=30, milliseconds=-900)  # tokens tell whole seconds
    expected = None if before is None else clock() - timedelta(seconds=30 + before)
    assert Attempt.read(attempt.state, attempt.value, clock()).authenticated_after == expected


# The cookie.


def test_a_browser_that_holds_the_cookie_has_the_attempt(cookies, clock):
    attempt = Attempt.begin("/", None, clock())
    request = sends(("a", "b"), (f"tx_{attempt.state}", attempt.value))
    assert cookies.find(request, attempt.state) == attempt


@pytest.mark.parametrize(
    "state", ["", "s" * 21, "s" * 65, "s" * 30 + ".", "s" * 30 + "\n", "s" * 30 + ";", "ß" * 30]
)
def test_a_state_that_is_not_of_its_form_is_never_looked_for(cookies, state):
    with pytest.raises(RequestMalformedError):
        cookies.find(sends(), state)


@pytest.mark.parametrize("held", [[], ["other"], ["tx_"], ["TX_{state}"], ["tx_{state}x"]])
def test_a_browser_without_that_cookie_has_no_attempt(cookies, clock, held):
    attempt = Attempt.begin("/", None, clock())
    pairs = [(name.format(state=attempt.state), attempt.value) for name in held]
    with pytest.raises(AttemptUnknownError, match="0 cookies"):
        cookies.find(sends(*pairs), attempt.state)


@pytest.mark.parametrize("second", ["tx_{state}", "tx_{state} ", " tx_{state}", "tx_{state}\t"])
def test_of_two_cookies_of_one_attempt_none_is_believed(cookies, clock, second):
    attempt = Attempt.begin("/", None, clock())
    own = (f"tx_{attempt.state}", attempt.value)
    planted = (second.format(state=attempt.state), attempt.value)
    for pairs in ([own, planted], [planted, own]):
        with pytest.raises(AttemptUnknownError, match="2 cookies"):
            cookies.find(sends(*pairs), attempt.state)


def test_a_cookie_inside_of_another_ones_quotes_is_not_believed(cookies, clock):
    attempt = Attempt.begin("/", None, clock())
    with pytest.raises(AttemptUnknownError):
        cookies.find(sends(("a", f'"x; tx_{attempt.state}={attempt.value}"')), attempt.state)


def test_the_cookie_lives_as_long_as_the_attempt(cookies, clock):
    attempt = Attempt.begin("/", None, clock())
    set_cookie, _ = kept(cookies, sends(), attempt)
    assert set_cookie.startswith(f"tx_{attempt.state}={attempt.value}; ")
    assert "Max-Age=600; HttpOnly; Path=/; SameSite=Lax" in set_cookie


@pytest.mark.parametrize("secure", [True, False])
def test_a_cookie_is_deleted_with_the_marks_it_was_set_with(clock, secure):
    cookies = AttemptCookies(prefix="tx_", secure=secure, clock=clock)
    attempt, response = Attempt.begin("/", None, clock()), Response()
    cookies.forget(response, attempt)
    [deleted] = response.headers.getlist("Set-Cookie")
    assert deleted.startswith(f"{'__Host-' if secure else ''}tx_{attempt.state}=;")
    assert ("Secure" in deleted) is secure
    assert "Max-Age=0; " in deleted
    assert "HttpOnly; Path=/; SameSite=Lax" in deleted


# Room among the cookies.


def test_eleven_attempts_stay_beside_a_new_one(cookies, clock):
    pairs = several(cookies, clock, 11)
    assert kept(cookies, sends(*pairs), Attempt.begin("/", None, clock()))[1] == []


def test_the_oldest_go_first_when_there_are_more(cookies, clock):
    pairs = several(cookies, clock, MOST_ATTEMPTS + 1)
    _, deleted = kept(cookies, sends(*reversed(pairs)), Attempt.begin("/", None, clock()))
    assert deleted == [name for name, _ in pairs[:2]]


def test_the_oldest_of_one_second_goes_first(cookies, clock):
    pairs = several(cookies, clock, MOST_ATTEMPTS, apart=timedelta(microseconds=1))
    _, deleted = kept(cookies, sends(*reversed(pairs)), Attempt.begin("/", None, clock()))
    assert deleted == [pairs[0][0]]


def test_of_one_instant_the_cookie_that_is_sent_first_goes_first(cookies, clock):
    pairs = several(cookies, clock, MOST_ATTEMPTS, apart=timedelta(0))
    _, deleted = kept(cookies, sends(*pairs), Attempt.begin("/", None, clock()))
    assert deleted == [pairs[0][0]]


def test_the_oldest_go_first_until_all_fit_into_6_kib(cookies, clock):
    pairs = several(cookies, clock, 5, target="/" + "x" * 1023)
    each = len(pairs[0][0]) + len(pairs[0][1])
    stay = MOST_CHARACTERS // each - 1
    new = Attempt.begin("/" + "x" * 1023, None, clock())
    _, deleted = kept(cookies, sends(*pairs), new)
    assert deleted == [name for name, _ in pairs[: 5 - stay]]
    assert 1 < stay < 5


def test_what_is_over_or_cannot_be_read_goes_whatever_room_there_is(cookies, clock):
    [old] = several(cookies, clock, 1)
    clock.tick(minutes=10)
    [young] = several(cookies, clock, 1)
    broken = ("tx_" + "b" * 43, "broken")
    _, deleted = kept(cookies, sends(old, young, broken), Attempt.begin("/", None, clock()))
    assert deleted == [old[0], broken[0]]


def test_what_is_over_does_not_push_out_what_is_alive(cookies, clock):
    old = several(cookies, clock, 5)
    clock.tick(minutes=10)
    young = several(cookies, clock, MOST_ATTEMPTS - 1)
    _, deleted = kept(cookies, sends(*old, *young), Attempt.begin("/", None, clock()))
    assert deleted == [name for name, _ in old]


@pytest.mark.parametrize("target", ["/", "/" + "x" * 2047], ids=["short", "long"])
def test_a_flood_of_planted_cookies_does_not_make_the_answer_s_head_too_long_for_a_proxy(
    cookies, clock, target
):
    planted = [(f"tx_{number:043}", "planted") for number in range(4_000)]
    response = Response()
    cookies.keep(sends(*planted), response, Attempt.begin(target, None, clock()))
    head = response.headers.getlist("Set-Cookie")
    assert len(head) > LEAST_DELETED
    assert sum(map(len, head)) < LONGEST_HEAD + 200


@pytest.mark.parametrize("name", ["s2_session", "tx_short", "tx_", "xtx_{}", "tx_{}.", "tx_{}\xdf"])
def test_cookies_that_are_not_ours_are_left_alone(cookies, clock, name):
    value = Attempt.begin("/", None, clock()).value
    theirs = [(name.format("abcdefghijklm"[number] * 43), value) for number in range(13)]
    assert kept(cookies, sends(*theirs), Attempt.begin("/", None, clock()))[1] == []


def test_over_https_only_the_prefixed_names_are_counted(clock):
    cookies = AttemptCookies(prefix="tx_", secure=True, clock=clock)
    plain = several(cookies, clock, 9)
    prefixed = [(f"__Host-{name}", value) for name, value in several(cookies, clock, 12)]
    _, deleted = kept(cookies, sends(*plain, *prefixed), Attempt.begin("/", None, clock()))
    assert deleted == [prefixed[0][0]]


def test_a_browser_may_begin_a_hundred_handoffs_and_finish_the_last(browser, clock):
    for _ in range(99):
        browser.begin("/notes")
        clock.tick(seconds=1)
    begun = browser.begin("/notes")
    assert len(browser.attempts()) == MOST_ATTEMPTS
    assert browser.follow(browser.get(begun)).location == "/notes"
