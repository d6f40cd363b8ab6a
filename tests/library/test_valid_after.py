"""One rule for what a token is worth: what is dated before a cut is dead, what follows lives."""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from flask_handoff.issuer.valid_after import LONGEST_WAIT
from flask_handoff.stores import MemoryReplayStore
from tests.clock import FakeClock
from tests.code_client import (
    ask,
    claims_of,
    code_of,
    exchange,
    introspect,
    refresh,
    refused,
)
from tests.library.issued import OF_SERVICE, SERVICE, Tokens, stores_at
from tests.minimal_pair import (
    CLIENT,
    CODE_CLIENT,
    PUBLIC_CLIENT,
    Browser,
    issuer_app,
    query_of,
    receiver_app,
)

SID = "a-session-at-server1"
OF_USER = [("all",), ("client", "reader"), ("user", "ada")]
ELSEWHERE = [("client", "wiki"), ("user", "grace"), ("session", "another")]


class Cuts:
    """What the application knows: since when what was issued counts."""

    def __init__(self):
        self.known = {}

    def cut(self, *name, clock):
        self.known[name] = clock().replace(microsecond=0) + timedelta(seconds=1)

    def __call__(self, client_id, subject, session_id):
        names = [("all",), ("client", client_id), ("user", subject), ("session", session_id)]
        return max((self.known[name] for name in names if name in self.known), default=None)


@pytest.fixture
def cuts():
    return Cuts()


@pytest.fixture
def stores(request, tmp_path):
    """In memory, or where a test says so in a database."""
    url = f"sqlite:///{tmp_path / 'issuer.sqlite3'}" if hasattr(request, "param") else None
    with stores_at(url) as (made, _):
        yield made


@pytest.fixture
def machine(key_ring, stores, cuts):
    """Runs SERVER1 by a clock of its own; all machines share the stores and the cuts."""
    return lambda clock: Tokens(key_ring, clock, stores, valid_after=cuts)


@pytest.fixture
def tokens(machine, clock):
    return machine(clock)


def is_active(tokens, token, client):
    return introspect(tokens.browser, token, client).json["active"]


# Each kind of token, issued before; returns whether it is good.


def code(tokens):
    found = code_of(ask(tokens.browser))
    return lambda: exchange(tokens.browser, found).status_code == 200


def access_token(tokens):
    found = tokens.first(scope="openid profile")
    return lambda: tokens.is_alive(found)


def access_token_of_a_service(tokens):
    found = tokens.first(scope="notes:read")["access_token"]
    return lambda: is_active(tokens, found, SERVICE)


def refresh_token(tokens):
    found = tokens.first()["refresh_token"]
    return lambda: refresh(tokens.browser, found).status_code == 200


def refresh_token_introspected(tokens):
    found = tokens.first(**OF_SERVICE)["refresh_token"]
    return lambda: is_active(tokens, found, CODE_CLIENT)


def access_token_beside_a_refresh_token(tokens):
    found = tokens.first()
    return lambda: tokens.is_alive(found)


def service_s_own_token(tokens):
    found = tokens.of_robot()
    return lambda: is_active(tokens, found, SERVICE)


OF_A_SESSION = [code, access_token, access_token_of_a_service]
BEYOND_IT = [refresh_token, refresh_token_introspected, access_token_beside_a_refresh_token]
DEAD = [
    *((cut, kind) for cut in [*OF_USER, ("session", SID)] for kind in OF_A_SESSION),
    *((cut, kind) for cut in OF_USER for kind in BEYOND_IT),
    *((cut, service_s_own_token) for cut in [("all",), ("client", "robot")]),
]
ALIVE = [
    *((cut, kind) for cut in ELSEWHERE for kind in [*OF_A_SESSION, *BEYOND_IT]),
    *((("session", SID), kind) for kind in BEYOND_IT),
    *((cut, service_s_own_token) for cut in [("user", "ada"), ("client", "reader")]),
]


def name(value):
    return " ".join(value) if isinstance(value, tuple) else value.__name__


@pytest.mark.parametrize(("cut", "issue"), DEAD, ids=name)
def test_what_was_issued_before_a_cut_is_dead(tokens, cuts, clock, cut, issue):
    is_good = issue(tokens)
    cuts.cut(*cut, clock=clock)
    assert not is_good()


@pytest.mark.parametrize(("cut", "issue"), ALIVE, ids=name)
def test_a_cut_of_something_else_changes_nothing(tokens, cuts, clock, cut, issue):
    is_good = issue(tokens)
    cuts.cut(*cut, clock=clock)
    assert is_good()


