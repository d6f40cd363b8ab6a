"""Software of somebody else's: its user is asked, and can take back what they agreed to."""

import base64
import hashlib
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import delete, select, text

from flask_handoff.issuer.clients.authentication import secret_hash
from flask_service.database import Database
from server1.accounts import client_revocation
from server1.accounts.client_sessions import client_sessions, note_client_session
from server1.accounts.consents import consents, find_consent, give_consent
from server1.accounts.users import users
from server1.audit import Event
from server1.db import SCHEMA
from server1.handoff import handoff
from server1.handoff import token_user as ask_for_token_user
from tests.servers.accounts_visitor import (
    CLIENTS,
    EMAIL,
    PASSWORD,
    Visitor,
    hidden_fields,
    running_accounts,
)
from tests.servers.audit_log import rows

SECRET = "a secret of the tests, as long as it takes"
VERIFIER = "a-verifier-of-the-tests-as-long-as-it-has-to-be"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]
NOTES = {
    **json.loads(CLIENTS)[0],
    "resource": "http://127.0.0.1:5002",
    "scopes": ["notes:read", "notes:write"],
}
WIKI = {
    "client_id": "wiki",
    "name": "Wiki",
    "redirect_uris": ["https://wiki.example/callback"],
    "response_types": ["code"],
    "policy": "oidc",
    "secret_hashes": [secret_hash(SECRET)],
    "backchannel_logout_uri": "https://wiki.example/logout",
}
TERMINAL = {
    "client_id": "terminal",
    "name": "Terminal",
    "redirect_uris": ["http://127.0.0.1/", "com.example.terminal:/callback"],
    "response_types": ["code"],
    "policy": "oidc",
    "native": True,
}
SETTINGS = {"HANDOFF_CLIENTS": json.dumps([NOTES, WIKI, TERMINAL])}
REQUEST = {
    "client_id": "wiki",
    "redirect_uri": "https://wiki.example/callback",
    "response_type": "code",
    "scope": "openid profile",
    "state": "a-state",
    "nonce": None,
    "response_mode": None,
}


@pytest.fixture
def accounts(made_environment, clock, kept_applications):
    settings = {**made_environment, **SETTINGS}
    with running_accounts(settings, clock, kept_applications) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def accounts_on(request, made_environment, clock, kept_applications):
    settings = {**made_environment, **SETTINGS}
    if request.param == "postgresql":
        settings["SERVER1_DATABASE_URL"] = request.getfixturevalue("server1_postgresql_url")
    with running_accounts(settings, clock, kept_applications) as running:
        yield running


def signed_in(accounts):
    visitor = Visitor(accounts)
    visitor.sign_in()
    return visitor


def ask(visitor, **parameters):
    """Come from a client, and return where that leads."""
    wanted = {**REQUEST, **parameters}
    answer = visitor.authorize(**{name: value for name, value in wanted.items() if value})
    assert answer.status_code == 303
    return answer.location


def asked(visitor, **parameters):
    """Come from a client, and return the page that asks."""
    location = ask(visitor, **parameters)
    assert location.startswith("/consent?continue=")
    return visitor.get(location)


def answer(visitor, page, word="agree", **fields):
    """Answer the page, and return where the client's answer leads."""
    first = visitor.post("/consent", {**hidden_fields(page.text), "answer": word, **fields})
    assert first.status_code == 303
    if not first.location.startswith("/authorize?"):
        return first.location
    return visitor.get(first.location).location


def code_of(location):
    return parse_qs(urlsplit(location).query)["code"][0]


def exchange(accounts, code, **fields):
    data = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REQUEST["redirect_uri"],
        "client_id": "wiki",
        "client_secret": SECRET,
        **fields,
    }
    return accounts.app.test_client().post("/token", data=data, base_url=accounts.issuer)


def userinfo(accounts, token):
    headers = {"Authorization": f"Bearer {token}"}
    return accounts.app.test_client().get("/userinfo", headers=headers, base_url=accounts.issuer)


def permissions(page):
    shown = re.search(r'<ul class="permissions">(.*?)</ul>', page.text, re.DOTALL)
    return re.findall("<li>(.*)</li>", shown[1]) if shown else []


