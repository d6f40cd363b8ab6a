"""Signing out at SERVER1: at a service's request or its own, and what its last page says."""

import json
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from itsdangerous import base64_decode

from server1.sign_out import MOST_NAMED
from tests.servers.accounts_visitor import Visitor, hidden_fields
from tests.servers.audit_log import rows
from tests.servers.told_services import FAILS, running_services

BYE = "http://127.0.0.1:5002/server2/bye"
REFRESH = '<meta http-equiv="refresh" content="2">'


@pytest.fixture
def services(made_environment, clock):
    with running_services(made_environment, clock) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def services_on(request, made_environment, clock):
    settings = dict(made_environment)
    if request.param == "postgresql":
        settings["SERVER1_DATABASE_URL"] = request.getfixturevalue("server1_postgresql_url")
    with running_services(settings, clock) as running:
        yield running


def end_session(visitor, **asked):
    return visitor.get(f"/end-session?{urlencode(asked)}")


def agree(visitor, question):
    """Agree on the page that asks, to which an answer leads."""
    page = visitor.get(question.location)
    assert "Sign out?" in page.text
    return visitor.post("/logout", hidden_fields(page.text))


def outcomes(page):
    """Return what the last page says of each service."""
    found = re.findall(r"<dt>(.+?)</dt>\s*<dd>(.+?)</dd>", page.text, re.DOTALL)
    return {name: " ".join(outcome.split()) for name, outcome in found}


# A service asks.


def test_a_service_signs_its_user_out_by_the_sid(services_on):
    visitor = services_on.visitor("server2", "photos")
    sid = services_on.sid()
    asked = {"client_id": "server2", "logout_hint": sid, "post_logout_redirect_uri": BYE}
    answer = end_session(visitor, **asked, state="s")
    assert (answer.status_code, answer.location) == (303, f"{BYE}?state=s")
    assert not visitor.is_signed_in
    assert {(told.client_id, told.sid) for told in services_on.told()} == {
        ("server2", sid),
        ("photos", sid),
    }
    assert rows(services_on.accounts)[-1].event == "session_ended"


def test_a_service_signs_its_user_out_by_an_id_token(services):
    visitor = services.visitor()
    token = parse_qs(urlsplit(services.enter(visitor).location).query)["id_token"][0]
    subject, sid = services.accounts.find().subject, services.sid()
    asked = {"id_token_hint": token, "post_logout_redirect_uri": BYE, "state": "s" * 128}
    answer = end_session(visitor, **asked)
    assert answer.location == f"{BYE}?state={'s' * 128}"
    assert [(told.sid, told.subject) for told in services.told()] == [(sid, subject)]
    service = {"client_id": "server2", "redirect_uri": "http://127.0.0.1:5002/server2"}
    assert "error=login_required" in visitor.authorize(**service, prompt="none").location


@pytest.mark.parametrize("hint", ["", "another-sid", "ada@example.com"])
def test_a_strangers_link_asks_and_who_agrees_goes_back(services, hint):
    visitor = services.visitor("server2")
    asked = {"client_id": "server2", "logout_hint": hint, "post_logout_redirect_uri": BYE}
    question = end_session(visitor, **asked, state="s")
    assert visitor.is_signed_in
    page = visitor.get(question.location)
    assert "<strong>SERVER2</strong> asks" in page.text
    policy = page.headers["Content-Security-Policy"]
    assert policy.endswith("form-action 'self' http://127.0.0.1:5002")
    assert agree(visitor, question).location == f"{BYE}?state=s"
    assert not visitor.is_signed_in


def test_the_sid_of_another_browser_signs_out_neither(services, clock):
    visitor = services.visitor("server2")
    clock.tick(seconds=1)
    other = services.visitor("server2")
    question = end_session(visitor, client_id="server2", logout_hint=services.sid())
    assert "Sign out?" in visitor.get(question.location).text
    assert visitor.is_signed_in
    assert other.is_signed_in


def test_the_page_that_asks_needs_a_csrf_token(services):
    visitor = services.visitor("server2")
    question = end_session(visitor, client_id="server2", post_logout_redirect_uri=BYE)
    fields = hidden_fields(visitor.get(question.location).text)
    assert visitor.post("/logout", {"continue": fields["continue"]}).status_code == 403
    assert visitor.is_signed_in


