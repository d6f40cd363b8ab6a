import logging
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text

from flask_service.outbox import Outbox
from flask_service.outbox.jobs import JobError
from flask_service.outbox.worker import Workers
from tests.server_process import until
from tests.service.small_outbox import Note, raises

PATIENCE = 60  # seconds
NEVER = timedelta(hours=1)
OFTEN = timedelta(milliseconds=10)


@pytest.fixture
def small(small_on_sqlite):
    return small_on_sqlite


@contextmanager
def running_workers(small, *, look_every=NEVER):
    workers = Workers(small.app, look_every=look_every)
    workers.start()
    try:
        yield workers
    finally:
        workers.stop()
        until(lambda: threads() == [])


def threads():
    return sorted(each.name for each in threading.enumerate() if each.name.startswith("outbox-"))


def test_an_application_alone_starts_no_thread(small):
    small.enqueue()
    assert threads() == []


def test_each_kind_has_threads_of_its_own(small):
    with running_workers(small):
        assert threads() == ["outbox-call", "outbox-call-probe", "outbox-note"]


def test_a_kind_that_hangs_delays_no_other(small):
    go_on = threading.Event()
    small.acts["a"] = lambda _job: go_on.wait(PATIENCE)
    with running_workers(small):
        small.enqueue("a", "hangs")
        until(lambda: small.jobs()[0].attempts)
        small.enqueue("c", "a call", kind="call")
        until(lambda: small.done == ["a call"])
        go_on.set()


def test_a_job_that_waits_already_is_done_at_the_start(small):
    small.enqueue()
    with running_workers(small):
        until(lambda: small.done)


def test_a_job_that_this_process_enqueues_is_done_at_once(small):
    with running_workers(small):
        for number in (1, 2, 3):
            small.enqueue()
            until(lambda number=number: len(small.done) == number)


def test_topics_that_hang_delay_no_other(small):
    """Three threads: two that hang leave one, which is enough."""
    go_on = threading.Event()
    for topic in ("slow", "slower"):
        small.acts[topic] = lambda _job: go_on.wait(PATIENCE)
    with running_workers(small):
        for topic in small.acts:
            small.enqueue(topic, kind="call")
        until(lambda: all(job.attempts for job in small.jobs()))
        for number in range(1, 20):
            small.enqueue("quick", "quick", kind="call")
            until(lambda number=number: len(small.done) == number)
        assert threads().count("outbox-call") == 3
        go_on.set()


def test_probes_that_hang_delay_no_other_topic(small, clock):
    """More than there are threads: those that failed before have threads of their own."""
    go_on = threading.Event()
    slow = [f"slow {number}" for number in range(5)]
    for topic in slow:
        small.acts[topic] = raises(JobError("down"))
        small.enqueue(topic, topic, kind="call")
    small.process_due(small.call)
    small.acts = dict.fromkeys(slow, lambda _job: go_on.wait(PATIENCE))
    clock.tick(minutes=1)
    with running_workers(small, look_every=OFTEN):
        until(lambda: sum(job.attempts == 2 for job in small.jobs()) == 3)
        small.enqueue("quick", "quick", kind="call")
        until(lambda: small.done == ["quick"])
        go_on.set()
        until(lambda: small.done[1:] and small.jobs() == [])


def test_a_topic_that_answers_again_is_served_at_once(small, clock):
    small.acts["down"] = raises(JobError("no answer"))
    for _ in range(50):
        small.enqueue("down", kind="call")
    small.process_due(small.call)
    small.acts.clear()
    clock.tick(minutes=1)
    with running_workers(small):  # which look again in an hour
        until(lambda: small.jobs() == [])


def test_a_job_that_another_process_enqueued_is_found(small, clock):
    other = Outbox(small.table, [small.note], small.database, clock)
    with running_workers(small, look_every=OFTEN):
        with small.database.writing() as connection:
            other.enqueue(connection, "note", "a", Note("from elsewhere"), clock())
        until(lambda: small.done)


def test_a_postponed_job_is_done_when_it_is_due(small, clock):
    small.acts["a"] = raises(JobError("down"))
    small.enqueue()
    with running_workers(small, look_every=OFTEN):
        until(lambda: small.jobs()[0].last_error == "down")
        small.acts.clear()
        clock.tick(minutes=1)
        until(lambda: small.done)


def rename(small, old, new):
    with small.database.writing() as connection:
        connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


def test_workers_wait_for_a_database_and_log_it_once(small, caplog):
    looks: list[None] = []
    tell = small.outbox.clock

    def counting():
        looks.append(None)
        return tell()

    small.outbox.kinds = {"note": small.note}
    with running_workers(small, look_every=OFTEN), caplog.at_level(logging.INFO):
        rename(small, "outbox", "elsewhere")
        until(lambda: "note jobs wait" in caplog.text)
        small.outbox.clock = counting
        until(lambda: len(looks) >= 5)
        rename(small, "elsewhere", "outbox")
        small.enqueue()
        until(lambda: small.done)
    lines = [record.getMessage() for record in caplog.records if "wait" in record.getMessage()]
    assert lines == ["note jobs wait: the database failed (a table is missing: SQLITE_ERROR)"]


def stopped_clock():
    raise ZeroDivisionError


def test_a_fault_of_ours_does_not_end_the_thread(small, caplog):
    tell, small.outbox.clock = small.outbox.clock, stopped_clock
    with running_workers(small, look_every=OFTEN):
        until(lambda: "note jobs wait: this server has failed (ZeroDivisionError)" in caplog.text)
        small.outbox.clock = tell
        small.enqueue()
        until(lambda: small.done)


def test_workers_that_are_stopped_begin_no_further_job(small):
    begun, go_on = threading.Event(), threading.Event()

    def wait(_job):
        begun.set()
        go_on.wait(PATIENCE)

    small.acts["a"] = wait
    for _ in range(3):
        small.enqueue()
    with running_workers(small) as workers:
        assert begun.wait(PATIENCE)
        stopping = threading.Thread(target=workers.stop)
        stopping.start()
        until(lambda: "outbox-call" not in threads())
        go_on.set()
        stopping.join()
    assert len(small.done) == 1
    assert len(small.jobs()) == 2


def test_a_new_job_waits_until_the_answer_is_out(small):
    waits = []

    class Stopping(threading.Event):
        def wait(self, timeout=None):
            waits.append(timeout)
            return super().wait(timeout)

    small.outbox.kinds = {"note": small.note._replace(grace=NEVER)}
    workers = Workers(small.app, look_every=NEVER)
    workers._stopping = workers.lanes[0]._stopping = Stopping()
    small.enqueue()  # no thread is there yet: what waits already is no answer's business
    workers.lanes[0].enqueued.clear()
    workers.start()
    until(lambda: small.jobs() == [])
    assert waits == []
    small.enqueue()
    until(lambda: waits == [NEVER.total_seconds()])
    workers.stop()