def sid(accounts):
    (session,) = accounts.session_rows()
    return session.sid


def noted(accounts):
    """Return which clients the sessions are noted to have entered."""
    with accounts.database.reading() as connection:
        return [row.client_id for row in connection.execute(select(client_sessions))]


def withdraw(visitor, client_id="wiki"):
    fields = {"client_id": client_id}
    return visitor.submit("/account/consents/withdraw", fields, page="/account/name")


def token_user(accounts, client_id="wiki"):
    """Return what /token and /userinfo are told about the one session that there is."""
    with accounts.app.app_context():
        (client,) = [each for each in handoff.clients() if each.client_id == client_id]
        return ask_for_token_user(client, accounts.find().subject, sid(accounts))


# Asking.


def test_who_agrees_arrives_and_the_client_gets_its_tokens(accounts_on):
    visitor = signed_in(accounts_on)
    page = asked(visitor, scope="openid profile email")
    assert "Allow Wiki?" in page.text
    assert "wiki.example" in page.text
    assert EMAIL in page.text
    assert permissions(page) == ["see your name", "see your e-mail address"]
    location = answer(visitor, page)
    assert location.startswith("https://wiki.example/callback?code=")
    tokens = exchange(accounts_on, code_of(location))
    assert tokens.status_code == 200, tokens.text
    assert tokens.json["scope"] == "email openid profile"
    assert [(row.event, row.client_id, row.detail) for row in rows(accounts_on)[2:]] == [
        ("consent_given", "wiki", "scope email openid profile"),
        ("handoff_issued", "wiki", f"session {sid(accounts_on)}, scope email openid profile"),
        (
            *("tokens_issued", "wiki"),
            f"session {sid(accounts_on)}, for http://localhost:5001, scope email openid profile",
        ),
    ]


def test_what_was_agreed_to_is_not_asked_again(accounts_on, clock):
    visitor = signed_in(accounts_on)
    answer(visitor, asked(visitor))
    clock.tick(minutes=1)
    assert "code=" in ask(visitor)
    assert "code=" in ask(signed_in(accounts_on), scope="openid")


def test_more_than_was_agreed_to_is_asked(accounts_on):
    visitor = signed_in(accounts_on)
    answer(visitor, asked(visitor))
    answer(visitor, asked(visitor, scope="openid email"))
    assert "code=" in ask(visitor, scope="openid profile email")
    assert permissions(asked(visitor, scope="openid profile notes:read")) == [
        "see your name",
        "read your notes",
    ]


def test_a_client_may_have_the_question_asked_again(accounts, clock):
    visitor = signed_in(accounts)
    answer(visitor, asked(visitor))
    clock.tick(seconds=1)
    again = asked(visitor, prompt="consent")
    clock.tick(seconds=1)
    assert "code=" in answer(visitor, again)


def test_where_no_page_may_be_shown_the_client_is_told(accounts):
    visitor = signed_in(accounts)
    assert "error=consent_required" in ask(visitor, prompt="none")
    answer(visitor, asked(visitor))
    assert "code=" in ask(visitor, prompt="none")


def test_a_first_party_client_is_not_asked_for(accounts):
    visitor = signed_in(accounts)
    assert "id_token=" in visitor.authorize().location
    assert "Apps and services" not in visitor.get("/account").text


def test_who_does_not_agree_is_sent_back_with_that(accounts):
    visitor = signed_in(accounts)
    location = answer(visitor, asked(visitor), "deny")
    assert location.startswith("https://wiki.example/callback?error=access_denied")
    assert "state=a-state" in location
    (refusal,) = rows(accounts, Event.HANDOFF_REFUSED)
    assert refusal.detail == "access_denied: the user does not agree"
    assert (refusal.subject, refusal.client_id) == (accounts.find().subject, "wiki")
    assert "/consent?" in ask(visitor)


