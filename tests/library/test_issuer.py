import base64
import json
import logging
from urllib.parse import quote

import pytest

from flask_handoff import AccessDeniedError, Client
from flask_handoff.errors import ConfigurationError
from tests.minimal_pair import (
    CALLBACK,
    CLIENT,
    ISSUER,
    RECEIVER,
    Browser,
    Form,
    issuer_app,
    query_of,
    with_query,
)
from tests.token_texts import JWT

AUTHORIZE = f"{ISSUER}/authorize"
STATE = "s" * 43
ASKED = {
    "client_id": "notes",
    "redirect_uri": CALLBACK,
    "response_type": "id_token",
    "response_mode": "query",
    "scope": "openid profile email",
    "state": STATE,
    "nonce": "a-nonce",
}
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@pytest.fixture
def stranger(issuer, receiver):
    """A browser in which nobody is signed in."""
    return Browser(issuer, receiver)


@pytest.fixture
def foreign_browser(build_issuer, receiver):
    """A browser that is signed in where the client is registered as a foreign one."""
    browser = Browser(build_issuer(HANDOFF_CLIENTS=[{**CLIENT, "policy": "oidc"}]), receiver)
    browser.sign_in()
    return browser


@pytest.fixture
def hooks(issuer):
    return issuer.extensions["hooks"]


def asking(**changed):
    return {name: value for name, value in {**ASKED, **changed}.items() if value is not None}


def ask(browser, **changed):
    return browser.get(AUTHORIZE, query_string=asking(**changed))


def returned(answer):
    """What the client is told by an answer in either mode."""
    if answer.status_code == 303:
        return query_of(answer.location)
    return Form(answer.text).fields


def private_headers(answer):
    return {name: answer.headers.get(name) for name in PRIVATE}


# The token goes to the client.


def test_a_token_goes_back_by_redirect(browser):
    answer = ask(browser)
    assert answer.status_code == 303
    assert answer.location.startswith(f"{CALLBACK}?")
    told = returned(answer)
    assert (told["state"], told["iss"]) == (STATE, ISSUER)
    assert told["id_token"].count(".") == 2
    assert private_headers(answer) == PRIVATE


def test_a_token_goes_back_by_a_form_that_posts_itself(browser):
    answer = ask(browser, response_mode="form_post")
    assert answer.status_code == 200
    form = Form(answer.text)
    assert form.action == CALLBACK
    assert form.fields.keys() == {"id_token", "state", "iss"}
    policy = answer.headers["Content-Security-Policy"]
    assert f"form-action {RECEIVER}" in policy
    assert "default-src 'none'" in policy
    assert private_headers(answer) == PRIVATE


def test_the_script_of_the_form_page_is_the_only_one_allowed(browser):
    pages = [ask(browser, response_mode="form_post") for _ in range(2)]
    nonces = [page.text.partition('<script nonce="')[2].partition('"')[0] for page in pages]
    assert len(nonces[0]) >= 22
    assert nonces[0] != nonces[1]
    for page, nonce in zip(pages, nonces, strict=True):
        assert f"script-src 'nonce-{nonce}'" in page.headers["Content-Security-Policy"]
        assert page.text.count("<script") == 1
        assert "<button>" in page.text
        assert "<noscript>" not in page.text, "a policy may stop the script where one could run"


def test_markup_in_a_state_stays_text(foreign_browser):
    state = '"><script>alert(1)</script>'
    page = ask(foreign_browser, response_mode="form_post", state=state)
    assert "<script>alert" not in page.text
    assert Form(page.text).fields["state"] == state


def test_a_state_that_was_not_sent_does_not_come_back(foreign_browser):
    assert "state" not in returned(ask(foreign_browser, state=None))


@pytest.mark.parametrize("state", ["a&b=c#d", "\r\nSet-Cookie: a=b", "ß", "%00\x00", "s" * 1024])
def test_a_state_comes_back_as_it_was(foreign_browser, state):
    answer = ask(foreign_browser, state=state)
    assert returned(answer)["state"] == state
    assert "Set-Cookie: a" not in str(answer.headers)


