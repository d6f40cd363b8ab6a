from urllib.parse import parse_qs, urlsplit

import pytest

from flask_handoff import AccessDeniedError
from flask_handoff.errors import (
    JWKSUnavailableError,
    ReplayStoreUnavailableError,
)
from flask_handoff.keys import KeyRing, new_key
from tests.minimal_pair import (
    CALLBACK,
    ISSUER,
    RECEIVER,
    Browser,
    Form,
    Heard,
    is_signed_in,
    is_uniform_refusal,
    landed_at,
    query_of,
    with_query,
)
from tests.token_trial import TokenTrial

ATTEMPT_SECONDS = 600
FINISH = f"{RECEIVER}/sso/finish"


GOOD = {"id_token": "a.b.c", "state": "s" * 43, "iss": ISSUER}


# What came with the callback.


FIELDS_THAT_ARE_REFUSED = {
    "nothing": {},
    "no token": {**GOOD, "id_token": None},
    "token empty": {**GOOD, "id_token": ""},
    "token and error": {**GOOD, "error": "access_denied"},
    "no state": {**GOOD, "state": None},
    "state empty": {**GOOD, "state": ""},
    "state short": {**GOOD, "state": "s" * 21},
    "state long": {**GOOD, "state": "s" * 65},
    "state of another alphabet": {**GOOD, "state": "s" * 30 + "="},
    "state with a line end": {**GOOD, "state": "s" * 30 + "\r\nSet-Cookie: a=b"},
    "state with NUL": {**GOOD, "state": "s" * 30 + "\x00"},
    "state not ASCII": {**GOOD, "state": "ß" * 30},
    "no iss": {**GOOD, "iss": None},
    "error without iss": {"error": "access_denied", "state": "s" * 43},
    "token twice": {**GOOD, "id_token": ["a.b.c", "a.b.c"]},
    "state twice": {**GOOD, "state": ["s" * 43, "s" * 43]},
    "iss twice": {**GOOD, "iss": [ISSUER, ISSUER]},
    "error twice": {"error": ["a", "b"], "state": "s" * 43, "iss": ISSUER},
    "token too long": {**GOOD, "id_token": "a" * 4097},
    "error too long": {"error": "a" * 4097, "state": "s" * 43, "iss": ISSUER},
    "iss too long": {**GOOD, "iss": "a" * 4097},
    "other names": {"token": "a.b.c", "id_token[]": "a.b.c", "ID_TOKEN": "a.b.c"},
}


def fields(given):
    return {name: value for name, value in given.items() if value is not None}


@pytest.mark.parametrize(
    "given", FIELDS_THAT_ARE_REFUSED.values(), ids=list(FIELDS_THAT_ARE_REFUSED)
)
def test_a_callback_that_is_not_complete_is_a_bad_request(browser, heard, given):
    answer = browser.get(CALLBACK, query_string=fields(given))
    assert answer.status_code == 400
    assert "This request is not complete" in answer.text
    assert heard.errors() == ["request_malformed"]


@pytest.mark.parametrize(
    "given", FIELDS_THAT_ARE_REFUSED.values(), ids=list(FIELDS_THAT_ARE_REFUSED)
)
def test_a_posted_answer_that_is_not_complete_is_a_bad_request(browser, heard, given):
    answer = browser.post(FINISH, fields(given))
    assert answer.status_code == 400
    assert heard.errors() == ["request_malformed"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "id_token or error; nothing came, as when the issuer answers in the fragment"),
        ({"code": "c", "state": "s" * 43}, "id_token or error; what came: code request_id="),
        ({"response": "eyJ.e30.x"}, "id_token or error; what came: response request_id="),
        ({"x\r\ny": "z"}, "id_token or error request_id="),
    ],
    ids=str,
)
def test_the_log_tells_what_came_in_place_of_a_token(browser, caplog, given, told):
    assert browser.get(CALLBACK, query_string=given).status_code == 400
    assert told in caplog.text


def test_an_incomplete_answer_leads_back_to_what_was_wanted(browser):
    state = parse_qs(urlsplit(browser.begin("/notes?page=2")).query)["state"]
    answer = browser.get(CALLBACK, query_string={"state": state})
    assert answer.status_code == 400
    assert 'href="/sso/login?target_link_uri=/notes?page%3D2"' in answer.text


def test_a_token_of_3500_characters_is_judged_in_a_query_and_a_longer_one_is_not(browser, heard):
    for length, status in ((3500, 403), (3501, 400)):
        query = {**GOOD, "id_token": "a" * length}
        assert browser.get(CALLBACK, query_string=query).status_code == status
    assert heard.errors() == ["token_malformed", "request_malformed"]


