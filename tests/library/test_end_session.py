"""Logouts that a client asks for: who is signed out at once, who is asked, and where they end."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from flask_handoff import HANDOFF, OIDC, DependencyUnavailableError, HandoffIssuer, TokenMinter
from flask_handoff.claims import SignedInUser
from flask_handoff.errors import UnsafeReturnToError
from flask_handoff.keys import KeyRing, SigningKey
from flask_handoff.profiles import ACCESS, LOGOUT
from flask_handoff.stores import MemoryCodeStore
from tests.code_client import ask, code_of, exchange
from tests.minimal_pair import (
    CALLBACK,
    CLIENT,
    CODE_CLIENT,
    ISSUER,
    RECEIVER,
    Browser,
    issuer_app,
    query_of,
)

END_SESSION = f"{ISSUER}/end-session"
BACK = f"{RECEIVER}/signed-out"
READER_BACK = "http://127.0.0.1:5003/bye?tenant=1"
SID = "a-session-at-server1"
CLIENTS = [
    {**CLIENT, "post_logout_redirect_uris": [BACK]},
    {**CODE_CLIENT, "post_logout_redirect_uris": [READER_BACK]},
]
HERE = {"client_id": "notes", "post_logout_redirect_uri": BACK}


@pytest.fixture
def issuer(key_ring, clock):
    return issuer_app(
        key_ring, clock, MemoryCodeStore(), ends_sessions=True, HANDOFF_CLIENTS=CLIENTS
    )


@pytest.fixture
def stranger(issuer):
    """A browser in which nobody is signed in."""
    return Browser(issuer, None)


@pytest.fixture
def browser(stranger):
    stranger.sign_in()
    return stranger


@pytest.fixture
def hint(key_ring, clock):
    """Makes ID Tokens as this issuer has made them."""

    def mint(profile=HANDOFF, *, audience="notes", sid=SID, issuer=ISSUER, keys=key_ring):
        user = SignedInUser("ada", sid, clock())
        minter = TokenMinter(issuer=issuer, key_ring=keys, clock=clock)
        return minter.mint(profile, user, audience=audience, nonce=None, scope=frozenset())

    return mint


def end_session(browser, *, method="GET", **asked):
    where = "query_string" if method == "GET" else "data"
    return browser.open(END_SESSION, method=method, **{where: asked})


def page(browser, answer):
    """Return what the application's page for signing out says, to which an answer leads."""
    assert answer.status_code == 303
    assert urlsplit(answer.location).path == "/logout"
    return browser.get(ISSUER + answer.location).get_json()


def is_signed_in(browser):
    return browser.get(f"{ISSUER}/logout").get_json()["signed_in"]


def is_asked(browser, answer):
    return page(browser, answer)["signed_in"] and is_signed_in(browser)


# What proves the session signs out at once.


@pytest.mark.parametrize("profile", [HANDOFF, OIDC], ids=lambda profile: profile.typ)
def test_an_id_token_of_this_session_signs_out_at_once(browser, hint, profile):
    answer = end_session(browser, id_token_hint=hint(profile), post_logout_redirect_uri=BACK)
    assert (answer.status_code, answer.location) == (303, BACK)
    assert not is_signed_in(browser)


def test_the_sid_of_this_session_signs_out_at_once(browser):
    answer = end_session(browser, logout_hint=SID, **HERE, state="a b&c")
    assert (answer.status_code, answer.location) == (303, f"{BACK}?state=a+b%26c")
    assert not is_signed_in(browser)


def test_a_hint_may_have_expired_long_ago_and_been_used_before(browser, hint, clock):
    old = hint()
    clock.tick(days=300)
    for _ in range(2):
        browser.sign_in()
        assert end_session(browser, id_token_hint=old, **HERE).location == BACK


def test_a_hint_spends_nothing_and_its_code_flow_token_serves_too(browser):
    token = exchange(browser, code_of(ask(browser))).get_json()["id_token"]
    asked = {"id_token_hint": token, "post_logout_redirect_uri": READER_BACK, "state": "s"}
    assert end_session(browser, **asked).location == f"{READER_BACK}&state=s"
    assert not is_signed_in(browser)