def test_a_redirect_uri_may_have_a_query_of_its_own(build_issuer, receiver):
    uri = f"{CALLBACK}?tenant=1"
    browser = Browser(build_issuer(HANDOFF_CLIENTS=[{**CLIENT, "redirect_uris": [uri]}]), receiver)
    browser.sign_in()
    assert ask(browser, redirect_uri=uri).location.startswith(f"{uri}&id_token=")


def test_a_client_with_a_foreign_library_gets_the_plain_type(build_issuer, receiver):
    browser = Browser(build_issuer(HANDOFF_CLIENTS=[{**CLIENT, "policy": "oidc"}]), receiver)
    browser.sign_in()
    assert opened(ask(browser))[0]["typ"] == "JWT"


def opened(answer):
    token = returned(answer)["id_token"]
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


# What the token says.


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("openid", {}),
        ("openid profile", {"name"}),
        ("openid email", {"email", "email_verified"}),
        ("openid profile email", {"name", "email", "email_verified"}),
    ],
)
def test_a_client_is_told_what_it_asked_for_and_no_more(browser, scope, told):
    _, payload = opened(ask(browser, scope=scope))
    assert {"name", "email", "email_verified"} & payload.keys() == {*told}
    assert payload["scope"] == " ".join(sorted(scope.split()))


def test_nothing_is_told_that_is_not_known(browser, hooks):
    hooks.about = {"name": None, "email": None}
    _, payload = opened(ask(browser))
    assert not {"name", "email", "email_verified"} & payload.keys()


def test_an_address_that_is_not_verified_is_told_as_such(browser, hooks):
    hooks.about = {"email": "ada@example.com", "email_verified": False}
    assert opened(ask(browser))[1]["email_verified"] is False


@pytest.mark.parametrize(
    ("granted", "scope"),
    [
        ({"openid", "notes:read"}, "notes:read openid"),
        ({"notes:read", "admin"}, "notes:read openid"),
        (set(), "openid"),
    ],
)
def test_the_scope_is_what_was_asked_for_and_granted_both(browser, hooks, granted, scope):
    hooks.grants = frozenset(granted)
    answer = ask(browser, scope="openid notes:read notes:write")
    assert opened(answer)[1]["scope"] == scope


def test_what_is_not_granted_is_not_told_either(browser, hooks):
    hooks.grants = frozenset({"openid"})
    assert "email" not in opened(ask(browser))[1]


def test_each_token_is_another(browser):
    assert returned(ask(browser))["id_token"] != returned(ask(browser))["id_token"]


# Faults that are a page, and never a redirect.


PAGE_FAULTS = {
    "no client": {"client_id": None},
    "an unknown client": {"client_id": "evil"},
    "two clients": {"client_id": ["notes", "notes"]},
    "no address": {"redirect_uri": None},
    "an unregistered address": {"redirect_uri": "https://evil.example.com/"},
    "a longer address": {"redirect_uri": f"{CALLBACK}/../evil"},
    "an address with a query": {"redirect_uri": f"{CALLBACK}?x=1"},
    "two addresses": {"redirect_uri": [CALLBACK, "https://evil.example.com/"]},
    "no mode": {"response_mode": None},
    "the mode of the standard's default": {"response_mode": "fragment"},
    "an unknown mode": {"response_mode": "query.jwt"},
    "two modes": {"response_mode": ["query", "form_post"]},
    "no state": {"state": None},
    "an empty state": {"state": ""},
    "a short state": {"state": "s" * 21},
    "a long state": {"state": "s" * 65},
    "a state with NUL": {"state": "s" * 42 + "\x00"},
    "a state with a line end": {"state": "s" * 42 + "\n"},
    "an endless state": {"state": "s" * 1025},
    "two states": {"state": ["a", "b"]},
}


@pytest.mark.parametrize("changed", PAGE_FAULTS.values(), ids=list(PAGE_FAULTS))
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_without_a_good_return_address_is_a_page(browser, method, changed):
    given = {"query_string" if method == "GET" else "data": asking(**changed)}
    answer = browser.open(AUTHORIZE, method=method, **given)
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "This request cannot be answered" in answer.text
    assert "evil" not in answer.text
    assert private_headers(answer) == PRIVATE