@pytest.mark.parametrize(("cut", "issue"), DEAD, ids=name)
def test_what_is_issued_next_waits_for_the_next_second(tokens, cuts, clock, cut, issue):
    clock.tick(seconds=0.25)
    cuts.cut(*cut, clock=clock)
    cut_at = clock()
    is_good = issue(tokens)
    assert clock() - cut_at == timedelta(seconds=0.75)
    assert is_good()


def test_nothing_waits_where_nothing_was_cut(tokens, cuts, clock):
    before = clock()
    cuts.cut("user", "grace", clock=clock)
    tokens.first()
    tokens.of_robot()
    assert clock() == before


def test_a_handoff_after_a_cut_is_dated_after_it(key_ring, cuts, clock):
    issuer = issuer_app(key_ring, clock, valid_after=cuts)
    browser = Browser(issuer, receiver_app(key_ring, MemoryReplayStore(), clock))
    browser.sign_in()
    cuts.cut("user", "ada", clock=clock)
    token = query_of(browser.come_back().location)["id_token"]
    assert claims_of(token)["iat"] == int(clock().timestamp())
    assert clock() == cuts.known["user", "ada"]


def test_what_the_application_wrote_too_early_is_undone(key_ring, cuts, clock):
    log = []

    @contextmanager
    def transaction():
        log.append("begins")
        yield
        log.append("ends")

    issuer = issuer_app(key_ring, clock, valid_after=cuts, transaction=transaction)
    browser = Browser(issuer, None)
    browser.sign_in()
    cuts.cut("user", "ada", clock=clock)

    def sleep(seconds):
        log.append("waits")
        clock.tick(seconds=seconds)

    clock.sleep = sleep
    asked = {"response_type": "id_token", "response_mode": "query", "nonce": "n" * 43}
    client = {**CLIENT, "secret_hashes": ["of a receiver"]}
    assert "id_token=" in ask(browser, client, **asked, state="s" * 43).location
    assert log == ["begins", "waits", "begins", "ends"]


@pytest.mark.parametrize("cut", OF_USER, ids=name)
def test_a_cut_of_a_clock_ahead_is_waited_for(machine, cuts, cut):
    ahead, behind = FakeClock(), FakeClock()
    ahead.tick(seconds=4)
    fast, slow = machine(ahead), machine(behind)
    before = [fast.first(scope="openid"), slow.first(scope="openid")]
    cuts.cut(*cut, clock=ahead)
    after = slow.first(scope="openid")
    assert behind() == cuts.known[cut]
    assert [slow.is_alive(each) for each in (*before, after)] == [False, False, True]
    assert claims_of(after["access_token"])["iat"] == int(behind().timestamp())


def test_a_code_of_a_clock_ahead_is_exchanged_once_its_token_lives(machine, cuts):
    ahead, behind = FakeClock(), FakeClock()
    ahead.tick(seconds=3)
    fast, slow = machine(ahead), machine(behind)
    cuts.cut("user", "ada", clock=ahead)
    code = code_of(ask(fast.browser))
    tokens = exchange(slow.browser, code).get_json()
    assert slow.is_alive(tokens)
    assert behind() == cuts.known["user", "ada"]


@pytest.mark.parametrize("client", [CODE_CLIENT, PUBLIC_CLIENT], ids=["reader", "single-page"])
def test_nobody_waits_for_a_clock_far_ahead(tokens, cuts, clock, client):
    before, ahead = clock(), FakeClock()
    ahead.now = before + LONGEST_WAIT
    cuts.cut("user", "ada", clock=ahead)
    answer = ask(tokens.browser, client)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert clock() == before


def test_a_service_is_told_to_come_back_later(tokens, cuts, clock):
    ahead = FakeClock()
    ahead.now = clock() + LONGEST_WAIT
    cuts.cut("client", "robot", clock=ahead)
    with pytest.raises(KeyError):
        tokens.of_robot()
    cuts.known.clear()
    assert tokens.of_robot()


@pytest.mark.parametrize("stores", ["sqlite"], indirect=True)
def test_a_family_that_was_taken_back_has_ended(tokens, cuts, clock):
    first = tokens.first()["refresh_token"]
    cuts.cut("user", "ada", clock=clock)
    assert refused(refresh(tokens.browser, first)) == "invalid_grant"
    cuts.known.clear()
    assert refused(refresh(tokens.browser, first)) == "invalid_grant"
