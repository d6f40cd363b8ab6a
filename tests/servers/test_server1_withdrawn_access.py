"""Access that is taken back or changed at SERVER1: who hears of it, what ends, what goes on."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_service.outbox.jobs import Outcome
from server1.accounts import client_revocation, client_sessions, grants, links
from server1.accounts.mail_links import Purpose
from server1.audit import EndReason
from tests.servers.accounts_visitor import EMAIL, Visitor, assert_waits
from tests.servers.audit_log import rows, writing
from tests.servers.told_services import Told, running_services

GRACE = "grace@example.com"
NEW_ADDRESS = "lovelace@example.com"


@pytest.fixture(params=["sqlite", "postgresql"])
def services(request, made_environment, clock):
    settings = dict(made_environment)
    if request.param == "postgresql":
        settings["SERVER1_DATABASE_URL"] = request.getfixturevalue("server1_postgresql_url")
    with running_services(settings, clock) as running:
        yield running


@pytest.fixture
def ada(services):
    return services.accounts.find().subject


def second(services, later=0):
    return int(services.clock().timestamp()) + later


def grant(services, *scope, client_id="server2"):
    return services.accounts.run("grants", "set", EMAIL, client_id, *scope).output


def keep_out(services):
    grant(services, "--none")


def narrow(services):
    grant(services, "profile", "notes:read")


def exchange(services):
    grant(services, "profile", "notes:read", "admin")


def clear(services):
    """Return to the default, which is less than was granted."""
    services.accounts.run("grants", "clear", EMAIL, "server2")


def give_new_address(services, visitor=None):
    user = services.accounts.find()
    with writing(services.accounts) as connection:
        token = links.make(
            connection,
            purpose=Purpose.CHANGE_EMAIL,
            user=user,
            address=NEW_ADDRESS,
            browser_sha256=None,
            now=services.clock(),
        )
    visitor = visitor or services.visitor()
    page = f"/change-email?token={token}"
    assert visitor.submit("/change-email", page=page).status_code == 303


def scope_at(services, visitor, client_id="server2"):
    """Enter a service again, and return what the session there may do."""
    services.enter(visitor, client_id)
    return rows(services.accounts, "handoff_issued")[-1].detail.partition("scope ")[2]


@pytest.mark.parametrize("take_back", [keep_out, narrow, exchange, clear], ids=lambda f: f.__name__)
def test_a_grant_that_is_taken_back_ends_the_sessions_there(services, ada, clock, take_back):
    if take_back is clear:
        grant(services, "profile", "notes:read", "notes:write", "email", "admin")
    visitor, sids = services.visitor("server2", "photos"), [services.sid()]
    clock.tick(seconds=1)
    services.visitor("server2", "photos")
    sids.append(services.sid())
    clock.tick(seconds=1)
    services.accounts.create(GRACE)
    services.visitor("server2", email=GRACE)
    take_back(services)
    assert services.told() == [
        *(Told("server2", sid, ada, second(services), second(services, 1)) for sid in sorted(sids)),
        Told("server2", None, ada, second(services, -60)),
    ]
    assert visitor.is_signed_in


@pytest.mark.parametrize("more", [("admin",), ()])
def test_a_grant_that_only_widens_ends_nothing(services, more):
    everything = ("profile", "email", "notes:read", "notes:write", *more)
    grant(services, "profile", "notes:read")
    services.visitor("server2")
    output = grant(services, *everything)
    assert "Nothing is taken back, and nothing ends." in output
    assert "nothing ends" in grant(services, *everything)
    assert services.waiting() == []


def test_another_name_ends_nothing(services):
    visitor = services.visitor("server2")
    fields = {"name": "Ada King"}
    assert visitor.submit("/account/name", fields, page="/account/name").status_code == 303
    assert services.waiting() == []


def test_the_next_click_brings_what_is_granted_now(services):
    visitor = services.visitor("server2")
    narrow(services)
    cut_at = second(services)
    assert scope_at(services, visitor) == "notes:read openid profile"
    assert second(services) == cut_at + 1, "it waited: of the same second it would be refused"
    keep_out(services)
    answer = visitor.authorize(redirect_uri="http://127.0.0.1:5002/server2")
    assert "error=access_denied" in answer.location
    [*_, told] = [told for told in services.told() if told.sid]
    assert told.valid_after == second(services, 1), "the session that entered again has ended too"


def test_another_address_ends_the_sessions_at_every_service(services):
    visitor = services.visitor("server2", "photos")
    sid = services.sid()
    services.visitor("deaf", email=EMAIL)
    give_new_address(services, visitor)
    told = [(each.client_id, each.sid, each.valid_after) for each in services.told()]
    assert len(told) == 4
    assert {*told} == {
        *(("photos", None, None), ("photos", sid, second(services, 1))),
        *(("server2", None, None), ("server2", sid, second(services, 1))),
    }
    assert visitor.is_signed_in


def test_a_session_that_expired_here_ends_there_for_good(services, clock):
    services.visitor("server2")
    sid = services.sid()
    clock.tick(minutes=30)
    services.visitor()
    narrow(services)
    assert [(each.sid, each.valid_after) for each in services.told()] == [(sid, None), (None, None)]
    assert services.expired() == []


def test_who_never_entered_is_not_spoken_of(services):
    services.visitor("photos")
    assert "No session at SERVER2 was known here." in grant(services, "--none")
    assert services.waiting() == []


def test_it_is_told_with_what_is_taken_back_or_not_at_all(services):
    visitor = services.visitor("server2")
    subject = services.accounts.find().subject
    with pytest.raises(ZeroDivisionError), writing(services.accounts) as connection:
        client_revocation.end_at_client(connection, subject, "server2", EndReason.GRANT_CHANGED)
        raise ZeroDivisionError
    assert services.waiting() == []
    visitor.sign_out()
    assert len(services.told()) == 1, "what it had entered is known still"


def test_the_operator_reads_how_many_sessions_end_and_when(services):
    for _ in range(3):
        services.visitor("server2")
    services.clock.tick(seconds=5.5)
    first, sessions, tokens = grant(services, "notes:read").splitlines()
    assert first == "ada@example.com at server2: notes:read openid."
    assert sessions.startswith("3 sessions at SERVER2 end within seconds, once it answers;")
    assert tokens.endswith("dead at SERVER1 now, and at services at the latest at 12:10:10Z.")


def test_of_a_service_that_cannot_be_told_no_more_is_promised(services):
    services.visitor("deaf")
    _, sessions, _ = grant(services, "--none", client_id="deaf").splitlines()
    assert "1 session at DEAF ends when it expires there" in sessions


def registered(services):
    """Register a service that is told by the endpoint of ``photos``, and return its name."""
    services.accounts.run(
        *("clients", "add", "Reader", "--kind", "receiver", "--first-party"),
        *("--client-id", "reader", "--redirect-uri", "http://127.0.0.1:5002/reader"),
        *("--backchannel-logout-uri", services.endpoints["photos"].uri),
    )
    return "reader"


def enter_by_form(services, visitor, client_id):
    uri = f"http://127.0.0.1:5002/{client_id}"
    answer = visitor.authorize(client_id=client_id, redirect_uri=uri, response_mode="form_post")
    assert 'name="id_token"' in answer.text


def test_a_client_that_is_disabled_is_told_of_everybody_s_sessions(services, clock):
    reader, sids = registered(services), set()
    services.accounts.create(GRACE)
    services.visitor("photos")
    clock.tick(minutes=30)
    for email in (EMAIL, GRACE):
        visitor = Visitor(services.accounts)
        visitor.sign_in(email)
        enter_by_form(services, visitor, reader)
        sids.add(services.sid())
        clock.tick(seconds=1)
    services.visitor("photos")
    output = services.accounts.run("clients", "disable", reader).output
    assert "2 sessions at Reader end within seconds" in output
    assert services.tell() == {Outcome.SENT: 4}
    told = services.told()
    assert {each.client_id for each in told} == {reader}
    assert {each.sid for each in told} == {*sids, None}
    assert len({each.subject for each in told}) == 2
    assert [each.client_id for each in services.expired()] == ["photos"]
    assert "No session" in services.accounts.run("clients", "disable", reader).output


def test_a_handoff_under_way_brings_what_is_granted_after_it(services, clock):
    visitor, user = services.visitor("server2"), services.accounts.find()
    clock.tick(seconds=1)
    with ThreadPoolExecutor() as threads:
        with writing(services.accounts) as connection:
            grants.set_grant(connection, user, "server2", ["notes:read"])
            client_revocation.end_at_client(
                connection, user.subject, "server2", EndReason.GRANT_CHANGED
            )
            entering = threads.submit(scope_at, services, visitor)
            assert_waits(entering)
        assert entering.result() == "notes:read openid"
    services.tell()
    narrow_again = grant(services, "profile")
    assert "1 session at SERVER2 ends" in narrow_again


def test_a_handoff_that_was_first_is_ended_with_the_others(services, clock):
    services.visitor("server2")
    sid, threads = services.sid(), ThreadPoolExecutor()
    with threads, services.database.writing() as connection:
        client_sessions.note_client_session(connection, sid, "server2", clock())
        narrowing = threads.submit(narrow, services)
        assert_waits(narrowing)
    assert {each.sid for each in services.told()} == {sid, None}