def test_a_mode_that_this_client_did_not_register_is_a_page(build_issuer, receiver):
    clients = [{**CLIENT, "response_modes": ["form_post"]}]
    browser = Browser(build_issuer(HANDOFF_CLIENTS=clients), receiver)
    browser.sign_in()
    assert ask(browser, response_mode="query").status_code == 400
    assert ask(browser, response_mode="form_post").status_code == 200


# Faults that the client is told.


RETURNED_FAULTS = {
    "another response_type": ({"response_type": "code"}, "unsupported_response_type"),
    "no nonce": ({"nonce": None}, "invalid_request"),
    "two nonces": ({"nonce": ["a", "b"]}, "invalid_request"),
    "scope without openid": ({"scope": "profile"}, "invalid_scope"),
    "a request object": ({"request": "eyJ"}, "request_not_supported"),
    "a request object first": (
        {"request": "eyJ", "id_token_hint": "x", "scope": "x", "response_type": "x"},
        "request_not_supported",
    ),
    "a type before a hint": (
        {"id_token_hint": "x", "response_type": "token"},
        "unsupported_response_type",
    ),
    "two hints": ({"id_token_hint": ["a", "b"]}, "invalid_request"),
}


@pytest.mark.parametrize(("changed", "error"), RETURNED_FAULTS.values(), ids=list(RETURNED_FAULTS))
@pytest.mark.parametrize("response_mode", ["query", "form_post"])
def test_another_fault_is_told_to_the_client_in_its_mode(browser, response_mode, changed, error):
    answer = ask(browser, response_mode=response_mode, **changed)
    assert returned(answer) == {"error": error, "state": STATE, "iss": ISSUER}
    assert private_headers(answer) == PRIVATE


def test_who_may_not_enter_a_client_is_sent_back_without_a_token(browser, hooks, heard_at_issuer):
    hooks.denies = AccessDeniedError("the account is locked")
    told = returned(ask(browser))
    assert told == {"error": "access_denied", "state": STATE, "iss": ISSUER}
    assert heard_at_issuer.errors() == ["access_denied"]


def test_who_is_asked_for_nothing_and_is_not_signed_in_is_sent_back(stranger, heard_at_issuer):
    answer = ask(stranger, prompt="none")
    assert returned(answer) == {"error": "login_required", "state": STATE, "iss": ISSUER}
    assert heard_at_issuer.errors() == ["authorization_returned"]


def test_who_is_asked_for_nothing_but_a_young_sign_in_is_sent_back(browser, clock):
    clock.tick(seconds=61)
    assert returned(ask(browser, prompt="none", max_age="60"))["error"] == "login_required"


# The user whom an ID Token hint names.


def test_a_hint_of_the_user_who_is_signed_in_is_answered(browser, clock):
    hint = returned(ask(browser))["id_token"]
    clock.tick(minutes=5)
    assert "id_token" in returned(ask(browser, id_token_hint=hint))


@pytest.mark.parametrize("prompt", [None, "none"])
def test_a_hint_of_another_user_brings_no_token(browser, prompt):
    hint = returned(ask(browser))["id_token"]
    browser.sign_in("grace")
    assert returned(ask(browser, id_token_hint=hint, prompt=prompt))["error"] == "login_required"


@pytest.mark.parametrize(("subject", "told"), [("ada", "id_token"), ("grace", "error")])
def test_a_hint_still_holds_behind_the_sign_in_page(browser, stranger, subject, told):
    hint = returned(ask(browser))["id_token"]
    to_sign_in = ask(stranger, id_token_hint=hint)
    assert hint not in to_sign_in.location
    resumed = stranger.sign_in(subject, **query_of(to_sign_in.location))
    assert told in returned(stranger.get(ISSUER + resumed.location))


