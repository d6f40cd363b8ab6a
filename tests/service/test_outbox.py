import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain

import pytest
from sqlalchemy.exc import SQLAlchemyError

from flask_service.outbox import Outbox
from flask_service.outbox.jobs import JobError, JobUnknownError, Outcome
from tests.conftest import ANY_PLAN
from tests.service.small_outbox import Note, RefusedError, raises

PATIENCE = 60  # seconds


class UnreachableError(JobError):
    unreachable = True


# Enqueuing.


def test_a_job_is_enqueued_due_at_once(small, clock):
    small.enqueue("b", "hello")
    (job,) = small.jobs()
    assert (job.kind, job.topic, job.read(Note)) == ("note", "b", Note("hello"))
    assert job.enqueued_at == job.due_at == clock()
    assert (job.attempts, job.failed) == (0, False)


def test_many_jobs_are_enqueued_at_once_or_none(small, clock):
    with small.database.writing() as connection:
        small.outbox.enqueue_all(connection, "note", "a", [], clock())
        notes = [Note("one"), Note("two")]
        small.outbox.enqueue_all(connection, "note", "a", notes, clock())
    assert [job.read(Note).text for job in small.jobs()] == ["one", "two"]


def test_a_job_is_enqueued_with_its_change_only(small, clock):
    notified = small.outbox.listen(small.note)
    with pytest.raises(ZeroDivisionError), small.database.writing() as connection:
        small.outbox.enqueue(connection, "note", "a", Note("hello"), clock())
        _ = 1 / 0
    assert small.jobs() == []
    assert not notified.is_set()


def test_this_process_is_notified_once_a_job_is_committed(small, clock):
    notified, other_kind = small.outbox.listen(small.note), small.outbox.listen(small.call)
    with small.database.writing() as connection:
        small.outbox.enqueue(connection, "note", "a", Note("hello"), clock())
        assert not notified.is_set()
    assert notified.is_set()
    assert not other_kind.is_set()


def test_a_job_is_enqueued_in_a_writing_transaction_only(small, clock):
    with pytest.raises(RuntimeError), small.database.reading() as connection:
        small.outbox.enqueue(connection, "note", "a", Note("hello"), clock())
    assert small.jobs() == []


def test_what_waits_is_found_by_what_it_is_about(small):
    for topic, text, kind in (
        *(("a", "x_1", "note"), ("b", "x_1", "note"), ("a", "xy1", "note")),
        *(("c", "x_1", "note"), ("a", "x_1", "call"), ("a", "x_12", "note")),
    ):
        small.enqueue(topic, text, kind)

    def waiting():
        with small.database.reading() as connection:
            return [job.number for job in small.outbox.waiting(connection, "note", "ab", "x_1")]

    assert waiting() == [1, 2]
    small.mark_failed(small.claim())
    assert waiting() == [1, 2]
    small.remove(small.claim())
    assert waiting() == [1]


def test_a_number_is_never_used_again(small):
    small.enqueue()
    first = small.claim()
    small.remove(first)
    small.enqueue()
    assert small.claim().number > first.number


# Claiming.


def test_the_job_that_is_due_longest_is_claimed_first(small, clock):
    for text in ("first", "second", "third"):
        small.enqueue(text=text)
        clock.tick(seconds=1)
    small.retry_later(small.claim())
    clock.tick(minutes=2)
    claimed = [job.read(Note).text for job in iter(small.claim, None)]
    assert claimed == ["second", "third", "first"]


def test_one_of_many_claims_a_job(small):
    start = threading.Barrier(8)

    def claim_all(_number):
        start.wait()
        return [job.number for job in iter(small.claim, None)]

    for _ in range(3):
        for _ in range(12):
            small.enqueue()
        with ThreadPoolExecutor(start.parties) as pool:
            claimed = list(chain.from_iterable(pool.map(claim_all, range(start.parties))))
        assert len(claimed) == len(set(claimed))
        while small.claim() is not None:  # a lock in the way may have hidden one for a moment
            claimed.append(None)
        assert len(claimed) == 12