def test_a_hint_by_a_replaced_key_counts_as_long_as_it_is_published(key_ring, clock, hint):
    new, old = SigningKey.generate(2048), key_ring.signing_key
    for known, is_proof in ({old.kid: old, new.kid: new}, True), ({new.kid: new}, False):
        keys = KeyRing(known, new.kid)
        browser = Browser(
            issuer_app(keys, clock, ends_sessions=True, HANDOFF_CLIENTS=CLIENTS[:1]), None
        )
        browser.sign_in()
        end_session(browser, id_token_hint=hint())
        assert is_signed_in(browser) != is_proof


# What does not prove it leads to a question, and nobody is signed out.


@pytest.mark.parametrize(
    "asked",
    [
        {},
        HERE,
        {**HERE, "logout_hint": "another-session"},
        {**HERE, "logout_hint": "ada"},
        {**HERE, "logout_hint": ""},
        {**HERE, "logout_hint": "x" * 300},
        {**HERE, "id_token_hint": "no token"},
        {"ui_locales": "de en"},
        {"client_id": "unknown", "logout_hint": ""},
    ],
    ids=lambda asked: "-".join(asked) or "nothing",
)
def test_a_link_without_a_proof_only_asks(browser, asked):
    assert is_asked(browser, end_session(browser, **asked))


def forged(token):
    head, payload, signature = token.split(".")
    return f"{head}.{payload}.{'A' * len(signature)}"


@pytest.mark.parametrize("kind", ["another session", "another issuer", "another key", "forged"])
def test_a_hint_that_proves_nothing_only_asks(browser, hint, kind):
    token = {
        "another session": lambda: hint(sid="another"),
        "another issuer": lambda: hint(issuer="http://localhost:5009"),
        "another key": lambda: hint(keys=KeyRing({(k := SigningKey.generate(2048)).kid: k}, k.kid)),
        "forged": lambda: forged(hint()),
    }[kind]()
    assert is_asked(browser, end_session(browser, id_token_hint=token, **HERE))


@pytest.mark.parametrize("profile", [ACCESS, LOGOUT], ids=lambda profile: profile.name)
def test_another_kind_of_token_is_no_hint(browser, hint, profile):
    assert is_asked(browser, end_session(browser, id_token_hint=hint(profile), **HERE))


def test_a_hint_that_is_not_genuine_lends_no_client(stranger, hint):
    asked = {"id_token_hint": forged(hint()), "post_logout_redirect_uri": BACK}
    answer = page(stranger, end_session(stranger, **asked))
    assert answer == {"signed_in": False, "client": None, "cannot_return": True}


def test_who_agrees_is_led_on_to_where_the_client_wanted(browser):
    question = end_session(browser, **HERE, state="s")
    carried = query_of(question.location)["continue"]
    assert page(browser, question)["client"] == "Notes"
    answer = browser.post(f"{ISSUER}/logout", {"continue": carried})
    assert answer.location == f"{BACK}?state=s"


def test_what_a_page_carries_is_dropped_after_ten_minutes(browser, clock):
    carried = query_of(end_session(browser, **HERE).location)["continue"]
    clock.tick(minutes=10)
    assert browser.post(f"{ISSUER}/logout", {"continue": carried}).location == "/logout"
    answer = end_session(browser, **{"continue": carried})
    assert answer.status_code == 400


def test_what_a_page_carries_is_for_signing_out_only(browser, clock):
    clock.tick(seconds=1)
    sign_in = browser.get(
        f"{ISSUER}/authorize",
        query_string={
            **{"client_id": "notes", "redirect_uri": CALLBACK, "response_type": "id_token"},
            **{"response_mode": "query", "scope": "openid", "state": "s" * 43, "nonce": "n"},
            **{"prompt": "login"},
        },
    )
    carried = query_of(sign_in.location)["continue"]
    assert end_session(browser, **{"continue": carried}).status_code == 400
    carried = query_of(end_session(browser).location)["continue"]
    assert browser.get(f"{ISSUER}/authorize?continue={carried}").status_code == 400


