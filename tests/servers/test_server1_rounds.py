import logging
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text

from server1.mail.errors import OutOfReachError
from server1.mail.postman import goes_on
from server1.mail.queue import Letter
from server1.rounds import Rounds
from tests.servers.mail_room import MailRoom

PATIENCE = 60  # seconds
NEVER = timedelta(hours=1)
OFTEN = timedelta(milliseconds=10)


@pytest.fixture
def room(accounts, clock):
    return MailRoom(accounts, clock)


@contextmanager
def running_rounds(room, **pace):
    rounds = Rounds(
        room.accounts.app,
        what="letters",
        work=goes_on,
        entered=room.entered,
        **{"grace": timedelta(0), **pace},
    )
    rounds.start()
    try:
        yield rounds
    finally:
        rounds.stop(timedelta(seconds=PATIENCE))


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.01)


def mail_threads():
    return [thread for thread in threading.enumerate() if thread.name == "server1-letters"]


def test_an_application_alone_starts_no_thread(room):
    room.enqueue(Letter.PASSWORD_CHANGED)
    assert mail_threads() == []


def test_a_letter_that_waits_already_is_sent_when_the_thread_starts(room):
    room.enqueue(Letter.PASSWORD_CHANGED)
    with running_rounds(room, look_every=NEVER):
        until(lambda: room.box.mails)


def test_a_letter_that_this_process_enters_is_sent_at_once(room):
    with running_rounds(room, look_every=NEVER):
        for number in (1, 2, 3):
            room.enqueue(Letter.PASSWORD_CHANGED)
            until(lambda number=number: len(room.box.mails) == number)


def test_a_letter_that_another_process_entered_is_found(room):
    with running_rounds(room, look_every=OFTEN):
        room.enqueue(Letter.PASSWORD_CHANGED)
        room.entered.clear()
        until(lambda: room.box.mails)


def test_a_letter_that_was_put_off_is_sent_when_it_is_due(room, clock):
    room.box.trouble = OutOfReachError("down")
    room.enqueue(Letter.PASSWORD_CHANGED)
    with running_rounds(room, look_every=OFTEN):
        until(lambda: room.waiting()[0].last_error == "down")
        room.box.trouble = None
        clock.tick(minutes=1)
        until(lambda: room.box.mails)


def test_a_database_that_is_out_of_reach_is_waited_for_and_told_of_once(room, caplog):
    with running_rounds(room, look_every=OFTEN), caplog.at_level(logging.INFO):
        rename(room, "letters", "letters_elsewhere")
        until(lambda: "letters wait" in caplog.text)
        wait_for_looks(room, 5)
        rename(room, "letters_elsewhere", "letters")
        room.enqueue(Letter.PASSWORD_CHANGED)
        until(lambda: room.box.mails)
    lines = [record.getMessage() for record in caplog.records if "wait" in record.getMessage()]
    assert lines == ["letters wait: the database is out of reach (OperationalError)"]


def rename(room, old, new):
    with room.database.writing() as connection:
        connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


def wait_for_looks(room, number):
    """Wait until the thread has asked for the time so many times more."""
    looks: list[None] = []

    def counting():
        looks.append(None)
        return room.clock()

    room.accounts.install(clock=counting)
    until(lambda: len(looks) >= number)


def test_a_fault_of_ours_does_not_end_the_thread(room, caplog):
    tell = room.accounts.clock
    room.accounts.install(clock=stopped_clock)
    with running_rounds(room, look_every=OFTEN):
        until(lambda: "letters wait: this server has failed (ZeroDivisionError)" in caplog.text)
        room.accounts.install(clock=tell)
        room.enqueue(Letter.PASSWORD_CHANGED)
        until(lambda: room.box.mails)


def stopped_clock():
    raise ZeroDivisionError


def test_the_thread_ends_when_it_is_told_to_and_begins_no_further_letter(room):
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        def __init__(self):
            self.mails = []

        def deliver(self, message):
            self.mails.append(message)
            begun.set()
            go_on.wait(PATIENCE)

    slow = Slow()
    room = MailRoom(room.accounts, room.clock, slow)
    for _ in range(3):
        room.enqueue(Letter.PASSWORD_CHANGED)
    with running_rounds(room, look_every=NEVER) as rounds:
        assert begun.wait(PATIENCE)
        room.entered.clear()
        stopping = threading.Thread(target=rounds.stop)
        stopping.start()
        until(room.entered.is_set)
        go_on.set()
        stopping.join()
    assert mail_threads() == []
    assert len(slow.mails) == 1
    assert len(room.waiting()) == 2


def test_a_letter_waits_until_the_answer_to_its_request_is_out(room):
    room.enqueue(Letter.PASSWORD_CHANGED)
    room.entered.clear()
    with running_rounds(room, look_every=NEVER, grace=NEVER):
        until(lambda: room.waiting() == [])  # what waited already is no answer's business
        room.enqueue(Letter.PASSWORD_CHANGED)
        until(lambda: not room.entered.is_set())
        assert len(room.box.mails) == 1