def test_several_workers_process_each_job_once(small):
    start = threading.Barrier(6)
    processes = [
        Outbox(small.table, [small.note], small.database, small.tell) for _ in range(start.parties)
    ]
    for number in range(30):
        small.enqueue(text=str(number))

    def process_due(outbox):
        start.wait()
        outbox.process_due(small.note)

    with ThreadPoolExecutor(start.parties) as pool:
        list(pool.map(process_due, processes))
    small.process_due()
    assert sorted(small.done, key=int) == [str(number) for number in range(30)]


def test_a_job_is_due_again_when_its_lease_has_expired(small, clock):
    small.enqueue()
    assert small.claim().attempts == 1
    clock.tick(minutes=1, seconds=59)
    assert small.claim() is None
    clock.tick(seconds=1)
    assert small.claim().attempts == 2


def test_a_lease_holds_back_its_own_job_only(small):
    small.enqueue()
    small.enqueue()
    assert [job.number for job in iter(small.claim, None)] == [1, 2]


def test_a_process_that_lost_its_lease_changes_nothing(small, clock):
    small.enqueue()
    slow = small.claim()
    clock.tick(minutes=2)
    small.claim()
    for settle in (small.remove, small.retry_later, small.mark_failed):
        settle(slow)
    (job,) = small.jobs()
    assert job.leased_until == clock() + timedelta(minutes=2)
    assert not job.failed


def test_one_kind_is_not_claimed_as_another(small):
    small.enqueue("a", kind="call")
    assert small.claim(small.note) is None
    assert small.claim(small.call).number == 1


@pytest.mark.parametrize("newer", [{"kind": "of-a-newer-version"}, {"topic": "newer"}], ids=str)
def test_a_job_of_a_newer_version_is_left_alone(small, newer):
    small.enqueue()
    small.change(**newer)
    small.enqueue(text="known")
    assert small.process_due(small.note) == {Outcome.SENT: 1}
    assert small.process_due(small.call) == {}
    (left,) = small.jobs()
    assert (left.attempts, left.failed, small.done) == (0, False, ["known"])


# Clocks that were ahead.


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=365)], ids=str)
def test_what_a_clock_ahead_enqueued_is_due_at_once(small, clock, ahead):
    clock.now += ahead
    small.enqueue()
    clock.now -= ahead
    assert small.claim().number == 1
    assert small.claim() is None


def test_what_a_clock_years_ahead_postponed_is_due(small, clock):
    clock.tick(days=365)
    small.enqueue()
    small.retry_later(small.claim())
    clock.tick(days=-365)
    assert small.claim().number == 1
    assert small.claim() is None


@pytest.mark.parametrize(("minutes_ahead", "has_expired"), [(2, False), (60, True)])
def test_a_lease_by_a_clock_ahead_expires(small, clock, minutes_ahead, has_expired):
    """Two minutes are not ahead: the clocks of two machines may differ."""
    small.enqueue()
    clock.tick(minutes=minutes_ahead)
    small.claim()
    clock.tick(minutes=-minutes_ahead)
    assert (small.claim() is not None) is has_expired


# What fails.


@pytest.mark.parametrize("error", [JobError("no answer"), RuntimeError("a secret")], ids=repr)
def test_a_job_that_fails_is_retried_later(small, clock, error):
    small.acts["a"] = raises(error)
    small.enqueue()
    assert small.process_due() == {Outcome.RETRY_LATER: 1}
    (job,) = small.jobs()
    assert (job.due_at, job.leased_until) == (clock() + timedelta(minutes=1), None)
    assert job.last_error in {"no answer", "this server has failed (RuntimeError)"}
    small.acts.clear()
    clock.tick(seconds=59)
    assert small.process_due() == {}
    clock.tick(seconds=1)
    assert small.process_due() == {Outcome.SENT: 1}
    assert small.jobs() == []