def test_a_parameter_that_nobody_knows_may_come_as_often_as_it_likes(browser):
    answer = browser.come_back("/notes")
    assert browser.get(f"{answer.location}&session_state=1&session_state=2").status_code == 303


def test_a_token_in_a_query_is_refused_where_a_post_was_asked_for(build_issuer, build_receiver):
    receiver = build_receiver(HANDOFF_RESPONSE_MODE="form_post")
    browser, heard = Browser(build_issuer(), receiver), Heard(receiver)
    browser.sign_in()
    form = Form(browser.come_back().text)
    answer = browser.get(with_query(CALLBACK, **form.fields))
    assert answer.status_code == 400
    assert heard.errors() == ["request_malformed"]


def test_a_token_in_a_query_of_the_wrong_browser_is_burnt_where_a_post_was_asked_for(
    build_issuer, build_receiver, store
):
    receiver = build_receiver(HANDOFF_RESPONSE_MODE="form_post")
    browser, stranger = Browser(build_issuer(), receiver), Browser.at_receiver(receiver)
    heard = Heard(receiver)
    browser.sign_in()
    form = Form(browser.come_back().text)
    in_a_query = with_query(CALLBACK, **form.fields)
    assert browser.get(in_a_query).status_code == 400
    assert store.claimed == []
    assert stranger.get(in_a_query).status_code == 400
    assert len(store.claimed) == 1
    assert is_uniform_refusal(browser.post(FINISH, form.fields))
    assert heard.errors() == ["request_malformed", "request_malformed", "token_replayed"]


def test_a_token_of_another_browser_in_an_answer_of_another_issuer_is_burnt(
    browser, receiver, heard
):
    answer = browser.come_back("/notes")
    stranger = Browser.at_receiver(receiver)
    strayed = with_query(answer.location, iss="https://evil.example.com")
    assert is_uniform_refusal(stranger.get(strayed))
    assert is_uniform_refusal(browser.get(answer.location))
    assert heard.errors() == ["response_issuer", "token_replayed"]


def test_a_forged_token_in_an_answer_of_another_issuer_writes_nothing(browser, receiver, store):
    answer = browser.come_back("/notes")
    token = query_of(answer.location)["id_token"]
    for forged in (f"{token[:-8]}AAAAAAAA", "a.b.c", "x"):
        url = with_query(answer.location, iss="https://evil.example.com", id_token=forged)
        assert is_uniform_refusal(Browser.at_receiver(receiver).get(url))
    assert store.claimed == []


@pytest.mark.parametrize("iss", ["https://evil.example.com", f"{ISSUER}/", ISSUER.upper()])
def test_an_answer_of_another_issuer_is_refused_and_the_attempt_goes_on(browser, heard, iss):
    answer = browser.come_back("/notes")
    assert is_uniform_refusal(browser.get(with_query(answer.location, iss=iss)))
    assert heard.errors() == ["response_issuer"]
    assert browser.get(answer.location).location == "/notes"


@pytest.mark.parametrize("iss", ["https://evil.example.com", None])
def test_an_error_of_another_issuer_ends_no_attempt(browser, iss):
    begun = browser.begin("/notes")
    state = query_of(begun)["state"]
    answer = browser.get(
        CALLBACK, query_string=fields({"error": "access_denied", "state": state, "iss": iss})
    )
    assert answer.status_code == (403 if iss else 400)
    assert landed_at(browser.follow(browser.get(begun))) == "/notes"


def test_a_foreign_issuer_may_leave_iss_out(build_receiver, key_ring, clock, store):
    browser, heard = foreign(build_receiver)
    trial = TokenTrial(key_ring, clock)
    url = with_query(foreign_answer(browser, trial), iss=None)
    assert browser.get(url).location == "/notes"
    assert heard.errors() == []


def foreign(build_receiver):
    receiver = build_receiver(HANDOFF_POLICY="oidc")
    return Browser.at_receiver(receiver), Heard(receiver)


def foreign_answer(browser, trial, **changed):
    """Answer as an OpenID Provider that knows neither ``jti`` nor ``typ``."""
    asked = query_of(browser.begin("/notes"))
    draft = trial.draft()
    draft.header.pop("typ")
    for claim in ("jti", "sid", "auth_time", "scope"):
        draft.payload.pop(claim)
    draft.payload.update(
        iss=ISSUER, aud=asked["client_id"], nonce=asked["nonce"], exp=trial.now + 3600
    )
    draft.payload.update(changed)
    return with_query(CALLBACK, id_token=draft.signed(), state=asked["state"], iss=ISSUER)


