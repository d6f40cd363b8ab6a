import base64
import hashlib
import secrets
import sqlite3
import time
from contextlib import closing
from urllib.parse import urlencode

import pytest

from tests.end_to_end.journey import parameters_of
from tests.end_to_end.raw_http import ask, ask_at_once, get_request
from tests.pair import running

AT_ONCE = 50


def refusals(server2):
    """The codes of all refusals so far; the browser is told none of them."""
    return [
        line.split("code=")[1].split()[0]
        for line in server2.log.splitlines()
        if "handoff rejected:" in line
    ]


def last_refusal(server2):
    return refusals(server2)[-1]


def is_signed_in(browser):
    return browser.get(f"{browser.server2}/session").status_code == 200


def callback_of_attempt(browser, *, started_ago=0, target="/notes", max_age=None):
    """Let SERVER1 answer to an attempt that SERVER2 could have begun at another time.

    An attempt is a cookie and nothing else, so a test can plant one of any age.
    """
    asked = parameters_of(browser.begin().headers["Location"])
    encoded = base64.urlsafe_b64encode(target.encode()).decode().rstrip("=")
    started_at = time.time_ns() // 1000 - started_ago * 1_000_000
    parts = [secrets.token_urlsafe(32), str(started_at), encoded]
    value = ".".join(parts if max_age is None else [*parts, str(max_age)])
    nonce = base64.urlsafe_b64encode(hashlib.sha256(value.encode()).digest()).decode().rstrip("=")
    browser.http.cookies.clear(domain="127.0.0.1")
    browser.take_cookies({f"s2_tx_{asked['state']}": value})
    answer = browser.get(f"{browser.server1}/authorize?{urlencode({**asked, 'nonce': nonce})}")
    callback = answer.headers["Location"]
    assert callback.startswith(f"{browser.server2}/sso/callback?id_token=")
    return callback


@pytest.fixture
def signed_in_an_hour_ago(signed_in, pair):
    """A browser that signed in at SERVER1, and what SERVER1 knows about when."""
    with closing(sqlite3.connect(pair.server1.folder / "server1.sqlite3")) as database, database:
        database.execute("UPDATE sessions SET auth_time = datetime(auth_time, '-1 hour')")
    return signed_in


def test_a_second_landing_in_the_same_browser_is_harmless(signed_in):
    callback = signed_in.callback_url("/session")
    first = signed_in.get(callback)
    session = signed_in.cookies("s2_session")
    again = signed_in.get(callback)
    assert (first.status_code, first.headers["Location"]) == (303, "/session")
    assert (again.status_code, again.headers["Location"]) == (303, "/session")
    assert signed_in.cookies("s2_session") == session
    assert is_signed_in(signed_in)


def test_a_second_landing_after_the_sign_out_is_refused(signed_in, pair):
    callback = signed_in.callback_url()
    signed_in.get(callback)
    signed_in.http.cookies.clear(domain="127.0.0.1")
    assert signed_in.get(callback).status_code == 403
    assert last_refusal(pair.server2) == "token_replayed"
    assert not is_signed_in(signed_in)


def test_a_token_of_another_browser_signs_nobody_in(signed_in, new_browser, pair):
    victim = new_browser()
    answer = victim.get(signed_in.callback_url())
    assert answer.status_code == 403
    assert not victim.cookies("s2_session")
    assert last_refusal(pair.server2) == "attempt_unknown"
    assert not is_signed_in(victim)


def test_a_token_of_another_browser_signs_nobody_in_over_an_attempt_of_their_own(
    signed_in, new_browser, pair
):
    victim = new_browser()
    own_state = parameters_of(victim.begin().headers["Location"])["state"]
    stolen = parameters_of(signed_in.callback_url())
    answer = victim.get(
        f"{victim.server2}/sso/callback?{urlencode({**stolen, 'state': own_state})}"
    )
    assert answer.status_code == 403
    assert "claim=nonce" in pair.server2.log.rpartition("handoff rejected:")[2]
    assert not is_signed_in(victim)


def test_a_token_that_strayed_into_another_browser_is_burnt(signed_in, new_browser, pair):
    callback = signed_in.callback_url()
    new_browser().get(callback)
    assert signed_in.get(callback).status_code == 403
    assert last_refusal(pair.server2) == "token_replayed"
    assert not is_signed_in(signed_in)