def test_a_poisoned_job_stops_no_other(small):
    small.acts["a"] = raises(SQLAlchemyError("no such row"))
    for topic in ("a", "b", "b"):
        small.enqueue(topic)
    assert small.process_due() == {Outcome.RETRY_LATER: 1, Outcome.SENT: 2}


@pytest.mark.parametrize("payload", ["", "{", "[]", '"x"', '{"text": 1}', '{"other": "x"}', "{}"])
def test_an_unreadable_payload_is_marked_failed_with_a_reason(small, payload):
    small.enqueue()
    small.change(payload=payload)
    small.enqueue(text="readable")
    assert small.process_due() == {Outcome.FAILED: 1, Outcome.SENT: 1}
    (job,) = small.jobs()
    assert (job.failed, job.last_error) == (True, "its payload cannot be read")


def test_when_nothing_is_reachable_the_others_wait(small, clock):
    small.acts["a"] = raises(UnreachableError("down"))
    for _ in range(5):
        small.enqueue()
    small.enqueue(kind="call", topic="other kind")
    assert small.process_due() == {Outcome.UNREACHABLE: 1}
    assert [job.attempts for job in small.jobs()] == [1, 0, 0, 0, 0, 0]
    assert small.process_due(small.call) == {Outcome.SENT: 1}
    small.acts.clear()
    clock.tick(minutes=1)
    assert small.process_due() == {Outcome.SENT: 5}


def test_a_job_waits_longer_after_each_failure(small, clock):
    small.enqueue()
    delays = []
    for _ in range(12):
        small.retry_later(small.claim())
        (job,) = small.jobs()
        delays.append(job.due_at - clock())
        clock.now = job.due_at - timedelta(seconds=1)
        assert small.claim() is None
        clock.tick(seconds=1)
    minutes = [delay / timedelta(minutes=1) for delay in delays]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]


def test_a_job_that_failed_ten_thousand_times_waits_no_longer(small, clock):
    small.enqueue()
    small.change(attempts=10_000)
    small.retry_later(small.claim())
    (job,) = small.jobs()
    assert job.due_at - clock() == timedelta(hours=6)


def test_a_job_fails_after_three_days_and_not_before(small, clock):
    small.acts["a"] = raises(JobError("no answer"))
    small.enqueue()
    began_at = clock()
    while not small.jobs()[0].failed:
        clock.now = small.jobs()[0].due_at
        small.process_due()
    assert timedelta(days=3) <= clock() - began_at <= timedelta(days=3, hours=6)


def test_a_permanent_error_fails_at_once_and_is_kept(small, clock):
    small.acts["a"] = raises(RefusedError("refused (550)"))
    small.enqueue()
    assert small.process_due() == {Outcome.FAILED: 1}
    clock.tick(days=100)
    assert small.process_due() == {}
    (job,) = small.jobs()
    assert (job.failed, job.last_error) == (True, "refused (550)")


def test_no_reason_is_too_long_for_the_database(small):
    for settle in (small.retry_later, small.mark_failed):
        small.enqueue()
        settle(small.claim(), "x" * 1000)
    assert [job.last_error for job in small.jobs()] == ["x" * 200, "x" * 200]


def test_the_log_names_job_topic_and_reason_alone(small, caplog):
    small.acts["b"] = raises(RefusedError("refused (550)"))
    with caplog.at_level(logging.INFO):
        small.enqueue("a", "a text")
        small.enqueue("b", "a text")
        small.process_due()
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        ("INFO", "note 1 a: sent"),
        ("ERROR", "note 2 b: failed at attempt 1: refused (550)"),
    ]


def test_jobs_that_failed_a_month_ago_are_removed_aloud(small, clock, caplog):
    small.acts["a"] = raises(RefusedError("refused"))
    for _ in range(2):
        small.enqueue()
        small.process_due()
        clock.tick(days=30)
    assert [job.number for job in small.jobs()] == [2]
    assert "note 1 is removed: it failed long ago" in caplog.text


