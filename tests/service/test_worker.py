import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from flask_service.jobs import JobError
from flask_service.worker import Worker, Workers
from tests.service.small_outbox import raises

PATIENCE = 60  # seconds
NEVER = timedelta(hours=1)
OFTEN = timedelta(milliseconds=10)


@pytest.fixture
def small(small_on_sqlite):
    return small_on_sqlite


@contextmanager
def running_worker(small, *, look_every, kind=None):
    worker = Worker(small.app, kind or small.note, look_every=look_every)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
        worker.join(PATIENCE)


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.01)


def threads():
    return sorted(each.name for each in threading.enumerate() if each.name.startswith("outbox-"))


def test_an_application_alone_starts_no_thread(small):
    small.enqueue()
    assert threads() == []


def test_each_kind_has_threads_of_its_own(small):
    workers = Workers(small.app)
    workers.start()
    assert threads() == ["outbox-call", "outbox-call", "outbox-call", "outbox-note"]
    workers.stop()
    until(lambda: threads() == [])


def test_a_kind_that_hangs_delays_no_other(small):
    go_on = threading.Event()
    small.acts["a"] = lambda _job: go_on.wait(PATIENCE)
    workers = Workers(small.app)
    workers.start()
    try:
        small.enqueue("a", "hangs")
        until(lambda: small.jobs()[0].attempts)
        small.enqueue("c", "a call", kind="call")
        until(lambda: small.done == ["a call"])
    finally:
        go_on.set()
        workers.stop()
    until(lambda: threads() == [])


def test_a_job_that_waits_already_is_done_at_the_start(small):
    small.enqueue()
    with running_worker(small, look_every=NEVER):
        until(lambda: small.done)


def test_a_job_that_this_process_enqueues_is_done_at_once(small):
    with running_worker(small, look_every=NEVER):
        for number in (1, 2, 3):
            small.enqueue()
            until(lambda number=number: len(small.done) == number)


def test_every_worker_of_a_kind_is_notified(small):
    go_on = threading.Event()
    small.acts["slow"] = lambda _job: go_on.wait(PATIENCE)
    with (
        running_worker(small, look_every=NEVER, kind=small.call),
        running_worker(small, look_every=NEVER, kind=small.call),
    ):
        small.enqueue("slow", kind="call")
        until(lambda: small.jobs()[0].attempts)
        small.enqueue("quick", "quick", kind="call")
        until(lambda: small.done == ["quick"])
        go_on.set()


def test_a_job_that_another_process_enqueued_is_found(small):
    with running_worker(small, look_every=OFTEN) as worker:
        small.enqueue()
        worker._enqueued.clear()
        until(lambda: small.done)


def test_a_postponed_job_is_done_when_it_is_due(small, clock):
    small.acts["a"] = raises(JobError("down"))
    small.enqueue()
    with running_worker(small, look_every=OFTEN):
        until(lambda: small.jobs()[0].last_error == "down")
        small.acts.clear()
        clock.tick(minutes=1)
        until(lambda: small.done)


def rename(small, old, new):
    with small.database.writing() as connection:
        connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


def test_a_database_out_of_reach_is_logged_once_and_waited_for(small, caplog):
    looks: list[None] = []
    tell = small.outbox.clock

    def counting():
        looks.append(None)
        return tell()

    with running_worker(small, look_every=OFTEN), caplog.at_level(logging.INFO):
        rename(small, "outbox", "elsewhere")
        until(lambda: "note jobs wait" in caplog.text)
        small.outbox.clock = counting
        until(lambda: len(looks) >= 5)
        rename(small, "elsewhere", "outbox")
        small.enqueue()
        until(lambda: small.done)
    lines = [record.getMessage() for record in caplog.records if "wait" in record.getMessage()]
    assert lines == ["note jobs wait: the database is out of reach (OperationalError)"]


def stopped_clock():
    raise ZeroDivisionError


def test_a_fault_of_ours_does_not_end_the_thread(small, caplog):
    tell, small.outbox.clock = small.outbox.clock, stopped_clock
    with running_worker(small, look_every=OFTEN):
        until(lambda: "note jobs wait: this server has failed (ZeroDivisionError)" in caplog.text)
        small.outbox.clock = tell
        small.enqueue()
        until(lambda: small.done)


def test_a_worker_that_is_stopped_begins_no_further_job(small):
    begun, go_on = threading.Event(), threading.Event()

    def wait(_job):
        begun.set()
        go_on.wait(PATIENCE)

    small.acts["a"] = wait
    for _ in range(3):
        small.enqueue()
    with running_worker(small, look_every=NEVER) as worker:
        assert begun.wait(PATIENCE)
        worker.stop()
        go_on.set()
    assert threads() == []
    assert len(small.done) == 1
    assert len(small.jobs()) == 2


def test_a_new_job_waits_until_the_answer_is_out(small):
    small.enqueue()
    patient = replace(small.note, grace=NEVER)
    with running_worker(small, look_every=NEVER, kind=patient) as worker:
        until(lambda: small.jobs() == [])  # what waited already is no answer's business
        small.enqueue()
        until(lambda: not worker._enqueued.is_set())
        assert len(small.done) == 1
