import time

import pytest

from flask_handoff.keys import read_ring
from flask_handoff.keys.own.watched_ring import LOOK_INTERVAL
from tests.end_to_end.conftest import watched_pair
from tests.end_to_end.raw_http import ask_at_once, get_request
from tests.end_to_end.rotation import SETTLED, Operator, Traffic, eventually, hand_on, kid_of
from tests.end_to_end.test_revocations import Issuer, ask
from tests.pair import running

PEOPLE = 1000
WORKERS = {"SERVER1_WORKERS": "2"}


@pytest.fixture
def pair(tmp_path):
    """A pair of this test's own, SERVER1 with two processes: its keys come and go."""
    with watched_pair(tmp_path, server1=WORKERS) as pair:
        yield pair


def test_across_three_rotations_every_one_of_a_thousand_people_arrives(pair):
    traffic = hand_on(pair, PEOPLE, rotations=3)
    assert traffic.refusals == []
    assert len(traffic.kids) >= PEOPLE
    ring = read_ring(Operator(pair).directory)
    assert [entry.state for entry in ring] == ["retired", "retired", "retired", "active"]
    assert set(traffic.by_key) == {entry.kid for entry in ring}
    assert "handoff rejected" not in pair.server2.log


class Waiting:
    """People who hold a token that they have not brought to SERVER2 yet."""

    def __init__(self, new_browser, pair, number):
        self.kids = []
        self._requests = []
        for _ in range(number):
            browser = new_browser()
            browser.sign_in(pair.password)
            callback = browser.callback_url()
            ((name, value),) = browser.cookies("s2_tx_").items()
            self.kids.append(kid_of(callback))
            self._requests.append(get_request(callback, headers=[f"Cookie: {name}={value}"]))

    def arrive(self, server):
        """Bring the next token to this process, and return the answer's status."""
        (answer,) = ask_at_once([(server.address, self._requests.pop())])
        return answer.status


def test_a_revoked_key_is_dead_at_once_in_every_process_when_it_is_flushed(pair, new_browser):
    other = pair.replica()
    with running(other):
        early = Waiting(new_browser, pair, 2)
        assert [early.arrive(pair.server2), early.arrive(other)] == [303, 303]

        stolen = Waiting(new_browser, pair, 4)
        (kid,) = set(stolen.kids)
        revoked = pair.server1.flask("handoff-keys", "revoke", kid, "--yes")
        followed_at = time.monotonic() + LOOK_INTERVAL
        assert f"Key {kid} is revoked" in revoked
        assert [stolen.arrive(pair.server2), stolen.arrive(other)] == [303, 303]  # still held

        pair.server2.flask("handoff-keys", "flush")
        assert [stolen.arrive(pair.server2), stolen.arrive(other)] == [403, 403]
        for server in (pair.server2, other):
            assert "code=token_key_unknown" in server.log

        eventually(lambda: time.monotonic() > followed_at)
        late = Waiting(new_browser, pair, 2)
        assert kid not in late.kids
        assert [late.arrive(pair.server2), late.arrive(other)] == [303, 303]


def test_a_key_is_revoked_under_load_and_people_arrive(pair):
    traffic, other = Traffic(pair), pair.replica()
    with running(other), traffic.flowing():
        traffic.wait_for(SETTLED)
        kid = traffic.kids[-1]
        token = Issuer(pair.server1).token(pair.server2, "a program's user")
        assert [ask(server, token) for server in (pair.server2, other)] == [200, 200]
        pair.server1.flask("handoff-keys", "revoke", kid, "--yes")
        pair.server2.flask("handoff-keys", "flush")
        assert [ask(server, token) for server in (pair.server2, other)] == [401, 401]
        eventually(lambda: kid not in traffic.kids[-SETTLED:])
        refused = list(traffic.refusals)
        traffic.wait_for(len(traffic.kids) + SETTLED)
    assert traffic.refusals == refused, "from then on everybody arrives"
    assert {refusal.split()[0] for refusal in refused} <= {"403"}
    assert len(traffic.by_key) == 2


def test_a_ring_that_is_spoilt_while_servers_run_stops_nobody(pair, browser):
    browser.sign_in(pair.password)
    ring = Operator(pair).directory / "ring.json"
    ring.chmod(0o644)
    eventually(lambda: browser.callback_url() and "key_ring_unusable" in pair.server1.log)
    assert f"chmod 600 {ring}" in pair.server1.log
    assert browser.arrive().status_code == 200