def test_who_presses_twice_comes_back_to_the_service(services):
    visitor = services.visitor("server2")
    question = end_session(visitor, client_id="server2", post_logout_redirect_uri=BYE)
    fields = hidden_fields(visitor.get(question.location).text)
    visitor.post("/logout", fields)
    answer = visitor.post("/logout", fields)
    assert (answer.status_code, answer.location) == (303, BYE)


def test_without_a_client_the_forms_lead_nowhere_else(services):
    visitor = services.visitor("server2")
    page = visitor.get(end_session(visitor).location)
    assert page.headers["Content-Security-Policy"].endswith("form-action 'self'")
    assert "asks whether" not in page.text


def test_who_signed_out_in_another_tab_goes_back_from_the_question(services):
    visitor = services.visitor("server2")
    question = end_session(visitor, client_id="server2", post_logout_redirect_uri=BYE)
    visitor.sign_out()
    assert visitor.get(question.location).location == BYE


def test_an_address_that_is_not_registered_ends_on_a_page_that_says_so(services):
    visitor = services.visitor("server2")
    elsewhere = "https://evil.example/"
    asked = {"client_id": "server2", "post_logout_redirect_uri": elsewhere}
    end = agree(visitor, end_session(visitor, **asked)).location
    page = visitor.get(end)
    assert page.status_code == 200
    assert "an address that is not\n    registered for it" in page.text
    assert elsewhere not in page.text + end
    assert not visitor.is_signed_in


def test_a_disabled_client_is_not_gone_back_to(accounts, clock):
    add = ("clients", "add", "Wiki", "--kind", "receiver", "--client-id", "wiki")
    uris = ("--redirect-uri", "https://wiki.example/cb", "--post-logout-redirect-uri")
    asked = {"client_id": "wiki", "post_logout_redirect_uri": "https://wiki.example/bye"}
    added = accounts.run(*add, *uris, asked["post_logout_redirect_uri"])
    assert "after logout    https://wiki.example/bye" in added.output
    visitor = Visitor(accounts)
    assert end_session(visitor, **asked).location == "https://wiki.example/bye"
    accounts.run("clients", "disable", "wiki")
    assert end_session(visitor, **asked).location.startswith("/logout?continue=")


def test_an_address_for_afterwards_must_be_one_of_https(accounts):
    add = ("clients", "add", "Wiki", "--kind", "web", "--redirect-uri", "https://wiki.example/cb")
    result = accounts.try_to_run(*add, "--post-logout-redirect-uri", "http://wiki.example/bye")
    assert result.exit_code != 0
    assert "post_logout_redirect_uris" in result.output


# What other people's software sends.