def test_a_hint_that_is_no_token_of_this_issuer_brings_none(browser, caplog):
    hint = returned(ask(browser))["id_token"]
    told = returned(ask(browser, id_token_hint=f"{hint[:-40]}{'A' * 40}"))
    assert told == {"error": "login_required", "state": STATE, "iss": ISSUER}
    assert "id_token_hint: check signature" in caplog.text
    assert hint[:40] not in caplog.text


def test_an_empty_hint_is_none(browser):
    assert "id_token" in returned(ask(browser, id_token_hint=""))


# Through the sign-in page.


def test_who_is_not_signed_in_goes_to_the_sign_in_page_and_on(stranger):
    to_sign_in = ask(stranger)
    assert to_sign_in.location.startswith("/login?continue=")
    assert private_headers(to_sign_in) == PRIVATE
    resumed = stranger.sign_in(**query_of(to_sign_in.location))
    assert resumed.location.startswith("/authorize?continue=")
    assert "id_token" in returned(stranger.get(ISSUER + resumed.location))


def test_the_sign_in_page_knows_who_is_waiting(stranger):
    to_sign_in = ask(stranger, login_hint="ada@example.com")
    page = stranger.get(ISSUER + to_sign_in.location)
    assert page.json == {"client": "Notes", "login_hint": "ada@example.com"}


@pytest.mark.parametrize("carried", [{}, {"continue": "forged"}, {"continue": ["a", "b"]}])
def test_the_sign_in_page_believes_nothing_that_was_not_carried(stranger, carried):
    page = stranger.get(f"{ISSUER}/login", query_string=carried)
    assert page.json == {"client": None, "login_hint": None}


def test_without_a_waiting_handoff_the_sign_in_leads_home(stranger):
    assert stranger.sign_in().location == "/"


@pytest.mark.parametrize("carried", ["https://evil.example.com/", "//evil.example.com", "a&b=c"])
def test_nothing_but_the_handoff_is_continued(stranger, carried):
    resumed = stranger.sign_in(**{"continue": carried})
    assert resumed.location == f"/authorize?continue={quote(carried, safe='')}"
    answer = stranger.get(ISSUER + resumed.location)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


@pytest.mark.parametrize("carried", ["", "forged", ["a", "b"]])
def test_a_request_that_was_not_carried_by_us_is_too_late(browser, heard_at_issuer, carried):
    answer = browser.get(AUTHORIZE, query_string={"continue": carried})
    assert answer.status_code == 400
    assert "<h1>Too late</h1>" in answer.text
    assert heard_at_issuer.errors() == ["authorization_expired"]


def test_of_two_carried_requests_neither_is_answered(browser, stranger):
    carried = query_of(browser.post(AUTHORIZE, ASKED).location)["continue"]
    twice = {"continue": [carried, carried]}
    assert browser.get(AUTHORIZE, query_string=twice).status_code == 400
    assert stranger.get(f"{ISSUER}/login", query_string=twice).json["client"] is None
    assert stranger.sign_in(**twice).location == "/"


def test_a_sign_in_that_took_over_ten_minutes_is_too_late(stranger, clock):
    resumed = stranger.sign_in(**query_of(ask(stranger).location))
    clock.tick(minutes=10)
    answer = stranger.get(ISSUER + resumed.location)
    assert answer.status_code == 400
    assert "The sign-in took too long." in answer.text


def test_a_request_that_asks_for_a_fresh_sign_in_is_met_by_one_after_its_arrival(browser, clock):
    clock.tick(seconds=1)
    to_sign_in = ask(browser, prompt="login")
    assert to_sign_in.location.startswith("/login?")
    again = browser.get(f"{AUTHORIZE}?{to_sign_in.location.partition('?')[2]}")
    assert again.location.startswith("/login?"), "nobody signed in meanwhile"
    clock.tick(seconds=1)
    resumed = browser.sign_in(**query_of(to_sign_in.location))
    assert "id_token" in returned(browser.get(ISSUER + resumed.location))


