import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain

import pytest

from server1.accounts.email_addresses import EmailAddressError
from server1.mail import queue
from server1.mail.queue import Letter, LetterUnknownError
from tests.servers.accounts_visitor import EMAIL
from tests.servers.mail_room import MailRoom

HOSTILE_ADDRESSES = [
    "",
    "nobody",
    "a@x.example, e@y.example",
    "a@x.example,e@y.example",
    "a@x.example;e@y.example",
    "a@x.example e@y.example",
    "a@x.example\r\nBcc: e@y.example",
    "a@x.example\nBcc: e@y.example",
    "a@x.example%0d%0aBcc:e@y.example",
    "a@x.example\0",
    "Ada <a@x.example>",
    "<a@x.example>",
    "group: a@x.example, e@y.example;",
    '"a@x.example, e"@y.example',
    "a@x.example@y.example",
    "a@x.example>\r\nRCPT TO:<e@y.example",
    "a@[127.0.0.1]",
    "(e@y.example)a@x.example",
    "ada@examplé.com",
    "ADA@EXAMPLE.COM\u212a",
    "ad\u0131@example.com",
    "ada@example.com\u2028",
    "\ud800@example.com",
    "a" * 65 + "@x.example",
    "a@" + "x" * 320,
]


@pytest.fixture
def room(accounts_on, clock):
    return MailRoom(accounts_on, clock)


def put_off(room, letter, reason="the mail server broke off"):
    with room.database.writing() as connection:
        queue.put_off(connection, letter, reason, room.clock())


def give_up(room, letter):
    with room.database.writing() as connection:
        queue.give_up(connection, letter, "the mail server refuses the address (550)")


def remove(room, letter):
    with room.database.writing() as connection:
        queue.remove(connection, letter)


def retry(room, number):
    with room.database.writing() as connection:
        return queue.retry(connection, number, room.clock())


def test_a_letter_is_entered_due_at_once(room, clock):
    room.enqueue(Letter.RESET_PASSWORD)
    (letter,) = room.waiting()
    assert (letter.kind, letter.address) == (Letter.RESET_PASSWORD, EMAIL)
    assert letter.enqueued_at == letter.due_at == clock()
    assert letter.attempts == 0
    assert not letter.given_up


def test_a_letter_is_entered_with_the_change_it_tells_of_or_not_at_all(room, clock):
    with (
        room.accounts.app.app_context(),
        pytest.raises(ZeroDivisionError),
        room.database.writing() as connection,
    ):
        queue.enqueue(connection, Letter.PASSWORD_CHANGED, address=EMAIL, now=clock())
        _ = 1 / 0
    assert room.waiting() == []
    assert not room.entered.is_set()


def test_this_process_is_told_of_a_letter_once_it_is_there(room, clock):
    with room.accounts.app.app_context(), room.database.writing() as connection:
        queue.enqueue(connection, Letter.PASSWORD_CHANGED, address=EMAIL, now=clock())
        assert not room.entered.is_set()
    assert room.entered.is_set()


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_a_letter_has_one_address(accounts, clock, address):
    room = MailRoom(accounts, clock)
    with pytest.raises(EmailAddressError):
        room.enqueue(Letter.RESET_PASSWORD, address)
    assert room.waiting() == []


def test_the_letter_that_is_due_for_the_longest_time_is_claimed_first(room, clock):
    for kind in (Letter.EMAIL_CHANGED, Letter.PASSWORD_CHANGED, Letter.ACCOUNT_CLOSED):
        room.enqueue(kind)
        clock.tick(seconds=1)
    put_off(room, room.claim())
    clock.tick(minutes=2)
    assert [letter.kind for letter in iter(room.claim, None)] == [
        *(Letter.PASSWORD_CHANGED, Letter.ACCOUNT_CLOSED, Letter.EMAIL_CHANGED)
    ]


def test_of_many_that_claim_a_letter_at_once_one_gets_it(room):
    start = threading.Barrier(8)

    def claim_all(_number):
        start.wait()
        return [letter.number for letter in iter(room.claim, None)]

    for _ in range(3):
        for _ in range(12):
            room.enqueue(Letter.PASSWORD_CHANGED)
        with ThreadPoolExecutor(start.parties) as pool:
            claimed = list(chain.from_iterable(pool.map(claim_all, range(start.parties))))
        assert len(claimed) == len(set(claimed))
        while room.claim() is not None:  # a lock in the way may have hidden one for a moment
            claimed.append(None)
        assert len(claimed) == 12


def test_a_letter_whose_bearer_died_is_due_again_after_two_minutes(room, clock):
    room.enqueue(Letter.PASSWORD_CHANGED)
    assert room.claim().attempts == 1
    clock.tick(minutes=1, seconds=59)
    assert room.claim() is None
    clock.tick(seconds=1)
    assert room.claim().attempts == 2


def test_whoever_lost_a_claim_to_another_has_no_say_any_more(room, clock):
    room.enqueue(Letter.PASSWORD_CHANGED)
    slow = room.claim()
    clock.tick(minutes=2)
    room.claim()
    for settle in (remove, put_off, give_up):
        settle(room, slow)
    (letter,) = room.waiting()
    assert letter.claimed_until == clock() + timedelta(minutes=2)
    assert not letter.given_up


