"""What is taken back at SERVER1 is told to the APIs of clients: which of them, and of what."""

import base64
import json
from datetime import timedelta

import pytest

from flask_handoff.api.revocation.copy import REFRESH_AFTER
from flask_handoff.profiles import REVOCATION
from flask_service.outbox import outbox_of
from flask_service.outbox.jobs import Outcome
from server1.accounts.valid_after import cut_everybody
from server1.revocation_notices import revocation_jobs
from tests.jwks_endpoint import JWKSEndpoint, response, sends
from tests.servers.accounts_visitor import EMAIL, running_accounts
from tests.servers.audit_log import writing
from tests.servers.test_server1_app_access import end_it, first_tokens, refresh
from tests.servers.test_server1_consent import (
    NOTES,
    SECRET,
    TERMINAL,
    WIKI,
    answer,
    asked,
    code_of,
    exchange,
    signed_in,
    withdraw,
)

ACCEPTED = sends(response(b"", status="202 Accepted"))
FAILS = sends(response(b"", status="503 Unavailable"))


@pytest.fixture
def api():
    with JWKSEndpoint(ACCEPTED) as endpoint:
        yield endpoint


@pytest.fixture(params=["sqlite", "postgresql"])
def accounts(request, made_environment, clock, api):
    settings = dict(made_environment)
    if request.param == "postgresql":
        settings["SERVER1_DATABASE_URL"] = request.getfixturevalue("server1_postgresql_url")
    notes = {**NOTES, "revocation_uri": api.uri}
    settings["HANDOFF_CLIENTS"] = json.dumps([notes, WIKI, TERMINAL])
    with running_accounts(settings, clock) as running:
        yield running


def tell(accounts):
    outbox = outbox_of(accounts.app)
    with accounts.app.app_context():
        return outbox.process_due(outbox.kinds["revocation"])


def told(accounts, api):
    """Tell what is due, and return what the API has heard until now."""
    tell(accounts)
    return [_events(request) for request in api.requests]


def _events(request):
    head, _, token = request.partition(b"\r\n\r\n")
    assert b"Content-Type: application/secevent+jwt" in head
    header, payload, _ = token.split(b".")
    assert json.loads(base64.urlsafe_b64decode(header + b"=="))["typ"] == REVOCATION.typ
    claims = json.loads(base64.urlsafe_b64decode(payload + b"=="))
    assert claims["aud"] == "server2"
    (event,) = claims["events"].values()
    return event


def valid_after(accounts):
    return int(accounts.clock().timestamp()) + 1


def claims_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


@pytest.mark.parametrize(
    "take_back",
    [
        lambda visitor: visitor.accounts.disable(),
        lambda visitor: visitor.accounts.run("revoke", "--user", EMAIL),
        lambda visitor: visitor.accounts.run("grants", "set", EMAIL, "wiki", "--none"),
        withdraw,
    ],
    ids=["disabled", "revoked", "grant", "consent"],
)
def test_what_a_user_loses_is_told(accounts, api, take_back):
    visitor = signed_in(accounts)
    first_tokens(visitor)
    subject = accounts.find().subject
    take_back(visitor)
    assert {"sub": subject, "valid_after": valid_after(accounts)} in told(accounts, api)


def test_what_a_clock_ahead_took_back_is_told_at_once_and_again(accounts, api):
    subject = accounts.find().subject
    accounts.clock.tick(hours=1)
    accounts.run("revoke", "--user", EMAIL)
    date = valid_after(accounts)
    accounts.clock.tick(hours=-1)
    assert told(accounts, api) == [{"sub": subject, "valid_after": valid_after(accounts)}]
    accounts.clock.tick(minutes=30)
    assert len(told(accounts, api)) == 1
    accounts.clock.tick(minutes=30)
    assert told(accounts, api)[1:] == [{"sub": subject, "valid_after": date}]


def used_again(_visitor, accounts, tokens):
    refresh(accounts, tokens["refresh_token"])
    accounts.clock.tick(seconds=11)
    for _ in range(2):  # the first is the end
        assert refresh(accounts, tokens["refresh_token"]).status_code == 400


def revoked_by_itself(_visitor, accounts, tokens):
    data = {"token": tokens["refresh_token"], "client_id": "wiki", "client_secret": SECRET}
    accounts.app.test_client().post("/revoke", data=data, base_url=accounts.issuer)


@pytest.mark.parametrize(
    "end",
    [lambda visitor, *_: end_it(visitor), revoked_by_itself, used_again],
    ids=["by its user", "by itself", "used again"],
)
def test_an_app_that_ends_is_told_once_by_its_tokens_names(accounts, api, end):
    visitor = signed_in(accounts)
    tokens = first_tokens(visitor)
    end(visitor, accounts, tokens)
    date = int(accounts.clock().timestamp()) + 8  # another machine may be so far ahead
    (event,) = told(accounts, api)
    assert claims_of(tokens["access_token"])["jti"].startswith(event["family_id"])
    assert event == {"family_id": event["family_id"], "valid_after": date}