@pytest.mark.parametrize("small", ANY_PLAN, indirect=True)
def test_a_failure_removes_a_few_that_failed_long_ago(small, clock):
    small.enqueue("newer", "waits")

    def left_after_failures(number):
        for _ in range(number):
            small.enqueue()
            small.mark_failed(small.claim())
        return len(small.jobs())

    assert left_after_failures(25) == 1 + 25
    clock.tick(days=29, hours=23)
    assert left_after_failures(1) == 1 + 26
    clock.tick(hours=1)
    assert [left_after_failures(1) for _ in range(3)] == [1 + 7, 1 + 3, 1 + 4]
    assert small.jobs()[0].read(Note).text == "waits"


# On demand.


def test_a_failed_job_is_tried_again_on_demand(small, clock):
    small.enqueue()
    for _ in range(5):
        small.retry_later(small.claim())
        clock.tick(hours=6)
    small.mark_failed(small.claim())
    assert small.retry_now(1) == 1
    assert small.jobs()[0].due_at == clock()
    assert small.claim().attempts == 1


def test_a_leased_job_is_not_claimed_twice_on_demand(small):
    small.enqueue()
    small.retry_now(small.claim().number)
    assert small.claim() is None


def test_a_job_that_is_gone_cannot_be_tried_again(small):
    small.enqueue()
    job = small.claim()
    small.remove(job)
    with pytest.raises(JobUnknownError):
        small.retry_now(job.number)


def test_all_jobs_can_be_made_due_now(small):
    for _ in range(3):
        small.enqueue()
    small.retry_later(small.claim())
    small.mark_failed(small.claim())
    assert small.retry_now() == 3
    assert sorted(job.number for job in iter(small.claim, None)) == [1, 2, 3]


# Kinds that do one job of a topic at a time.


def test_a_job_that_hangs_holds_up_its_topic_only(small):
    begun, go_on = threading.Event(), threading.Event()

    def hang(_job):
        begun.set()
        go_on.wait(PATIENCE)

    small.acts["slow"] = hang
    for topic in ("slow", "slow", "quick"):
        small.enqueue(topic, kind="call")
    with ThreadPoolExecutor() as pool:
        hanging = pool.submit(small.process_one, small.call)
        assert begun.wait(PATIENCE)
        others = [pool.submit(small.process_one, small.call).result(PATIENCE) for _ in range(2)]
        go_on.set()
    assert (hanging.result(), others) == (Outcome.SENT, [Outcome.SENT, None])
    assert small.process_due(small.call) == {Outcome.SENT: 1}


def test_while_a_topic_fails_one_job_at_a_time_is_tried(small, clock):
    small.acts["down"] = raises(JobError("no answer"))
    for topic in ("down", "down", "down", "up"):
        small.enqueue(topic, kind="call")
    assert small.process_due(small.call) == {Outcome.RETRY_LATER: 1, Outcome.SENT: 1}
    for _ in range(3):
        small.enqueue("down", kind="call")
        assert small.process_due(small.call) == {}
        clock.tick(minutes=1)
        assert small.process_due(small.call) == {Outcome.RETRY_LATER: 1}
        assert sum(job.is_probe for job in small.jobs()) == 1


def test_each_topic_that_fails_has_a_probe_of_its_own(small, clock):
    small.acts["down"] = small.acts["out"] = raises(JobError("no answer"))
    for topic in ("down", "out", "out"):
        small.enqueue(topic, kind="call")
    for _ in range(2):
        small.process_due(small.call)
        clock.tick(minutes=1)
    assert [job.attempts for job in small.jobs()] == [2, 1, 1]
    assert {job.topic for job in small.jobs() if job.is_probe} == {"down", "out"}


def test_once_a_topic_answers_all_its_jobs_are_due(small, clock):
    small.acts["down"] = raises(JobError("no answer"))
    for _ in range(5):
        small.enqueue("down", kind="call")
    for _ in range(3):
        small.process_due(small.call)
        clock.tick(minutes=1)
    small.acts.clear()
    assert small.process_due(small.call) == {Outcome.SENT: 5}