@pytest.mark.parametrize("word", ["", "yes"])
def test_any_other_answer_agrees_to_nothing(accounts, word):
    visitor = signed_in(accounts)
    fields = hidden_fields(asked(visitor).text)
    assert visitor.post("/consent", {**fields, "answer": word}).status_code == 400
    assert rows(accounts, Event.CONSENT_GIVEN) == []


def test_an_answer_without_the_page_s_token_is_refused(accounts):
    visitor = signed_in(accounts)
    fields = {**hidden_fields(asked(visitor).text), "answer": "agree"}
    del fields["csrf_token"]
    assert visitor.post("/consent", fields).status_code == 403
    assert rows(accounts, Event.CONSENT_GIVEN) == []


def test_answers_at_the_same_time_are_all_kept(accounts_on, clock):
    user = accounts_on.create("bob@example.com")
    asked_for = [{"openid"}, {"profile"}, {"email"}, {"notes:read"}]
    for first in (frozenset(), frozenset({"openid"})):
        together = threading.Barrier(len(asked_for))

        def agree(scope, first=first, together=together):
            with accounts_on.app.app_context():
                together.wait(30)
                with accounts_on.database.writing() as connection:
                    give_consent(connection, user.subject, "wiki", first.union(scope), clock())

        with ThreadPoolExecutor(len(asked_for)) as pool:
            list(pool.map(agree, asked_for))
        with accounts_on.database.reading() as connection:
            consent = find_consent(connection, user.subject, "wiki")
        assert consent.scope == frozenset().union(*asked_for)


def test_who_signed_in_meanwhile_agrees_to_nothing(accounts):
    accounts.create("bob@example.com")
    visitor = signed_in(accounts)
    fields = {**hidden_fields(asked(visitor).text), "answer": "agree"}
    visitor.sign_in("bob@example.com", page=ask(visitor, prompt="login"))
    assert visitor.post("/consent", fields).status_code == 403
    assert rows(accounts, Event.CONSENT_GIVEN) == []


@pytest.mark.parametrize("carried", ["", "nonsense", "eyJh.x"])
def test_a_page_without_a_request_leads_home(accounts, carried):
    visitor = signed_in(accounts)
    answer = visitor.get("/consent", query_string={"continue": carried})
    assert (answer.status_code, answer.location.partition("?")[0]) in [
        (303, "/"),
        (303, "/authorize"),
    ]


def test_a_request_that_waited_too_long_is_a_page(accounts, clock):
    visitor = signed_in(accounts)
    fields = {**hidden_fields(asked(visitor).text), "answer": "agree"}
    clock.tick(minutes=10)
    late = visitor.post("/consent", fields)
    assert "Too late" in visitor.get(late.location).text
    assert rows(accounts, Event.CONSENT_GIVEN) == []


def test_who_is_signed_out_signs_in_first(accounts):
    location = ask(Visitor(accounts))
    assert location.startswith("/login?continue=")
    visitor = Visitor(accounts)
    there = visitor.get(location.replace("/login", "/consent"))
    assert visitor.get(there.location).location.startswith("/login?continue=")


# What is shown is what would be granted.


def test_a_client_gets_no_more_than_its_user_may_do_at_the_service(accounts):
    accounts.run("grants", "set", EMAIL, "server2", "notes:read")
    visitor = signed_in(accounts)
    page = asked(visitor, scope="openid notes:read notes:write")
    assert permissions(page) == ["read your notes"]
    tokens = exchange(accounts, code_of(answer(visitor, page)))
    assert tokens.json["scope"] == "notes:read openid"


def test_who_may_not_enter_the_service_lets_nobody_else_in(accounts):
    accounts.run("grants", "set", EMAIL, "server2", "--none")
    visitor = signed_in(accounts)
    page = asked(visitor, scope="openid profile notes:read")
    assert permissions(page) == ["see your name"]


def test_what_was_set_for_the_client_itself_bounds_it_too(accounts):
    accounts.run("grants", "set", EMAIL, "wiki", "profile")
    page = asked(signed_in(accounts), scope="openid profile email notes:read")
    assert permissions(page) == ["see your name"]


def test_who_may_not_enter_the_client_is_asked_nothing(accounts):
    accounts.run("grants", "set", EMAIL, "wiki", "--none")
    assert "error=access_denied" in ask(signed_in(accounts))