# A POST comes without the Lax cookie, and goes on as a GET.


def test_a_post_from_another_site_goes_on_as_a_get(browser, hint):
    asked = {"id_token_hint": hint(), "post_logout_redirect_uri": BACK, "state": "s"}
    crossing = browser.post(END_SESSION, asked, sends_cookies=False)
    assert crossing.status_code == 303
    assert asked["id_token_hint"] not in crossing.location
    assert browser.get(ISSUER + crossing.location).location == f"{BACK}?state=s"
    assert not is_signed_in(browser)


def test_a_post_without_a_proof_only_asks(browser):
    crossing = end_session(browser, method="POST", **HERE)
    assert is_asked(browser, browser.get(ISSUER + crossing.location))


# Where the user may be sent afterwards.


def test_who_is_not_signed_in_goes_back_at_once(stranger):
    assert end_session(stranger, **HERE, state="s").location == f"{BACK}?state=s"


def test_without_an_address_the_end_is_a_page(stranger, browser):
    answer = end_session(browser, logout_hint=SID, state="s")
    assert page(browser, answer) == {"signed_in": False, "client": None, "cannot_return": None}


@pytest.mark.parametrize(
    "asked",
    [
        {"post_logout_redirect_uri": BACK},
        {"client_id": "unknown", "post_logout_redirect_uri": BACK},
        {"client_id": "reader", "post_logout_redirect_uri": BACK},
        *(
            {"client_id": "notes", "post_logout_redirect_uri": uri}
            for uri in (
                *(f"{BACK}/", f"{BACK}?x", f"{BACK}#", BACK.upper(), f" {BACK}", CALLBACK),
                *("https://evil.example/", "//evil.example", "javascript:alert(1)", "/"),
            )
        ),
    ],
    ids=lambda asked: " ".join(asked.values()),
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_is_sent_to_an_address_that_is_not_registered(browser, asked, method):
    answer = end_session(browser, method=method, logout_hint=SID, **asked)
    if method == "POST":
        answer = browser.get(ISSUER + answer.location)
    assert "evil" not in answer.location
    answer = page(browser, answer)
    assert (answer["signed_in"], answer["cannot_return"]) == (False, True)


def test_an_address_that_is_removed_meanwhile_is_not_gone_to(key_ring, clock, browser):
    carried = query_of(end_session(browser, **HERE).location)["continue"]
    later = Browser(issuer_app(key_ring, clock, ends_sessions=True, HANDOFF_CLIENTS=[CLIENT]), None)
    answer = later.post(f"{ISSUER}/logout", {"continue": carried})
    assert page(later, answer)["cannot_return"]


# Requests that are refused.


@pytest.mark.parametrize(
    "name",
    [
        *("id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri"),
        *("state", "ui_locales", "continue"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_parameter_that_is_sent_twice_is_refused(browser, name, method):
    answer = end_session(browser, method=method, **{"logout_hint": SID, name: ["a", "a"]})
    assert answer.status_code == 400
    assert "You are not signed out here" in answer.text
    assert ">Sign out here</a>" in answer.text
    assert is_signed_in(browser)


def test_a_hint_of_another_client_is_refused(browser, hint):
    answer = end_session(browser, id_token_hint=hint(), client_id="reader")
    assert answer.status_code == 400
    assert is_signed_in(browser)


def test_a_state_that_is_too_long_is_refused(browser):
    assert end_session(browser, **HERE, state="s" * 4097).status_code == 400
    assert end_session(browser, **HERE, state="s" * 4096).status_code == 303


def test_a_head_request_signs_nobody_out(browser):
    answer = browser.open(END_SESSION, method="HEAD", query_string={"logout_hint": SID})
    assert answer.status_code == 405
    assert is_signed_in(browser)


def test_the_answers_stay_out_of_caches_and_referers(browser):
    answer = end_session(browser, logout_hint=SID)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_no_hint_gets_into_the_log(browser, hint, caplog):
    caplog.set_level("INFO")
    token = forged(hint(sid="another"))
    end_session(browser, id_token_hint=token)
    assert "id_token_hint not used: check=signature" in caplog.text
    assert token.split(".")[1] not in caplog.text


class Away:
    """Clients in a database that is out of reach."""

    def client(self, _client_id):
        raise DependencyUnavailableError("the database failed")


def test_an_outage_is_a_page_and_nobody_is_signed_out(issuer, browser):
    context = issuer.extensions["handoff_issuer"]
    issuer.extensions["handoff_issuer"] = context._replace(clients=Away())
    answer = end_session(browser, logout_hint=SID, **HERE)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Signing out is not possible right now" in answer.text
    assert is_signed_in(browser)


# What is announced, and to whom it is there.


def test_the_endpoint_is_there_and_announced_with_its_hooks_only(issuer, build_issuer):
    for app, is_there in (issuer, True), (build_issuer(), False):
        browser = Browser(app, None)
        metadata = browser.get(f"{ISSUER}/.well-known/openid-configuration").get_json()
        assert metadata.get("end_session_endpoint") == (END_SESSION if is_there else None)
        assert (browser.get(END_SESSION).status_code == 404) != is_there


@pytest.mark.parametrize(
    "given",
    [
        *({"end_session": print}, {"logout_endpoint": "logout"}),
        *({"consented_at": print}, {"consent_endpoint": "consent"}),
    ],
)
def test_the_two_hooks_are_given_together(given):
    hooks: dict[str, Any] = {"signed_in_user": print, "granted_scope": print}
    with pytest.raises(TypeError, match="given together"):
        HandoffIssuer(**hooks, login_endpoint="login", **given)


# The receiver's side.


def test_a_receiver_names_the_address_in_one_call(build_receiver):
    app = build_receiver()
    with app.test_request_context(base_url=RECEIVER):
        url = app.extensions["handoff"].logout_url(SID, return_to="/signed-out", state="s")
    assert url.startswith(f"{END_SESSION}?")
    assert query_of(url) == {**HERE, "logout_hint": SID, "state": "s"}


def test_a_receivers_address_needs_neither_session_nor_return(build_receiver):
    app = build_receiver()
    with app.test_request_context(base_url=RECEIVER):
        assert app.extensions["handoff"].logout_url() == f"{END_SESSION}?client_id=notes"


def test_a_receiver_leads_nobody_to_another_site(build_receiver):
    app = build_receiver()
    with app.test_request_context(base_url=RECEIVER), pytest.raises(UnsafeReturnToError):
        app.extensions["handoff"].logout_url(return_to="//evil.example")


def test_a_foreign_provider_has_an_endpoint_of_its_own(build_receiver):
    elsewhere = "https://idp.example.com/oidc/logout"
    app = build_receiver(HANDOFF_END_SESSION_ENDPOINT=elsewhere)
    with app.test_request_context(base_url=RECEIVER):
        assert app.extensions["handoff"].logout_url(SID).startswith(f"{elsewhere}?client_id=")


def test_a_receivers_user_is_signed_out_at_both(key_ring, clock, issuer, build_receiver):
    receiver = build_receiver()
    browser = Browser(issuer, receiver)
    browser.sign_in()
    browser.arrive()
    [arrival] = receiver.extensions["sessions"].values()
    with receiver.test_request_context(base_url=RECEIVER):
        url = receiver.extensions["handoff"].logout_url(
            arrival.claims.session_id, return_to="/signed-out"
        )
    assert browser.get(url).location == BACK
    assert not is_signed_in(browser)


def test_time_plays_no_part_in_a_hint_of_tomorrow(browser, hint, clock):
    clock.tick(days=1)
    tomorrows = hint()
    clock.now -= timedelta(days=1)
    assert end_session(browser, id_token_hint=tomorrows, **HERE).location == BACK
