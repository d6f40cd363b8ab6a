import json

import pytest
from sqlalchemy import insert

from server1.audit import Event, audit
from tests.servers.accounts_visitor import EMAIL, Visitor
from tests.servers.audit_log import record, rows, writing

OTHER = "bob@example.com"


def show(accounts, *options):
    """Return the lines of the command's output."""
    return accounts.run("audit", *options).output.splitlines()


def shown(accounts, *options):
    """Return the rows that the command shows, as objects."""
    return [json.loads(line) for line in show(accounts, *options, "--json")]


def events_shown(accounts, *options):
    return [row["event"] for row in shown(accounts, *options)]


def test_the_table_is_for_people(accounts_on):
    Visitor(accounts_on, "203.0.113.7").sign_in()
    (session,) = accounts_on.session_rows()
    request = rows(accounts_on)[-1].request_id
    assert show(accounts_on) == [
        "AT (UTC)             EVENT            ACCOUNT          ADDRESS      CLIENT  "
        f"REQUEST           {'DETAIL':<30}  REASON",
        "2026-01-01 12:00:00  account_created  ada@example.com  this server  -       "
        f"-                 {'-':<30}  -",
        "2026-01-01 12:00:00  signed_in        ada@example.com  203.0.113.7  -       "
        f"{request}  session {session.sid}  -",
    ]


def test_json_is_what_the_log_has(accounts_on, log):
    Visitor(accounts_on).sign_in()
    assert show(accounts_on, "--json")[1:] == [
        record.getMessage() for record in log.records if record.name == "server1.audit"
    ]


def test_the_newest_is_last_and_the_newest_are_shown(accounts_on, clock):
    for number in range(5):
        clock.tick(minutes=1)
        record(accounts_on, detail=str(number))
    assert [row["detail"] for row in shown(accounts_on, "--limit", "2")] == ["3", "4"]


def test_the_events_of_a_user(accounts_on):
    other = accounts_on.create(OTHER).subject
    Visitor(accounts_on).sign_in(OTHER)
    Visitor(accounts_on).sign_in()
    found = shown(accounts_on, "--user", OTHER.upper())
    assert [row["event"] for row in found] == ["account_created", "signed_in"]
    assert {row["account"] for row in found} == {other}


def test_an_unknown_user_is_said_to_be_so(accounts):
    result = accounts.try_to_run("audit", "--user", OTHER)
    assert result.exit_code == 1
    assert "There is no account for bob@example.com." in result.output


def test_the_events_of_a_deleted_account_are_found_by_its_identifier(accounts_on):
    record(accounts_on, Event.ACCOUNT_DELETED, subject="-an-account-that-was")
    assert events_shown(accounts_on, "--account", "-an-account-that-was") == ["account_deleted"]
    assert "-an-account-that-was" in show(accounts_on)[-1]


def test_the_reference_on_an_error_page_finds_its_event(accounts_on):
    Visitor(accounts_on).sign_in()
    page = Visitor(accounts_on).authorize(client_id="nobody").text
    (refused,) = rows(accounts_on, Event.HANDOFF_REFUSED)
    assert refused.request_id in page
    assert events_shown(accounts_on, "--request", refused.request_id) == ["handoff_refused"]


def test_the_events_of_a_kind(accounts_on):
    for event in (Event.NAME_CHANGED, Event.EMAIL_CHANGED, Event.SIGNED_UP):
        record(accounts_on, event)
    kinds = ("--event", "name_changed", "--event", "signed_up")
    assert events_shown(accounts_on, *kinds) == ["name_changed", "signed_up"]


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("30m", 1),
        ("59m", 1),
        ("60m", 2),
        ("1h", 2),
        ("2d", 3),
        ("2026-01-02", 2),
        ("2026-01-02T11:30", 1),
        ("2026-01-02T11:30:00+01:00", 2),
        ("2026-01-02T11:00:00Z", 2),
    ],
)
def test_the_events_since(accounts_on, clock, since, found):
    clock.tick(hours=23)
    record(accounts_on)
    clock.tick(hours=1)
    record(accounts_on)
    assert len(shown(accounts_on, "--since", since)) == found


@pytest.mark.parametrize(
    "since", ["", "yesterday", "2w", "99999999d", "-1d", "2026-02-30", "0001-01-01T00:00+01:00"]
)
def test_another_since_is_refused_with_a_sentence(accounts, since):
    result = accounts.try_to_run("audit", "--since", since)
    assert result.exit_code == 2
    assert "For example: 30m, 12h, 2d, 2026-01-31 or 2026-01-31T12:00." in result.output


def test_an_age_before_all_time_shows_everything(accounts):
    assert len(shown(accounts, "--since", "99999d")) == 1


def test_nothing_that_fits_is_said_to_be_so(accounts_on):
    assert show(accounts_on, "--request", "0" * 16) == ["No such event was recorded."]
    assert show(accounts_on, "--request", "0" * 16, "--json") == []


def test_what_stands_in_the_table_does_not_steer_the_terminal(accounts_on):
    row = {"at": accounts_on.clock(), "event": "an event of a later version\x1b[2J"}
    with writing(accounts_on) as connection:
        connection.execute(insert(audit).values(address="\u202e", detail="a\nb\r\x85", **row))
    lines = show(accounts_on)
    assert len(lines) == 3
    assert all(line.isascii() and line.isprintable() for line in lines)


def test_a_database_that_is_down_is_said_to_be_so(accounts):
    with writing(accounts) as connection:
        audit.drop(connection)
    result = accounts.try_to_run("audit", "--user", EMAIL)
    assert result.exit_code == 1
    assert "The database failed (a table is missing: SQLITE_ERROR)." in result.output
