import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from flask_handoff.errors import ConfigurationError, JWKSUnavailableError, TokenKeyUnknownError
from flask_handoff.keys import JWKSClient
from tests.jwks_endpoint import FakeMonotonic, JWKSEndpoint, eventually, fails, publishes

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def endpoint():
    with JWKSEndpoint(publishes("one", "two")) as endpoint:
        yield endpoint


@pytest.fixture
def flush_file(tmp_path):
    return tmp_path / "flush_keys"


@pytest.fixture
def monotonic():
    return FakeMonotonic()


@pytest.fixture
def client(endpoint, flush_file, monotonic):
    """A client that holds both keys, at an endpoint that then withdraws the second."""
    with closing(JWKSClient(endpoint.uri, flush_file=flush_file, monotonic=monotonic)) as client:
        client.key("two")
        endpoint.answer = publishes("one")
        yield client


def test_until_the_file_is_touched_a_withdrawn_key_is_held(client, endpoint):
    assert client.key("two").kid == "two"
    assert endpoint.count == 1


@pytest.mark.parametrize("change", [Path.touch, lambda path: path.write_text("now")])
def test_when_the_file_is_made_a_withdrawn_key_is_forgotten_at_once(
    client, endpoint, flush_file, change
):
    change(flush_file)
    with pytest.raises(TokenKeyUnknownError):
        client.key("two")
    assert client.key("one").kid == "one"
    assert endpoint.count == 2


def test_each_touch_counts(client, endpoint, flush_file, monotonic):
    for flushes in range(1, 5):
        # By itself, the time of a file moves in ticks: two touches within one would be one.
        flush_file.touch()
        os.utime(flush_file, (flushes, flushes))
        for _ in range(10):
            client.key("one")
        assert endpoint.count == 1 + flushes
        monotonic.tick(1)


def test_however_often_it_is_touched_there_is_one_fetch_a_second(
    client, endpoint, flush_file, monotonic
):
    flush_file.touch()
    client.key("one")
    with ThreadPoolExecutor(8) as threads:
        waiting = []
        for flushes in range(1, 6):
            os.utime(flush_file, (flushes, flushes))
            waiting.append(threads.submit(client.key, "one"))
            eventually(lambda: client._renewal._waiting == len(waiting))
        assert endpoint.count == 2
        assert client.kids == set(), "what was fetched before a touch is not used after it"
        monotonic.tick(1)
        assert {each.result(60).kid for each in waiting} == {"one"}
    assert endpoint.count == 3


def test_a_file_that_is_deleted_flushes_as_well(client, endpoint, flush_file, monotonic):
    flush_file.touch()
    client.key("one")
    monotonic.tick(1)
    flush_file.unlink()
    client.key("one")
    assert endpoint.count == 3


def test_after_a_flush_nobody_is_let_in_while_the_issuer_is_away(client, endpoint, flush_file):
    endpoint.answer = fails()
    flush_file.touch()
    for question in (client.ready, lambda: client.key("one"), lambda: client.key("two")):
        with pytest.raises(JWKSUnavailableError):
            question()


def test_a_flush_is_not_held_up_by_the_pause_between_two_fetches(client, endpoint, flush_file):
    with pytest.raises(TokenKeyUnknownError):
        client.key("three")  # no fetch may begin now
    flush_file.touch()
    with pytest.raises(TokenKeyUnknownError):
        client.key("two")
    assert endpoint.count == 2


def test_an_answer_that_was_on_its_way_is_dropped_and_asked_for_again(endpoint, flush_file):
    before, after = publishes("one", "two"), publishes("one")
    asked, may_answer = threading.Event(), threading.Event()

    def slowly(connection):
        asked.set()
        assert may_answer.wait(60)
        endpoint.answer = after
        before(connection)

    endpoint.answer = slowly
    client = JWKSClient(endpoint.uri, flush_file=flush_file)
    with closing(client), ThreadPoolExecutor() as threads:
        early = threads.submit(client.key, "one")
        assert asked.wait(60)
        flush_file.touch()
        late = threads.submit(client.key, "two")
        eventually(lambda: client._renewal._obsolete)
        may_answer.set()
        assert early.result(60).kid == "one"
        with pytest.raises(TokenKeyUnknownError):
            late.result(60)
    assert endpoint.count == 2


@pytest.mark.processes
def test_every_process_flushes_a_forked_one_too(endpoint, flush_file):
    script = """
        import os, sys, warnings
        from pathlib import Path
        from flask_handoff.errors import TokenKeyUnknownError
        from flask_handoff.keys import JWKSClient

        warnings.simplefilter("ignore", DeprecationWarning)
        client = JWKSClient(sys.argv[1], flush_file=Path(sys.argv[2]))
        client.key("two")
        child = os.fork()
        if child == 0:
            client.key("two")
            Path(sys.argv[2]).touch()
        else:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        try:
            client.key("two")
        except TokenKeyUnknownError:
            client.close()
            os._exit(0)
        os._exit(1)
    """
    both = publishes("one", "two")
    answers = iter([both, publishes("one"), publishes("one")])
    endpoint.answer = lambda connection: next(answers)(connection)
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), endpoint.uri, flush_file],
        cwd=CHECKOUT,
        timeout=30,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert endpoint.count == 3


def test_a_file_in_a_directory_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="is not there"):
        JWKSClient("https://issuer.example.com/jwks", flush_file=tmp_path / "no" / "flush_keys")