def test_a_foreign_token_without_identifier_is_good_once(
    build_receiver, key_ring, clock, store, receiver
):
    browser, heard = foreign(build_receiver)
    url = foreign_answer(browser, TokenTrial(key_ring, clock))
    [attempt] = browser.attempts().items()
    assert browser.get(url).location == "/notes"
    [(_, identifier, expires_at)] = store.claimed
    assert identifier.startswith("nonce:")
    assert expires_at == int(clock().timestamp()) + ATTEMPT_SECONDS + 5 + 60
    browser.plant(*attempt)
    assert is_uniform_refusal(browser.get(url))
    assert heard.errors() == ["token_replayed"]


def test_a_foreign_token_is_remembered_until_its_attempt_ends(
    build_receiver, key_ring, clock, store
):
    browser, _ = foreign(build_receiver)
    trial = TokenTrial(key_ring, clock)
    browser.get(foreign_answer(browser, trial, exp=trial.now + 30))
    assert store.claimed[0][2] == int(clock().timestamp()) + ATTEMPT_SECONDS


# Errors that SERVER1 sends back.


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("access_denied", "your account has no access"),
        ("login_required", "You are not signed in at the sign-in server."),
        ("interaction_required", "has to ask you something"),
        ("temporarily_unavailable", "cannot answer just now"),
        ("server_error", "could not answer"),
        ("invalid_request", "did not accept the request"),
        ("invalid_scope", "did not accept the request"),
        ("unauthorized_client", "did not accept the request"),
        ("unsupported_response_type", "did not accept the request"),
        ("consent_required", "has to ask you something"),
        ("<script>", "with an error of its own"),
        ("token_replayed", "with an error of its own"),
    ],
)
def test_an_error_is_told_in_our_own_words(browser, heard, code, words):
    query = {
        "error": code,
        "error_description": "Call 555-0100 to win",
        "state": query_of(browser.begin("/notes"))["state"],
        "iss": ISSUER,
    }
    answer = browser.get(CALLBACK, query_string=query)
    assert answer.status_code == 403
    assert words in answer.text
    assert "555-0100" not in answer.text
    assert "<script>" not in answer.text
    assert heard.errors() == ["authorization_failed"]


SAID = {
    "both": ({"error": "consent_required", "error_description": "Agree first"}, '"Agree first"'),
    "a code of nobody": ({"error": "AADSTS50105"}, 'answered with "AADSTS50105" request_id='),
    "a forged line": ({"error_description": 'a"\r\naccepted'}, r'"a\"\r\naccepted"'),
    "no ASCII": ({"error_description": "\x7f\u2028é"}, r'"\u007f\u2028\u00e9"'),
    "a token": ({"error_description": f"no: {'e' * 40}.{'e' * 80}"}, '"no: [left out]"'),
    "a cut token": ({"error_description": f"{'- ' * 90}{'e' * 43}"}, f'"{"- " * 90}[left out]"'),
    "a long one": ({"error_description": "a b" * 999}, f'"{("a b" * 999)[:200]}"'),
    "too long a one": ({"error_description": "a b" * 1500}, 'answered with "server_error" request'),
    "two": ({"error_description": ["one", "two"]}, '"one two"'),
}


@pytest.mark.parametrize(("said", "logged"), SAID.values(), ids=list(SAID))
def test_the_log_repeats_what_the_issuer_said(browser, caplog, said, logged):
    state = query_of(browser.begin("/notes"))["state"]
    fields = {"error": "server_error", **said, "state": state, "iss": ISSUER}
    answer = browser.repost(browser.post(CALLBACK, data=fields))
    assert answer.status_code == 403
    [line] = [each.getMessage() for each in caplog.records if "rejected" in each.getMessage()]
    assert logged in line
    assert line.isascii()
    assert line.isprintable()


def test_after_an_error_one_may_try_again_and_the_attempt_is_over(travellers):
    browser, heard = travellers
    browser.apps[ISSUER].extensions["hooks"].denies = AccessDeniedError()
    answer = browser.arrive("/notes?page=2")
    assert answer.status_code == 403
    assert 'href="/sso/login?target_link_uri=/notes?page%3D2"' in answer.text
    assert browser.attempts() == {}
    assert heard.errors() == ["authorization_failed"]


def test_an_error_that_this_browser_did_not_ask_for_is_refused(browser, heard):
    query = {"error": "access_denied", "state": "s" * 43, "iss": ISSUER}
    assert is_uniform_refusal(browser.get(CALLBACK, query_string=query))
    assert heard.errors() == ["attempt_unknown"]


