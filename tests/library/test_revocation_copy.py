"""What a process knows of the list of revocations, and for how long it believes it."""

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_handoff.api.revocation import RevocationCopy
from flask_handoff.errors import RevocationListUnavailableError
from flask_handoff.stores import MemoryRevocationList, RevocationEntry

ISSUER = "https://server1.example.com"
PATIENCE = 60  # seconds for another thread to come so far


class WatchedList(MemoryRevocationList):
    """Counts how often it is asked, and may be out of reach."""

    is_down = False
    asked = 0

    def entries(self, issuer, *, start, most):
        self.asked += 1
        if self.is_down:
            raise RevocationListUnavailableError("out of reach")
        return super().entries(issuer, start=start, most=most)


class Monotonic:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def revocations():
    return WatchedList()


@pytest.fixture
def monotonic():
    return Monotonic()


@pytest.fixture
def build(revocations, clock, monotonic):
    return lambda: RevocationCopy(revocations, ISSUER, clock=clock, monotonic=monotonic)


@pytest.fixture
def copy(build):
    copy = build()
    copy.refresh()
    return copy


def test_what_another_process_noted_is_known_half_a_second_later(build, copy, monotonic):
    another = build()
    another.note("jti", "j", another.now())
    monotonic.now += 0.49
    copy.refresh()
    assert not copy.dated("jti", "j")
    monotonic.now += 0.01
    copy.refresh()
    assert copy.dated("jti", "j")
    assert not copy.dated("sub", "j")


def test_the_list_is_asked_at_most_twice_a_second(copy, revocations, monotonic):
    for _ in range(100):
        monotonic.now += 0.0625
        copy.refresh()
    assert revocations.asked == 1 + 12


def test_an_entry_of_a_newer_version_lets_nobody_in(build, revocations, clock, caplog):
    now = int(clock().timestamp())
    revocations.note(ISSUER, "device", "d", dated=now, forget_at=now + 600, now=now)
    with pytest.raises(RevocationListUnavailableError):
        build().refresh()
    assert "noted by a newer version" in caplog.text


def test_a_list_out_of_reach_is_believed_for_five_seconds(copy, revocations, monotonic):
    copy.note("jti", "j", copy.now())
    monotonic.now += 1
    copy.refresh()
    revocations.is_down = True
    monotonic.now += 5
    copy.refresh()
    assert copy.dated("jti", "j")
    monotonic.now += 0.1
    for _ in range(2):
        with pytest.raises(RevocationListUnavailableError):
            copy.refresh()
    revocations.is_down = False
    monotonic.now += 0.5
    copy.refresh()


def test_while_it_is_out_of_reach_it_is_asked_twice_a_second(copy, revocations, monotonic):
    revocations.is_down = True
    monotonic.now += 60
    for _ in range(100):
        with pytest.raises(RevocationListUnavailableError):
            copy.refresh()
    assert revocations.asked == 2


def test_before_the_list_was_ever_read_nothing_is_believed(build, revocations):
    revocations.is_down = True
    with pytest.raises(RevocationListUnavailableError):
        build().refresh()


def test_a_clock_that_is_set_back_keeps_nothing_from_being_read(build, copy, clock, monotonic):
    build().note("jti", "j", copy.now())
    clock.tick(hours=-1)
    monotonic.now += 0.5
    copy.refresh()
    assert copy.dated("jti", "j")


def test_a_list_that_lost_its_newest_entries_is_read_again(copy, revocations, monotonic):
    """Such as a database that was restored: its numbers mean other entries now."""
    for value in ("a", "b"):
        copy.note("jti", value, copy.now())
    monotonic.now += 1
    copy.refresh()
    restored = WatchedList()
    for value in ("c", "d"):
        restored.note(ISSUER, "jti", value, dated=copy.now(), forget_at=2**40, now=copy.now())
    copy._list = restored
    monotonic.now += 1
    copy.refresh()
    assert all(copy.dated("jti", value) for value in "abcd")


def test_one_request_reads_and_the_others_do_not_wait(copy, revocations, monotonic):
    reading, goes_on = threading.Event(), threading.Event()
    read = revocations.entries

    def slowly(*arguments, **options):
        reading.set()
        assert goes_on.wait(PATIENCE)
        return read(*arguments, **options)

    revocations.entries = slowly
    monotonic.now += 1
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(copy.refresh)
        assert reading.wait(PATIENCE)
        copy.refresh()
        goes_on.set()
        first.result()
    assert revocations.asked == 2


def test_the_first_requests_wait_until_the_list_is_read(build, revocations):
    revocations.note(ISSUER, "jti", "j", dated=2**40, forget_at=2**41, now=0)
    copy = build()
    together, never = threading.Barrier(8), threading.Event()
    read = revocations.entries

    def slowly(*arguments, **options):
        found = read(*arguments, **options)
        assert not never.wait(0.05)
        return found

    revocations.entries = slowly

    def ask(_):
        together.wait(PATIENCE)
        copy.refresh()
        return copy.dated("jti", "j") > 0

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(8))) == [True] * 8
    assert revocations.asked == 1


@pytest.mark.parametrize(("claim", "life"), [("jti", 65), ("sub", 665), ("active", 0)])
def test_an_entry_leaves_when_what_it_names_is_dead(copy, clock, monotonic, claim, life):
    copy.note(claim, "x", copy.now())
    monotonic.now += 61
    clock.tick(seconds=life)
    copy.refresh()
    assert copy.dated(claim, "x")
    monotonic.now += 61
    clock.tick(seconds=1)
    copy.refresh()
    assert not copy.dated(claim, "x")


def test_all_of_many_are_read_and_take_at_most_150_bytes_each(clock):
    class Full(MemoryRevocationList):
        def entries(self, issuer, *, start, most):
            first = max(start, 1)
            numbers = range(first, min(first + most, 50_001))
            return [RevocationEntry(n, "jti", f"{n:043d}", 2**31 + n % 600) for n in numbers]

    copy = RevocationCopy(Full(), ISSUER, clock=clock)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    copy.refresh()
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert all(copy.dated("jti", f"{number:043d}") for number in range(1, 50_001))
    assert taken / 50_000 <= 150
