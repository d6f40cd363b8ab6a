import pytest
from sqlalchemy import text

from flask_service.outbox.jobs import JobError
from tests.service.small_outbox import RefusedError, raises

SINCE = ["2026-01-01", "12:00", "UTC"]


@pytest.fixture
def small(small_on_sqlite):
    return small_on_sqlite


def test_an_empty_outbox_says_so(small):
    assert small.command("list").stdout == "Nothing waits.\n"


def test_jobs_are_listed_with_what_became_of_them(small):
    small.acts = {
        "a": raises(JobError("greylisted (450)")),
        "b": raises(RefusedError("refused (550)")),
    }
    for topic in ("a", "b"):
        small.enqueue(topic)
        small.process_due()
    for words in ("leased", "waiting"):
        small.enqueue(text=words)
    small.claim()
    small.enqueue(kind="call", topic="c")
    with small.database.writing() as connection:
        connection.execute(text("UPDATE outbox SET payload = '?' WHERE kind = 'call'"))
    table = [line.split() for line in small.command("list").stdout.splitlines()]
    assert table == [
        ["JOB", "KIND", "TOPIC", "ABOUT", "SINCE", "TRIED", "NEXT", "WHY"],
        [
            *("1", "note", "a", "hello", *SINCE, "1"),
            "2026-01-01",
            "12:01",
            "UTC",
            "greylisted",
            "(450)",
        ],
        ["2", "note", "b", "hello", *SINCE, "1", "failed", "refused", "(550)"],
        ["3", "note", "a", "leased", *SINCE, "1", "being", "sent", "-"],
        ["4", "note", "a", "waiting", *SINCE, "0", "now", "-"],
        ["5", "call", "c", "-", *SINCE, "0", "now", "-"],
    ]


def test_jobs_that_wait_for_another_are_listed_as_such(small, clock):
    small.acts["c"] = raises(JobError("down"))
    for words in ("first", "second"):
        small.enqueue("c", words, kind="call")
    small.process_due(small.call)
    clock.tick(minutes=1)
    _, probe, other = small.command("list").stdout.splitlines()
    assert probe.split()[-2:] == ["now", "down"]
    assert other.split()[-2:] == ["waits", "-"]


def test_a_job_that_waits_for_another_can_be_retried(small):
    small.acts["c"] = raises(JobError("down"))
    for _ in range(2):
        small.enqueue("c", kind="call")
    small.process_due(small.call)
    small.acts.clear()
    small.command("retry", "2")
    assert small.command("send").stdout == "Sent: 2. Skipped: 0.\n"


def test_what_is_due_is_sent_by_command(small):
    small.enqueue()
    small.enqueue("c", kind="call")
    assert small.command("send").stdout == "Sent: 2. Skipped: 0.\n"
    assert small.command("send").stdout == "Sent: 0. Skipped: 0.\n"


def test_a_command_that_could_not_send_fails(small):
    small.acts = {"a": raises(JobError("down")), "b": raises(RefusedError("refused"))}
    small.enqueue("a")
    small.enqueue("b")
    result = small.command("send")
    assert result.exit_code == 1
    assert "To be tried again: 1. Failed: 1. The command outbox list says why." in result.output


def test_jobs_are_tried_again_at_once(small):
    small.acts = {"a": raises(JobError("later")), "b": raises(RefusedError("refused"))}
    for topic in ("a", "b"):
        small.enqueue(topic)
        small.process_due()
    small.acts.clear()
    assert small.command("retry", "1", "2").stdout == "Due now: 2.\n"
    assert small.command("send").stdout == "Sent: 2. Skipped: 0.\n"


def test_all_jobs_are_tried_again_at_once(small):
    small.acts["a"] = raises(RefusedError("refused"))
    small.enqueue()
    small.process_due()
    assert small.command("retry", "--all").stdout == "Due now: 1.\n"
    small.acts.clear()
    assert small.command("send").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["retry"], "Give the numbers of jobs, or --all."),
        (["retry", "1", "--all"], "Give the numbers of jobs, or --all."),
        (["retry", "1"], "There is no job 1. It may have been done."),
        (["retry", "0"], "0 is not in the range 1<=x<="),
        (["retry", "x"], "'x' is not a valid integer range."),
    ],
)
def test_a_command_that_cannot_be_done_says_why(small, arguments, sentence):
    result = small.command(*arguments)
    assert result.exit_code != 0
    assert sentence in result.output


def test_where_one_job_is_gone_none_is_touched(small, clock):
    small.acts["a"] = raises(JobError("later"))
    small.enqueue()
    small.process_due()
    assert small.command("retry", "1", "2").exit_code == 1
    assert small.jobs()[0].due_at > clock()


@pytest.mark.parametrize("command", [["list"], ["send"], ["retry", "--all"]])
def test_a_database_that_fails_is_said_in_a_sentence(small, command):
    with small.database.writing() as connection:
        connection.execute(text("DROP TABLE outbox"))
    result = small.command(*command)
    assert result.exit_code == 1
    assert result.output == "Error: The database failed (a table is missing: SQLITE_ERROR).\n"