@pytest.mark.parametrize(
    "change",
    [{"state": None}, {"state": "s"}, {"state": "s" * 1000}],
    ids=["none", "short", "long"],
)
def test_a_leaked_token_is_dead_though_its_answer_is_spoilt(signed_in, new_browser, pair, change):
    callback = signed_in.callback_url()
    fields = {**parameters_of(callback), **change}
    spoilt = urlencode({name: value for name, value in fields.items() if value is not None})
    assert new_browser().get(f"{pair.server2.base_url}/sso/callback?{spoilt}").status_code == 400
    assert signed_in.get(callback).status_code == 403
    assert last_refusal(pair.server2) == "token_replayed"
    assert not is_signed_in(signed_in)


@pytest.mark.parametrize(
    "state", [None, "s", "s" * 1000, "s" * 42 + "\x00"], ids=["none", "short", "long", "NUL"]
)
def test_server1_answers_no_request_whose_answer_could_not_be_read(signed_in, pair, state):
    asked = {**parameters_of(signed_in.begin().headers["Location"]), "state": state}
    given = urlencode({name: value for name, value in asked.items() if value is not None})
    answer = signed_in.get(f"{pair.server1.base_url}/authorize?{given}")
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


def test_a_session_survives_a_token_of_its_account_that_strayed_in(signed_in, new_browser, pair):
    victim = new_browser()
    victim.sign_in(pair.password)
    victim.arrive()
    session = victim.cookies("s2_session")
    callback = signed_in.callback_url()
    assert victim.get(callback).headers["Location"] == "/notes"
    assert victim.cookies("s2_session") == session
    assert signed_in.get(callback).status_code == 403, "it is spent"
    assert is_signed_in(victim)


def test_head_spends_nothing(signed_in):
    callback = signed_in.callback_url()
    looked = signed_in.http.head(callback, allow_redirects=False)
    assert (looked.status_code, "Set-Cookie" in looked.headers) == (405, False)
    assert signed_in.get(callback).status_code == 303


def test_an_attempt_of_nine_minutes_is_good(signed_in):
    callback = callback_of_attempt(signed_in, started_ago=9 * 60, target="/session")
    assert signed_in.get(callback).headers["Location"] == "/session"


def test_an_attempt_of_ten_minutes_is_too_old_and_its_token_is_burnt(signed_in, pair):
    callback = callback_of_attempt(signed_in, started_ago=10 * 60)
    answer = signed_in.get(callback)
    assert answer.status_code == 403
    assert 'href="/sso/login"' in answer.text
    assert last_refusal(pair.server2) == "attempt_unknown"
    signed_in.get(callback)
    assert last_refusal(pair.server2) == "token_replayed"
    assert not is_signed_in(signed_in)


def test_an_attempt_of_the_future_is_none(signed_in, pair):
    assert signed_in.get(callback_of_attempt(signed_in, started_ago=-75)).status_code == 403
    assert last_refusal(pair.server2) == "attempt_unknown"


def test_an_attempt_whose_target_was_changed_does_not_fit_its_token(signed_in, pair):
    callback = signed_in.callback_url("/notes")
    ((name, value),) = signed_in.cookies("s2_tx_").items()
    random, started_at, _target = value.split(".")
    other = base64.urlsafe_b64encode(b"/session").decode().rstrip("=")
    signed_in.http.cookies.clear(domain="127.0.0.1")
    signed_in.take_cookies({name: f"{random}.{started_at}.{other}"})
    assert signed_in.get(callback).status_code == 403
    assert "claim=nonce" in pair.server2.log.rpartition("handoff rejected:")[2]


def test_an_old_sign_in_is_asked_for_again_where_a_younger_one_is_wanted(
    signed_in_an_hour_ago, pair
):
    login = signed_in_an_hour_ago.arrive("/session", max_age="600")
    assert login.url.startswith(f"{pair.server1.base_url}/login?")
    arrived = signed_in_an_hour_ago.sign_in(pair.password, login)
    assert arrived.url == f"{pair.server2.base_url}/session"


def test_an_old_sign_in_does_not_pass_when_the_question_was_taken_out_on_the_way(
    signed_in_an_hour_ago, pair
):
    # SERVER1 is not told of max_age, as if the user had changed the address.
    callback = callback_of_attempt(signed_in_an_hour_ago, max_age=600)
    assert signed_in_an_hour_ago.get(callback).status_code == 403
    assert "claim=auth_time" in pair.server2.log.rpartition("handoff rejected:")[2]
    assert not is_signed_in(signed_in_an_hour_ago)