def test_scopes_that_nobody_knows_are_not_asked_for(accounts):
    visitor = signed_in(accounts)
    page = asked(visitor, scope="openid everything")
    assert permissions(page) == []
    assert "an identifier of your account, and nothing else" in page.text
    assert exchange(accounts, code_of(answer(visitor, page))).json["scope"] == "openid"
    assert "code=" in ask(visitor, scope="openid everything")


def test_a_grant_that_grows_while_the_page_is_open_is_not_agreed_to(accounts):
    accounts.run("grants", "set", EMAIL, "server2", "notes:read")
    visitor = signed_in(accounts)
    page = asked(visitor, scope="openid notes:read notes:write")
    accounts.run("grants", "clear", EMAIL, "server2")
    fields = {**hidden_fields(page.text), "answer": "agree"}
    on_the_way = visitor.get(visitor.post("/consent", fields).location).location
    assert permissions(visitor.get(on_the_way)) == ["read your notes", "write notes"]


def test_no_field_of_the_page_makes_it_more(accounts):
    accounts.run("grants", "set", EMAIL, "server2", "notes:read")
    visitor = signed_in(accounts)
    page = asked(visitor, scope="openid notes:read")
    answer(visitor, page, scope="openid notes:read notes:write admin")
    (given,) = rows(accounts, Event.CONSENT_GIVEN)
    assert given.detail == "scope notes:read openid"


# Where the form may lead.