@pytest.fixture
def wiki(accounts):
    """A browser that is signed in at a wiki whose library keeps the ID Token, which it returns."""
    added = accounts.run(
        *("clients", "add", "Wiki", "--kind", "web", "--client-id", "wiki", "--first-party"),
        *("--redirect-uri", "https://wiki.example/callback"),
        *("--post-logout-redirect-uri", "https://wiki.example/"),
        *("--post-logout-redirect-uri", "https://wiki.example/loggedout.html"),
    )
    secret = re.search(r"client_secret +(\S+)", added.output)[1]
    visitor = Visitor(accounts)
    visitor.sign_in()
    redirect_uri = "https://wiki.example/callback"
    asked = {"client_id": "wiki", "redirect_uri": redirect_uri, "response_type": "code"}
    answer = visitor.authorize(**asked, scope="openid profile")
    [code] = parse_qs(urlsplit(answer.location).query)["code"]
    tokens = accounts.app.test_client().post(
        "/token",
        data={"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri},
        auth=("wiki", secret),
        base_url=accounts.issuer,
    )
    return visitor, tokens.json["id_token"]


@pytest.mark.parametrize(
    "asked",
    [
        # express-openid-connect with idpLogout
        {"client_id": "wiki", "post_logout_redirect_uri": "https://wiki.example/"},
        # mod_auth_openidc upon redirect_uri?logout=https://wiki.example/loggedout.html
        {"post_logout_redirect_uri": "https://wiki.example/loggedout.html"},
    ],
    ids=["express-openid-connect", "mod_auth_openidc"],
)
def test_other_peoples_software_signs_out_with_the_id_token_it_kept(wiki, clock, asked):
    visitor, id_token = wiki
    clock.tick(minutes=20)  # of 30 idle ones; the ID Token has long expired
    answer = end_session(visitor, id_token_hint=id_token, **asked)
    assert answer.location == asked["post_logout_redirect_uri"]
    assert not visitor.is_signed_in


# What the last page says.


def test_the_last_page_says_who_has_confirmed(services_on):
    visitor = services_on.visitor("server2", "photos", "deaf")
    services_on.endpoints["photos"].answer = FAILS
    assert visitor.sign_out().location == "/logout"
    page = visitor.get("/logout")
    waiting = "is being notified"
    assert outcomes(page) == {"SERVER2": waiting, "PHOTOS": waiting}
    assert REFRESH in page.text
    services_on.tell()
    page = visitor.get("/logout")
    assert outcomes(page) == {"SERVER2": "has signed you out", "PHOTOS": waiting}
    assert REFRESH in page.text
    assert "At DEAF you stay signed in until you sign out there." in page.text


def test_the_last_page_rests_when_all_have_confirmed(services):
    visitor = services.visitor("server2")
    visitor.sign_out()
    services.tell()
    page = visitor.get("/logout")
    assert outcomes(page) == {"SERVER2": "has signed you out"}
    assert REFRESH not in page.text


def test_the_last_page_asks_by_itself_for_a_minute(services, clock):
    services.endpoints["server2"].answer = FAILS
    visitor = services.visitor("server2")
    visitor.sign_out()
    services.tell()
    clock.tick(seconds=59)
    assert REFRESH in visitor.get("/logout").text
    clock.tick(seconds=1)
    page = visitor.get("/logout")
    assert outcomes(page) == {"SERVER2": "is being notified"}
    assert "goes on trying" in page.text
    assert REFRESH not in page.text
    clock.tick(minutes=9)
    assert outcomes(visitor.get("/logout")) == {}


def test_the_last_page_says_which_service_could_not_be_notified(services, clock):
    services.endpoints["server2"].answer = FAILS
    visitor = services.visitor("server2")
    visitor.sign_out()
    clock.tick(days=1)
    services.tell()
    clock.tick(days=-1)
    page = visitor.get("/logout")
    assert outcomes(page) == {"SERVER2": "could not be notified"}
    assert "Sign out there yourself" in page.text
    assert REFRESH not in page.text


def test_another_sessions_notifications_are_not_shown(services):
    visitor = services.visitor("server2")
    visitor.sign_out()
    services.tell()
    services.endpoints["server2"].answer = FAILS
    services.visitor("server2").sign_out()
    services.tell()
    assert outcomes(visitor.get("/logout")) == {"SERVER2": "has signed you out"}


def test_another_browser_learns_nothing_of_the_sign_out(services):
    services.visitor("server2").sign_out()
    assert outcomes(Visitor(services.accounts).get("/logout")) == {}


def test_the_next_sign_in_forgets_the_last_page(services):
    visitor = services.visitor("server2")
    visitor.sign_out()
    visitor.sign_in()
    assert "signed_out" not in held(visitor)


def test_after_a_services_request_the_last_page_says_it_too(services):
    visitor = services.visitor("server2")
    end_session(visitor, client_id="server2", logout_hint=services.sid())
    assert outcomes(visitor.get("/logout")) == {"SERVER2": "is being notified"}


def test_the_cookie_stays_small_however_many_services_there_were(services):
    services.stop()
    [known, *_] = json.loads(services.environment["HANDOFF_CLIENTS"])
    names = [f"{number:0128}" for number in range(MOST_NAMED + 2)]
    many = [
        {
            **known,
            "client_id": name,
            "name": name,
            "redirect_uris": [f"http://127.0.0.1:5002/{name}"],
        }
        for name in names
    ]
    services.environment["HANDOFF_CLIENTS"] = json.dumps(many)
    services.start()
    visitor = services.visitor(*names)
    visitor.sign_out()
    assert len(visitor.cookie) < 4000
    page = visitor.get("/logout")
    assert list(outcomes(page)) == names[:MOST_NAMED]
    assert "2 more are notified as well." in page.text


def held(visitor):
    return json.loads(base64_decode(visitor.cookie.split(".")[0]))