@pytest.mark.parametrize(("state", "status"), [({"state": "s" * 43}, 403), ({}, 400)])
def test_an_error_for_no_attempt_is_logged_all_the_same(browser, caplog, state, status):
    said = {"error": "denied\n" + "a b" * 99, "iss": ISSUER, **state}
    assert browser.get(CALLBACK, query_string=said).status_code == status
    [line] = [each.getMessage() for each in caplog.records if "rejected" in each.getMessage()]
    assert rf'"denied\n{("a b" * 99)[:193]}" request_id=' in line
    assert line.isprintable()


# Something is out of reach.


class KeysOutOfReach:
    """Keys that cannot be had, until they can."""

    def __init__(self, key_ring):
        self.key_ring = key_ring
        self.within_reach = False

    def key(self, kid):
        self.ready()
        return self.key_ring.key(kid)

    def ready(self):
        if not self.within_reach:
            raise JWKSUnavailableError("no key can be had")


def is_unavailable(answer, *, target="/notes"):
    again = f'href="/sso/login?target_link_uri={target}"'
    return (
        answer.status_code == 503
        and again in answer.text
        and answer.headers["Retry-After"] == "5"
        and "Signing in is not possible right now" in answer.text
    )


def test_no_handoff_is_begun_without_a_key_to_judge_it(build_issuer, build_receiver, key_ring):
    keys = KeysOutOfReach(key_ring)
    receiver = build_receiver(keys=keys)
    browser, heard = Browser(build_issuer(), receiver), Heard(receiver)
    answer = browser.get(f"{RECEIVER}/sso/login?target_link_uri=/notes?page=2")
    assert is_unavailable(answer, target="/notes?page%3D2")
    assert browser.attempts() == {}
    assert heard.errors() == ["jwks_unavailable"]
    keys.within_reach = True
    assert browser.begin()


def test_nobody_is_signed_in_while_no_key_is_held_but_the_attempt_is_kept(
    build_issuer, build_receiver, key_ring
):
    keys = KeysOutOfReach(key_ring)
    browser = Browser(build_issuer(), build_receiver(keys=keys))
    browser.sign_in()
    keys.within_reach = True
    answer = browser.come_back("/notes")
    keys.within_reach = False
    assert is_unavailable(browser.get(answer.location))
    assert not is_signed_in(browser)
    keys.within_reach = True
    assert browser.get(answer.location).location == "/notes"


def test_nobody_is_signed_in_while_the_store_is_out_of_reach_but_the_attempt_is_kept(
    travellers, store
):
    browser, heard = travellers
    answer = browser.come_back("/notes")
    store.out_of_reach = True
    assert is_unavailable(browser.follow(answer))
    assert not is_signed_in(browser)
    store.out_of_reach = False
    assert landed_at(browser.follow(answer)) == "/notes"
    assert heard.errors() == ["replay_store_unavailable"]


def test_an_unknown_key_is_a_refusal_while_others_are_held(build_issuer, build_receiver, tmp_path):
    new_key(tmp_path / "other")
    receiver = build_receiver(keys=KeyRing.open(tmp_path / "other"))
    browser, heard = Browser(build_issuer(), receiver), Heard(receiver)
    browser.sign_in()
    assert is_uniform_refusal(browser.arrive())
    assert heard.errors() == ["token_key_unknown"]


@pytest.mark.parametrize("lost", ["nothing", "keys", "store"])
def test_readiness_is_what_a_handoff_needs(build_receiver, key_ring, store, lost):
    keys = KeysOutOfReach(key_ring)
    keys.within_reach = lost != "keys"
    store.out_of_reach = lost == "store"
    receiver = build_receiver(keys=keys)
    with receiver.app_context():
        check = receiver.extensions["handoff"].check_ready
        match lost:
            case "keys":
                with pytest.raises(JWKSUnavailableError):
                    check()
            case "store":
                with pytest.raises(ReplayStoreUnavailableError):
                    check()
            case _:
                check()


# Methods.


@pytest.mark.parametrize("path", ["/sso/login", "/sso/callback"])
def test_head_begins_and_spends_nothing(browser, store, path):
    answer = browser.come_back("/notes")
    before = browser.cookies()
    url = f"{RECEIVER}{path}?{answer.location.partition('?')[2]}"
    head = browser.open(url, method="HEAD")
    assert (head.status_code, head.headers["Allow"]) == (405, "GET, POST")
    assert store.claimed == []
    assert browser.cookies() == before
    assert browser.get(answer.location).location == "/notes"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/sso/login", "/sso/callback", "/sso/finish"])
def test_another_method_is_told_the_right_ones(browser, path, method):
    answer = browser.open(RECEIVER + path, method=method)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_verdict_is_asked_for_by_post_only(browser, method):
    answer = browser.open(FINISH, method=method)
    assert answer.status_code == 405
    assert {*answer.headers["Allow"].split(", ")} == {"OPTIONS", "POST"}