def test_the_sign_in_of_another_person_is_what_is_handed_on(browser, clock):
    clock.tick(seconds=1)
    to_sign_in = ask(browser, prompt="login")
    clock.tick(seconds=1)
    resumed = browser.sign_in("grace", **query_of(to_sign_in.location))
    assert opened(browser.get(ISSUER + resumed.location))[1]["sub"] == "grace"


# Methods and bodies.


def test_a_posted_request_is_answered_by_a_redirect_that_carries_the_cookie(browser):
    posted = browser.post(AUTHORIZE, ASKED, sends_cookies=False)
    assert posted.status_code == 303
    assert posted.location.startswith("/authorize?continue=")
    assert "id_token" in returned(browser.get(ISSUER + posted.location))


def test_a_posted_request_with_a_fault_is_told_to_the_client(browser):
    answer = browser.post(AUTHORIZE, asking(nonce=None))
    assert returned(answer)["error"] == "invalid_request"


def test_a_carried_request_may_be_posted(browser):
    carried = query_of(browser.post(AUTHORIZE, ASKED).location)
    assert "id_token" in returned(browser.post(AUTHORIZE, carried))


def test_a_request_in_two_places_is_refused(browser):
    answer = browser.post(f"{AUTHORIZE}?client_id=notes", ASKED)
    assert answer.status_code == 400


@pytest.mark.parametrize("mimetype", ["application/json", "text/plain", "multipart/form-data", ""])
def test_a_body_of_another_type_is_refused(browser, mimetype):
    answer = browser.post(AUTHORIZE, "client_id=notes", content_type=mimetype)
    assert answer.status_code == 415


def test_head_mints_nothing(browser, heard_at_issuer):
    answer = browser.open(AUTHORIZE, method="HEAD", query_string=ASKED)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    assert heard_at_issuer.events == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_another_method_is_told_the_right_ones(browser, method):
    answer = browser.open(AUTHORIZE, method=method)
    assert answer.status_code == 405
    assert {"GET", "POST"} <= {*answer.headers["Allow"].split(", ")}


# What is public.