def test_a_job_that_alone_is_refused_blocks_no_other(small, clock):
    small.acts["picky"] = lambda job: job.number == 1 and raises(JobError("not this one"))(job)
    for _ in range(3):
        small.enqueue("picky", kind="call")
    assert small.process_due(small.call) == {Outcome.RETRY_LATER: 1}
    for _ in range(2):
        clock.tick(minutes=5)
        assert small.process_due(small.call) == {Outcome.SENT: 2, Outcome.RETRY_LATER: 1}
        for _ in range(2):
            small.enqueue("picky", kind="call")


def test_many_that_are_refused_hold_up_no_new_job(small, clock):
    small.acts["picky"] = lambda job: job.number <= 5 and raises(JobError("not this one"))(job)
    for _ in range(5):
        small.enqueue("picky", kind="call")
    for _ in range(7):  # each of them as the probe, and some twice
        small.process_due(small.call)
        clock.tick(minutes=5)
    small.enqueue("picky", text="new", kind="call")
    small.process_due(small.call)
    assert small.done == ["new"]


def test_a_probe_whose_process_died_is_tried_after_its_lease(small, clock):
    small.acts["down"] = raises(JobError("no answer"))
    small.enqueue("down", kind="call")
    small.process_due(small.call)
    clock.tick(minutes=1)
    small.claim(small.call)
    small.acts.clear()
    clock.tick(minutes=1, seconds=59)
    assert small.process_due(small.call) == {}
    clock.tick(seconds=1)
    assert small.process_due(small.call) == {Outcome.SENT: 1}


def test_one_of_many_claims_a_probe(small, clock):
    small.acts["down"] = raises(JobError("no answer"))
    for _ in range(8):
        small.enqueue("down", kind="call")
    small.process_due(small.call)
    start = threading.Barrier(6)

    def claim(_number):
        start.wait()
        return small.claim(small.call)

    for _ in range(5):
        clock.tick(minutes=1)
        with ThreadPoolExecutor(start.parties) as pool:
            claimed = [job for job in pool.map(claim, range(start.parties)) if job]
        assert len(claimed) <= 1
        for job in claimed:
            small.settle(job, JobError("no answer"), small.call)


def test_a_topic_that_is_away_fails_as_a_whole(small, clock, caplog):
    small.acts["down"] = raises(JobError("no answer"))
    for _ in range(4):
        small.enqueue("down", kind="call")
    clock.tick(days=3)
    small.enqueue("down", kind="call")
    assert small.process_due(small.call) == {Outcome.FAILED: 1, Outcome.RETRY_LATER: 1}
    assert [job.failed for job in small.jobs()] == [True] * 4 + [False]
    assert {job.last_error for job in small.jobs()} == {"no answer"}
    assert "call down: 3 more failed, as old as this one" in caplog.text


def test_the_log_says_who_went_away_and_who_is_back(small, clock, caplog):
    small.acts["down"] = raises(JobError("no answer"))
    small.enqueue("down", kind="call")
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            small.process_due(small.call)
            clock.tick(minutes=1)
        small.acts.clear()
        clock.tick(hours=6)
        small.process_due(small.call)
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        ("WARNING", "call 1 down: retry later at attempt 1: no answer"),
        ("INFO", "call 1 down: sent"),
        ("INFO", "call down: answers again"),
    ]


def test_a_fault_while_settling_frees_the_topic(small):
    small.acts["a"] = raises(JobError("down"))
    for _ in range(2):
        small.enqueue("a", kind="call")
    times = iter([small.clock()])
    tell, small.outbox.clock = small.outbox.clock, lambda: next(times)
    with pytest.raises(StopIteration):
        small.process_one(small.call)
    small.outbox.clock = tell
    small.acts.clear()
    assert small.process_due(small.call) == {Outcome.SENT: 1}


def test_no_transaction_is_open_while_a_job_is_done(small):
    def write(_job):
        with small.database.writing():  # refused where this thread has one open
            pass

    small.acts["a"] = write
    small.enqueue()
    assert small.process_due() == {Outcome.SENT: 1}
