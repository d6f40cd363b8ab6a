import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from server1 import audit
from server1.audit import Event
from tests.conftest import ANY_PLAN
from tests.servers.accounts_visitor import running_accounts
from tests.servers.audit_log import lines, record, rows, writing

FORGERIES = ["a\r\nforged", "a\x1b[31mred", "a\u202etxet", "a\u2028b", "a\x85b", "a\0b", "a\ud800b"]


def test_an_event_is_a_row_and_a_line(accounts_on, clock, log):
    record(accounts_on, subject="an account", client_id="server2", detail="our words")
    row = rows(accounts_on)[-1]
    assert row[1:] == (
        clock(),
        "name_changed",
        None,
        "an account",
        "this server",
        "server2",
        "our words",
        None,
    )
    assert lines(log) == [
        {
            "at": "2026-01-01T12:00:00.000Z",
            "event": "name_changed",
            "request_id": None,
            "account": "an account",
            "address": "this server",
            "client": "server2",
            "detail": "our words",
            "reason": None,
        }
    ]


def test_a_line_has_all_keys_in_one_order_also_where_there_is_nothing_to_say(accounts, log):
    record(accounts)
    (line,) = lines(log)
    keys = ["at", "event", "request_id", "account", "address", "client", "detail", "reason"]
    assert list(line) == keys
    assert [line[key] for key in ("account", "client", "detail", "reason")] == [None] * 4


def test_the_line_comes_after_the_commit(accounts_on, log):
    with writing(accounts_on) as connection:
        audit.record(connection, Event.NAME_CHANGED)
        audit.record(connection, Event.EMAIL_CHANGED)
        assert log.text == ""
    assert [line["event"] for line in lines(log)] == ["name_changed", "email_changed"]


def test_what_was_undone_is_in_neither(accounts_on, log):
    before = rows(accounts_on)
    with pytest.raises(ZeroDivisionError), writing(accounts_on) as connection:
        audit.record(connection, Event.NAME_CHANGED)
        _ = 1 / 0
    record(accounts_on, Event.EMAIL_CHANGED)
    assert [line["event"] for line in lines(log)] == ["email_changed"]
    assert [row.event for row in rows(accounts_on)[len(before) :]] == ["email_changed"]


def test_a_commit_that_fails_logs_nothing(accounts, log):
    with pytest.raises(IntegrityError), writing(accounts) as connection:
        audit.record(connection, Event.NAME_CHANGED)
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        connection.execute(text("INSERT INTO grants VALUES ('nobody', 'server2', '')"))
    assert log.text == ""
    assert rows(accounts, Event.NAME_CHANGED) == []


def test_an_event_outside_of_a_writing_transaction_is_refused(accounts):
    database = accounts.database
    with (
        accounts.app.app_context(),
        pytest.raises(RuntimeError, match="no writing transaction"),
        database.reading() as connection,
    ):
        audit.record(connection, Event.NAME_CHANGED)


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("field", ["client_id", "detail"])
def test_no_value_forges_a_line(accounts_on, log, field, forgery):
    record(accounts_on, **{field: forgery})
    (line,) = log.text.splitlines()
    assert line.isascii()
    assert line.isprintable()
    (told,) = lines(log)
    shown = told[{"client_id": "client"}.get(field, field)]
    assert shown == getattr(rows(accounts_on)[-1], field) == escaped(forgery)


def escaped(forgery):
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in forgery)


def test_a_value_that_is_too_long_is_cut(accounts_on):
    record(accounts_on, client_id="x" * 5000, detail="\n" * 5000)
    row = rows(accounts_on)[-1]
    assert (len(row.client_id), len(row.detail)) == (128, 1200)


def record_until_swept(accounts):
    for _ in range(audit.SWEPT_EVERY):
        record(accounts, Event.EMAIL_CHANGED)


def test_an_event_is_kept_for_400_days(accounts_on, clock):
    record(accounts_on, Event.NAME_CHANGED)
    clock.tick(days=400)
    record_until_swept(accounts_on)
    assert len(rows(accounts_on, Event.NAME_CHANGED)) == 1
    clock.tick(seconds=1)
    record_until_swept(accounts_on)
    assert {row.event for row in rows(accounts_on)} == {"email_changed"}


def test_a_setting_says_how_long_an_event_is_kept(accounts_environment, clock):
    with running_accounts({**accounts_environment, "SERVER1_AUDIT_DAYS": "7"}, clock) as accounts:
        record(accounts)
        clock.tick(days=7, seconds=1)
        record_until_swept(accounts)
        assert {row.event for row in rows(accounts)} == {"email_changed"}


@pytest.mark.parametrize("accounts_on", ANY_PLAN, indirect=True)
def test_two_events_that_are_too_old_go_for_one_that_comes_and_never_many_at_once(
    accounts_on, clock
):
    for _ in range(50):
        record(accounts_on)
    clock.tick(days=401)
    left = len(rows(accounts_on))
    for _ in range(2):
        record_until_swept(accounts_on)
        assert len(rows(accounts_on)) == left + audit.SWEPT_EVERY - audit.SWEPT_AT_ONCE
        left = len(rows(accounts_on))


def test_writers_side_by_side_lose_nothing_and_wait_for_nobodys_sweep(accounts_on, clock):
    for _ in range(20):
        record(accounts_on)
    clock.tick(days=401)
    start = threading.Barrier(8)

    def write(number):
        start.wait()
        for _ in range(10):
            record(accounts_on, Event.EMAIL_CHANGED, detail=str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    found = rows(accounts_on, Event.EMAIL_CHANGED)
    assert sorted(row.detail for row in found) == sorted("01234567" * 10)
    assert rows(accounts_on, Event.NAME_CHANGED) == []