def test_a_forged_token_writes_nothing(signed_in, new_browser, pair):
    fields = parameters_of(signed_in.callback_url())
    header, claims, signature = fields["id_token"].split(".")
    forged = f"{header}.{claims}.{signature[:-8]}AAAAAAAA"
    callback = f"{signed_in.server2}/sso/callback"
    stranger = new_browser()
    assert (
        stranger.get(f"{callback}?{urlencode({**fields, 'id_token': forged})}").status_code == 403
    )
    assert last_refusal(pair.server2) == "token_signature"
    assert signed_in.get(f"{callback}?{urlencode(fields)}").status_code == 303


@pytest.mark.parametrize(
    ("iss", "status", "code"),
    [
        ({}, 400, "request_malformed"),
        ({"iss": "http://localhost:1"}, 403, "response_issuer"),
    ],
    ids=["none", "another"],
)
def test_the_answer_must_name_its_issuer(signed_in, pair, iss, status, code):
    fields = parameters_of(signed_in.callback_url())
    answer = {"id_token": fields["id_token"], "state": fields["state"], **iss}
    refused = signed_in.get(f"{signed_in.server2}/sso/callback?{urlencode(answer)}")
    assert (refused.status_code, last_refusal(pair.server2)) == (status, code)
    assert not is_signed_in(signed_in)


def test_a_made_up_error_does_not_end_an_attempt(signed_in, new_browser):
    callback = signed_in.callback_url()
    state = parameters_of(callback)["state"]
    stranger = {"error": "access_denied", "state": state, "iss": signed_in.server1}
    url = f"{signed_in.server2}/sso/callback?{urlencode(stranger)}"
    assert new_browser().get(url).status_code == 403
    assert signed_in.get(callback).status_code == 303


def test_the_words_of_an_error_are_ours(signed_in):
    state = parameters_of(signed_in.begin().headers["Location"])["state"]
    answer = {
        "error": "call_0900_123",
        "error_description": "call 0900 123",
        "state": state,
        "iss": signed_in.server1,
    }
    page = signed_in.get(f"{signed_in.server2}/sso/callback?{urlencode(answer)}")
    assert page.status_code == 403
    assert answer["error"] not in page.text
    assert answer["error_description"] not in page.text


class ReplayedAtOnce:
    """One token in many requests at once, over two processes of SERVER2 that share a database."""

    def settings(self, request):
        raise NotImplementedError

    @pytest.fixture
    def processes(self, pair, request):
        ours = self.settings(request)
        one, two = pair.replica(**ours), pair.replica(**ours)
        with running(one, two):
            for server in (one, two):
                # As a proxy does before it sends anybody here: before it holds keys, it puts most
                # of a crowd off.
                ready = ask(server.address, get_request(f"{server.base_url}/readyz"))
                assert ready.status == 200
            yield one, two
        for server in (one, two):
            assert "Traceback" not in server.log

    def test_it_arrives_once(self, processes, signed_in):
        callback = signed_in.callback_url()
        ((name, value),) = signed_in.cookies("s2_tx_").items()
        # All hold the attempt's cookie and none a session: only the replay store can decide.
        request = get_request(callback, headers=[f"Cookie: {name}={value}"])
        addresses = [processes[turn % 2].address for turn in range(AT_ONCE)]
        answers = ask_at_once((address, request) for address in addresses)
        assert sorted(answer.status for answer in answers) == [303, *[403] * (AT_ONCE - 1)]
        assert sum("s2_session" in str(answer.headers) for answer in answers) == 1


class TestReplayedAtOnceOnSQLite(ReplayedAtOnce):
    def settings(self, request):
        return {}


class TestReplayedAtOnceOnPostgreSQL(ReplayedAtOnce):
    def settings(self, request):
        return {"SERVER2_DATABASE_URL": request.getfixturevalue("postgresql_url")}


def test_any_process_of_server2_can_finish_what_another_began(pair, signed_in):
    callback = signed_in.callback_url("/session")
    other = pair.replica()
    with running(other):
        ((name, value),) = signed_in.cookies("s2_tx_").items()
        request = get_request(callback, headers=[f"Cookie: {name}={value}"])
        (answer,) = ask_at_once([(other.address, request)])
    assert (answer.status, answer.headers["Location"]) == (303, "/session")