@pytest.mark.parametrize(
    ("client", "sources"),
    [
        (WIKI, "'self' https://wiki.example"),
        (TERMINAL, "'self' http://127.0.0.1:* com.example.terminal:"),
    ],
)
def test_the_forms_may_lead_to_the_client_that_waits_alone(accounts, client, sources):
    wanted = {
        "client_id": client["client_id"],
        "redirect_uri": client["redirect_uris"][0],
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    login = ask(Visitor(accounts), **wanted)
    for page in (asked(signed_in(accounts), **wanted), Visitor(accounts).get(login)):
        policy = page.headers["Content-Security-Policy"]
        assert policy.endswith(f"form-action {sources}")
        assert "frame-ancestors 'none'" in policy


def test_an_application_on_this_device_is_called_that(accounts):
    page = asked(
        signed_in(accounts),
        client_id="terminal",
        redirect_uri="http://127.0.0.1:51234/",
        code_challenge=CHALLENGE,
        code_challenge_method="S256",
    )
    assert "takes you to an application on this device" in page.text


# Taking it back.


def test_the_account_page_lists_what_was_agreed_to(accounts):
    visitor = signed_in(accounts)
    answer(visitor, asked(visitor, scope="openid profile notes:read"))
    page = visitor.get("/account").text
    assert "Apps and services you agreed to" in page
    assert "Wiki" in page
    assert "It may see your name and read your notes." in page
    assert "1 January 2026, 12:00 UTC" in page


def test_who_withdraws_ends_what_the_client_has(accounts_on):
    visitor = signed_in(accounts_on)
    token = exchange(accounts_on, code_of(answer(visitor, asked(visitor)))).json["access_token"]
    code = code_of(ask(visitor))
    assert userinfo(accounts_on, token).json["name"] == "Ada"
    assert visitor.get(withdraw(visitor).location).text.count("Withdrawn.") == 1
    refused = userinfo(accounts_on, token)
    assert (refused.status_code, refused.json["error"]) == (401, "invalid_token")
    assert exchange(accounts_on, code).json["error"] == "invalid_grant"
    assert noted(accounts_on) == []
    (withdrawn,) = rows(accounts_on, Event.CONSENT_WITHDRAWN)
    assert (withdrawn.subject, withdrawn.client_id) == (accounts_on.find().subject, "wiki")
    ended = rows(accounts_on, Event.CONSENT_WITHDRAWN, Event.CLIENT_SESSION_ENDED)
    assert [row.reason for row in ended] == ["consent_withdrawn"] * 2
    waiting = accounts_on.run("outbox", "list").output
    assert waiting.count("wiki") == 2
    assert "/consent?" in ask(visitor)


def test_whoever_agrees_again_gives_nothing_back(accounts_on):
    visitor = signed_in(accounts_on)
    token = exchange(accounts_on, code_of(answer(visitor, asked(visitor)))).json["access_token"]
    code = code_of(ask(visitor))
    withdraw(visitor)
    page = asked(visitor, scope="openid")
    new = exchange(accounts_on, code_of(answer(visitor, page))).json["access_token"]
    assert set(userinfo(accounts_on, new).json) == {"sub"}
    assert userinfo(accounts_on, token).status_code == 401
    assert exchange(accounts_on, code).json["error"] == "invalid_grant"


def test_a_session_s_tokens_end_with_it_at_that_client_alone(accounts_on):
    visitor, other = signed_in(accounts_on), Visitor(accounts_on)
    (session,) = accounts_on.session_rows()
    ours = exchange(accounts_on, code_of(answer(visitor, asked(visitor)))).json["access_token"]
    other.sign_in()
    theirs = exchange(accounts_on, code_of(ask(other))).json["access_token"]
    code = code_of(ask(visitor))
    fields = {"sid": session.sid, "client_id": "wiki"}
    visitor.submit("/account/services/end", fields, page="/account")
    ask(visitor)
    assert userinfo(accounts_on, ours).status_code == 401, "a new sign-in brought it back"
    assert exchange(accounts_on, code).json["error"] == "invalid_grant"
    assert userinfo(accounts_on, theirs).status_code == 200


def test_nothing_else_ends_with_it(accounts_on):
    visitor = signed_in(accounts_on)
    other = Visitor(accounts_on)
    accounts_on.create("bob@example.com")
    other.sign_in("bob@example.com")
    for each in (visitor, other):
        answer(each, asked(each))
    visitor.authorize()
    withdraw(visitor)
    assert sorted(noted(accounts_on)) == ["server2", "wiki"]
    assert "code=" in ask(other)


def test_a_sign_in_under_way_ends_with_the_consent_or_does_not_happen(accounts_on, clock):
    visitor = signed_in(accounts_on)
    answer(visitor, asked(visitor))
    user, number = accounts_on.find(), sid(accounts_on)
    withdrawn = threading.Event()

    def withdraw():
        with accounts_on.app.app_context(), accounts_on.database.writing() as connection:
            client_revocation.withdraw_consent(connection, user, "wiki")
        withdrawn.set()

    with accounts_on.app.app_context(), accounts_on.database.writing() as connection:
        connection.execute(delete(client_sessions))
        assert find_consent(connection, user.subject, "wiki") is not None
        withdrawing = threading.Thread(target=withdraw)
        withdrawing.start()
        assert not withdrawn.wait(0.2)
        note_client_session(connection, number, "wiki", clock())
    withdrawing.join(30)
    assert noted(accounts_on) == []


def test_an_account_is_deleted_while_a_sign_in_is_under_way(accounts_on, clock):
    visitor = signed_in(accounts_on)
    answer(visitor, asked(visitor))
    user, number = accounts_on.find(), sid(accounts_on)
    deleted = threading.Event()

    fields = {**hidden_fields(visitor.get("/account/delete").text), "password": PASSWORD}

    def delete_it():
        assert visitor.post("/account/delete", fields).location == "/account/deleted"
        deleted.set()

    with ThreadPoolExecutor(1) as pool:
        with accounts_on.app.app_context(), accounts_on.database.writing() as connection:
            assert find_consent(connection, user.subject, "wiki") is not None
            deleting = pool.submit(delete_it)
            assert not deleted.wait(0.2)
            note_client_session(connection, number, "server2", clock())
        deleting.result(30)
    assert noted(accounts_on) == []
    assert accounts_on.run("outbox", "list").output.count("server2") == 2


class AccountGoes(Database):
    """Deletes every account before the answer of the page is written."""

    parts = 0

    def writing(self):
        self.parts += 1
        if self.parts == 2:
            with super().writing() as connection:
                connection.execute(delete(users))
        return super().writing()


def test_who_agrees_while_their_account_is_deleted_is_signed_out(accounts_on):
    visitor = signed_in(accounts_on)
    page = asked(visitor)
    going = AccountGoes(accounts_on.config.database_url, SCHEMA)
    accounts_on.install(database=going)
    assert answer(visitor, page).startswith("/login?continue=")
    going.close()


def test_without_its_consent_a_client_that_was_let_in_gets_nothing(accounts_on):
    visitor = signed_in(accounts_on)
    answer(visitor, asked(visitor))
    visitor.authorize()
    with accounts_on.database.writing() as connection:
        connection.execute(delete(consents))
    assert sorted(noted(accounts_on)) == ["server2", "wiki"]
    assert token_user(accounts_on) is None
    assert token_user(accounts_on, "server2").name == "Ada"  # first-party: it needs none


@pytest.mark.parametrize("client_id", ["", "server2", "nobody", "no\0name", "x" * 129])
def test_what_was_not_agreed_to_is_not_withdrawn(accounts_on, client_id):
    visitor = signed_in(accounts_on)
    visitor.authorize()
    assert withdraw(visitor, client_id).status_code == 303
    assert noted(accounts_on) == ["server2"]
    assert rows(accounts_on, Event.CONSENT_WITHDRAWN) == []


def test_a_code_and_its_tokens_end_with_the_session(accounts_on, clock):
    visitor = signed_in(accounts_on)
    code = code_of(answer(visitor, asked(visitor)))
    assert token_user(accounts_on) is not None
    with accounts_on.app.app_context():
        (session,) = accounts_on.session_rows()
        client = next(each for each in handoff.clients() if each.client_id == "wiki")
        stranger = accounts_on.create("bob@example.com").subject
        assert ask_for_token_user(client, stranger, session.sid) is None
    clock.tick(minutes=30)
    assert token_user(accounts_on) is None
    clock.tick(minutes=-30)
    accounts_on.disable()
    assert accounts_on.session_rows() == []
    assert exchange(accounts_on, code).json["error"] == "invalid_grant"


def test_consents_go_with_the_account(accounts_on):
    visitor = signed_in(accounts_on)
    answer(visitor, asked(visitor))
    fields = {"password": PASSWORD}
    visitor.submit("/account/delete", fields, page="/account/delete")
    with accounts_on.database.reading() as connection:
        assert connection.execute(select(consents)).all() == []


# What programs are told, and what is kept of it.


def test_refused_programs_are_recorded_up_to_a_bound(accounts_on):
    for _ in range(25):
        assert exchange(accounts_on, "A" * 43).json["error"] == "invalid_grant"
    found = rows(accounts_on, Event.TOKENS_REFUSED)
    assert len(found) == 20
    assert {(row.subject, row.client_id) for row in found} == {(None, "wiki")}
    assert found[0].detail.startswith("code_invalid: ")


def test_tokens_that_cannot_be_recorded_are_not_given(accounts):
    visitor = signed_in(accounts)
    code = code_of(answer(visitor, asked(visitor)))
    with accounts.database.writing() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO gone"))
    refused = exchange(accounts, code)
    assert (refused.status_code, refused.json["error"]) == (503, "temporarily_unavailable")
    assert "access_token" not in refused.json
    with accounts.database.writing() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO audit"))
    assert exchange(accounts, code).status_code == 200  # it was not spent on nothing


def test_a_database_out_of_reach_is_said_to_programs_in_json(accounts):
    visitor = signed_in(accounts)
    code = code_of(answer(visitor, asked(visitor)))
    with accounts.database.writing() as connection:
        connection.execute(text("DROP TABLE sessions"))
    refused = exchange(accounts, code)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert rows(accounts, Event.TOKENS_REFUSED) == []  # nobody waits for it a second time


def test_what_cannot_be_begun_here_is_not_offered_here(accounts):
    visitor = Visitor(accounts)
    assert "Wiki" not in visitor.get("/").text
    visitor.sign_in()
    page = visitor.get("/").text
    assert "Continue to Notes" in page
    assert "Wiki" not in page