@pytest.mark.parametrize("path", ["openid-configuration", "jwks.json"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_metadata_and_keys_may_be_read_from_anywhere_for_five_minutes(browser, path, method):
    answer = browser.open(f"{ISSUER}/.well-known/{path}", method=method)
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_nothing_else_may_be_read_from_another_origin(browser):
    answer = browser.get(AUTHORIZE, query_string=ASKED, headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_metadata_names_the_endpoints_and_keeps_query_to_itself(browser):
    told = browser.get(f"{ISSUER}/.well-known/openid-configuration").json
    assert told["issuer"] == ISSUER
    assert told["authorization_endpoint"] == AUTHORIZE
    assert told["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert told["response_modes_supported"] == ["form_post"]
    assert told["response_types_supported"] == ["id_token"]
    assert told["id_token_signing_alg_values_supported"] == ["RS256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    for name in ("claims", "request", "request_uri"):
        assert told[f"{name}_parameter_supported"] is False
    everybodys = ["iss", "sub", "aud", "exp", "iat", "nonce", "jti", "sid", "auth_time", "scope"]
    assert told["claims_supported"] == [*everybodys, "name", "email", "email_verified"]


@pytest.mark.parametrize("uri", [None, f"{RECEIVER}/sso/backchannel-logout"])
def test_the_metadata_says_whether_clients_are_told_of_log_outs(build_issuer, uri):
    client = CLIENT if uri is None else {**CLIENT, "backchannel_logout_uri": uri}
    browser = Browser(build_issuer(HANDOFF_CLIENTS=[client]), None)
    told = browser.get(f"{ISSUER}/.well-known/openid-configuration").json
    assert told["backchannel_logout_supported"] is (uri is not None)
    assert told["backchannel_logout_session_supported"] is (uri is not None)


def test_the_published_keys_have_no_private_half(browser, key_ring):
    [published] = browser.get(f"{ISSUER}/.well-known/jwks.json").json["keys"]
    assert published == key_ring.signing_key.verification_key.to_jwk()
    assert published.keys() == {"kty", "n", "e", "kid", "use", "alg"}


# What the application may ask.


def test_a_link_to_a_client_begins_at_the_client(browser):
    assert browser.get(f"{ISSUER}/").json == {
        "Notes": f"{RECEIVER}/sso/login?iss=http%3A%2F%2Flocalhost%3A5001&target_link_uri=%2Fnotes"
    }


def test_a_link_to_a_client_may_leave_the_target_to_it(issuer):
    client = Client("a", "A", (CALLBACK,), f"{RECEIVER}/sso/login?tenant=1")
    with issuer.app_context():
        url = issuer.extensions["handoff"].continue_url(client)
    assert url == f"{RECEIVER}/sso/login?tenant=1&iss=http%3A%2F%2Flocalhost%3A5001"


def test_a_link_to_a_client_leads_to_an_arrival(browser):
    [url] = browser.get(f"{ISSUER}/").json.values()
    answer = browser.get(browser.get(url).location)
    assert browser.follow(answer).location == "/notes"


# The log, and several applications.


def test_a_refusal_is_logged_with_its_code_and_nothing_that_was_sent(browser, caplog):
    with caplog.at_level(logging.DEBUG):
        page = ask(browser, client_id="forged\r\nline", state="secret-state")
        ask(browser, nonce="secret nonce")
    assert "code=client_unknown" in caplog.text
    assert "code=authorization_returned client_id=notes " in caplog.text
    assert "secret" not in caplog.text
    assert "forged" not in caplog.text
    reference = page.text.partition("Reference: ")[2][:16]
    assert f"request_id={reference}" in caplog.text


def test_no_token_is_logged(browser, caplog):
    with caplog.at_level(logging.DEBUG):
        token = returned(ask(browser))["id_token"]
    assert token not in caplog.text
    assert not JWT.search(caplog.text)


def test_an_issued_token_is_told_to_whoever_counts(browser, heard_at_issuer):
    ask(browser, scope="openid profile")
    [(event, told)] = heard_at_issuer.events
    assert (event, told["user"].subject, told["client"].client_id) == ("issued", "ada", "notes")
    assert told["scope"] == {"openid", "profile"}
    assert len(told["request_id"]) == 16
    assert not JWT.search(str(told))


def test_two_issuers_in_one_process_do_not_share_their_settings(build_issuer, receiver):
    other = build_issuer(HANDOFF_CLIENTS=[{**CLIENT, "client_id": "other"}])
    browsers = {"notes": Browser(build_issuer(), receiver), "other": Browser(other, receiver)}
    for client_id, browser in browsers.items():
        browser.sign_in()
        statuses = {name: ask(browser, client_id=name).status_code for name in browsers}
        assert statuses == {name: 303 if name == client_id else 400 for name in browsers}


@pytest.mark.parametrize("secret", [None, ""])
def test_an_issuer_does_not_start_without_a_secret(key_directory, clock, secret):
    with pytest.raises(ConfigurationError, match="SECRET_KEY is not set"):
        issuer_app(key_directory, clock, SECRET_KEY=secret)


def test_an_older_secret_still_continues_what_it_signed(build_issuer, receiver):
    before = Browser(build_issuer(SECRET_KEY="old"), receiver)
    carried = with_query(f"{AUTHORIZE}?{ask(before).location.partition('?')[2]}")
    after = Browser(build_issuer(SECRET_KEY=b"new", SECRET_KEY_FALLBACKS=["old"]), receiver)
    after.sign_in()
    assert "id_token" in returned(after.get(carried))


@pytest.mark.parametrize("older", ["a former key", b"a former key", [""]], ids=str)
def test_older_secrets_are_a_list_of_keys(build_issuer, older):
    with pytest.raises(ConfigurationError, match="SECRET_KEY_FALLBACKS") as refused:
        build_issuer(SECRET_KEY_FALLBACKS=older)
    assert "former" not in str(refused.value)


def test_an_issuer_does_not_start_without_keys(tmp_path, clock):
    with pytest.raises(ConfigurationError, match="handoff-keys new"):
        issuer_app(tmp_path / "nothing", clock)