def test_a_code_used_twice_is_told_once(accounts, api):
    visitor = signed_in(accounts)
    code = code_of(answer(visitor, asked(visitor, scope="openid profile notes:read")))
    token = exchange(accounts, code).json["access_token"]
    for _ in range(3):
        assert exchange(accounts, code).status_code == 400
    assert [event["jti"] for event in told(accounts, api)] == [claims_of(token)["jti"]]


def end_at_wiki(visitor, sid):
    fields = {"sid": sid, "client_id": "wiki"}
    visitor.submit("/account/services/end", fields, page="/account")


@pytest.mark.parametrize("end", [lambda visitor, _sid: visitor.sign_out(), end_at_wiki])
def test_a_session_that_ends_is_told(accounts, api, end):
    visitor = signed_in(accounts)
    first_tokens(visitor)
    (session,) = accounts.session_rows()
    end(visitor, session.sid)
    assert told(accounts, api) == [{"sid": session.sid, "valid_after": valid_after(accounts)}]


def test_a_client_and_everything_are_told(accounts, api):
    accounts.run("revoke", "--client", "wiki")
    accounts.run("revoke", "--all")
    date = {"valid_after": valid_after(accounts)}
    assert told(accounts, api) == [{"client_id": "wiki", **date}, date]


def test_a_token_is_told_to_the_api_that_it_is_for(accounts, api):
    visitor = signed_in(accounts)
    page = asked(visitor, scope="openid profile notes:read")
    token = exchange(accounts, code_of(answer(visitor, page))).json["access_token"]
    claims = claims_of(token)
    assert claims["aud"] == NOTES["resource"]
    accounts.run("revoke", "--token", input=token)
    assert told(accounts, api) == [{"jti": claims["jti"], "exp": claims["exp"]}]


def test_a_token_for_somebody_else_is_not_told(accounts, api):
    tokens = first_tokens(signed_in(accounts))
    accounts.run("revoke", "--token", input=tokens["access_token"])
    assert told(accounts, api) == []
    assert refresh(accounts, tokens["refresh_token"]).status_code == 200


def test_a_token_that_its_client_revokes_is_told(accounts, api):
    visitor = signed_in(accounts)
    page = asked(visitor, scope="openid profile notes:read")
    token = exchange(accounts, code_of(answer(visitor, page))).json["access_token"]
    data = {"token": token, "client_id": "wiki", "client_secret": SECRET}
    accounts.app.test_client().post("/revoke", data=data, base_url=accounts.issuer)
    assert [event["jti"] for event in told(accounts, api)] == [claims_of(token)["jti"]]


def test_a_token_known_by_its_name_alone_is_told_to_all(accounts, api):
    accounts.run("revoke", "--token-id", "j" * 43)
    (event,) = told(accounts, api)
    assert event["jti"] == "j" * 43
    assert event["exp"] - valid_after(accounts) > 600


def test_a_notice_is_enqueued_with_its_cut_or_not_at_all(accounts):
    with pytest.raises(ZeroDivisionError), writing(accounts) as connection:
        cut_everybody(connection)
        raise ZeroDivisionError
    assert tell(accounts) == {}


def test_an_api_that_was_away_is_told_when_it_is_back(accounts, api, clock):
    api.answer = FAILS
    accounts.run("revoke", "--client", "wiki")
    date = valid_after(accounts)
    assert tell(accounts) == {Outcome.RETRY_LATER: 1}
    assert "tokens of client_id wiki" in accounts.run("outbox", "list").output
    api.answer = ACCEPTED
    clock.tick(seconds=3)
    assert tell(accounts) == {Outcome.SENT: 1}
    assert [event["valid_after"] for event in told(accounts, api)] == [date, date]


def test_what_has_expired_meanwhile_is_not_told(accounts, api, clock):
    accounts.run("revoke", "--token-id", "j" * 43)
    clock.tick(minutes=12)
    assert tell(accounts) == {Outcome.SKIPPED: 1}


def test_the_address_for_it_is_registered_by_command(accounts, api):
    accounts.run(
        *("clients", "add", "Orders", "--kind", "receiver", "--client-id", "orders"),
        *("--redirect-uri", "http://127.0.0.1:5009/callback", "--first-party"),
        *("--resource", "http://127.0.0.1:5009", "--scope", "orders:read"),
        *("--revocation-uri", api.uri),
    )
    accounts.run("revoke", "--all")
    assert tell(accounts) == {Outcome.SENT: 2}


def test_a_notice_and_all_processes_fit_into_the_promised_second():
    kind = revocation_jobs(None, None)
    waits = kind.look_every + kind.grace + REFRESH_AFTER
    assert waits <= timedelta(seconds=0.8), "the rest is for the request and two databases"