def test_a_claim_holds_back_its_own_letter_only(room):
    room.enqueue(Letter.PASSWORD_CHANGED)
    room.enqueue(Letter.ACCOUNT_CLOSED)
    assert [letter.number for letter in iter(room.claim, None)] == [1, 2]


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=365)], ids=str)
def test_what_a_clock_ahead_entered_is_due_at_once(room, clock, ahead):
    clock.now += ahead
    room.enqueue(Letter.PASSWORD_CHANGED)
    clock.now -= ahead
    assert room.claim().number == 1
    assert room.claim() is None


def test_what_a_clock_years_ahead_put_off_is_due(room, clock):
    room.enqueue(Letter.PASSWORD_CHANGED)
    clock.tick(days=365)
    put_off(room, room.claim())
    clock.tick(days=-365)
    assert room.claim().number == 1
    assert room.claim() is None


@pytest.mark.parametrize(("minutes_ahead", "is_over"), [(2, False), (60, True)])
def test_a_claim_by_a_clock_that_was_ahead_is_over(room, clock, minutes_ahead, is_over):
    """Two minutes are not: the clocks of two machines may differ."""
    room.enqueue(Letter.PASSWORD_CHANGED)
    clock.tick(minutes=minutes_ahead)
    room.claim()
    clock.tick(minutes=-minutes_ahead)
    assert (room.claim() is not None) is is_over


def test_a_letter_waits_longer_after_each_failure(room, clock):
    room.enqueue(Letter.PASSWORD_CHANGED)
    delays = []
    for _ in range(12):
        put_off(room, room.claim())
        (letter,) = room.waiting()
        delays.append(letter.due_at - clock())
        clock.now = letter.due_at - timedelta(seconds=1)
        assert room.claim() is None
        clock.tick(seconds=1)
    minutes = [delay / timedelta(minutes=1) for delay in delays]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]


def test_a_letter_that_failed_a_thousand_times_waits_no_longer(room, clock):
    room.enqueue(Letter.PASSWORD_CHANGED)
    with room.database.writing() as connection:
        connection.execute(queue.letters.update().values(attempts=10_000))
    put_off(room, room.claim())
    (letter,) = room.waiting()
    assert letter.due_at - clock() == timedelta(hours=6)


def test_a_letter_that_was_given_up_is_kept_and_not_tried(room, clock):
    room.enqueue(Letter.PASSWORD_CHANGED)
    give_up(room, room.claim())
    clock.tick(days=100)
    assert room.claim() is None
    (letter,) = room.waiting()
    assert letter.given_up
    assert letter.last_error == "the mail server refuses the address (550)"


def test_a_letter_that_was_given_up_is_tried_again_on_demand(room, clock):
    room.enqueue(Letter.PASSWORD_CHANGED)
    for _ in range(5):
        put_off(room, room.claim())
        clock.tick(hours=6)
    give_up(room, room.claim())
    (letter,) = room.waiting()
    assert retry(room, letter.number).due_at == clock()
    assert room.claim().attempts == 1


def test_a_letter_is_not_claimed_twice_because_somebody_wants_it_sent_now(room):
    room.enqueue(Letter.PASSWORD_CHANGED)
    retry(room, room.claim().number)
    assert room.claim() is None


def test_a_letter_that_is_gone_cannot_be_tried_again(room):
    room.enqueue(Letter.PASSWORD_CHANGED)
    letter = room.claim()
    remove(room, letter)
    with pytest.raises(LetterUnknownError):
        retry(room, letter.number)


def test_all_letters_can_be_made_due_now(room, clock):
    for _ in range(3):
        room.enqueue(Letter.PASSWORD_CHANGED)
    put_off(room, room.claim())
    give_up(room, room.claim())
    with room.database.writing() as connection:
        assert len(queue.retry_all(connection, clock())) == 3
    assert sorted(letter.number for letter in iter(room.claim, None)) == [1, 2, 3]


def test_a_number_is_never_used_again(room):
    room.enqueue(Letter.PASSWORD_CHANGED)
    first = room.claim()
    remove(room, first)
    room.enqueue(Letter.PASSWORD_CHANGED)
    assert room.claim().number > first.number


def test_letters_that_were_given_up_a_month_ago_are_removed_a_few_at_a_time(room, clock):
    for _ in range(25):
        room.enqueue(Letter.PASSWORD_CHANGED)
    room.enqueue(Letter.ACCOUNT_CLOSED)
    for _ in range(25):
        give_up(room, room.claim())

    def sweep():
        with room.database.writing() as connection:
            return len(queue.sweep(connection, clock()))

    clock.tick(days=29, hours=23)
    assert sweep() == 0
    clock.tick(hours=1)
    assert [sweep(), sweep(), sweep()] == [20, 5, 0]
    assert [letter.kind for letter in room.waiting()] == [Letter.ACCOUNT_CLOSED]


def test_no_reason_is_too_long_for_the_database(room):
    room.enqueue(Letter.PASSWORD_CHANGED)
    put_off(room, room.claim(), "x" * 1000)
    (letter,) = room.waiting()
    assert letter.last_error == "x" * 200


def test_a_letter_of_a_newer_version_is_left_for_that_one_and_keeps_no_other(room):
    room.enqueue(Letter.PASSWORD_CHANGED)
    with room.database.writing() as connection:
        connection.execute(queue.letters.update().values(kind="of-a-newer-version"))
    room.enqueue(Letter.ACCOUNT_CLOSED)
    assert room.claim().kind == Letter.ACCOUNT_CLOSED
    assert room.claim() is None
    assert [letter.kind for letter in room.waiting()] == ["of-a-newer-version", "account-closed"]
