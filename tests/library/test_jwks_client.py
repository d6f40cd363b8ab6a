import gc
import logging
import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flask_handoff.errors import (
    ConfigurationError,
    IssuerClockError,
    JWKSUnavailableError,
    TokenKeyUnknownError,
)
from flask_handoff.keys import JWKSClient
from tests.jwks_endpoint import (
    FakeMonotonic,
    JWKSEndpoint,
    eventually,
    fails,
    jwks,
    never,
    publishes,
    response,
    says_nothing,
    sends,
)
from tests.stopwatch import WALL_TIME, keeps, slowdown, without_waiting

LONG = timedelta(hours=1)  # whoever waits for a fetch that hangs waits for as long
SHORT = timedelta(seconds=0.2)
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def endpoint():
    with JWKSEndpoint(publishes("one")) as endpoint:
        yield endpoint


@pytest.fixture
def monotonic():
    return FakeMonotonic()


@pytest.fixture
def client(endpoint, monotonic):
    with closing(JWKSClient(endpoint.uri, deadline=LONG, monotonic=monotonic)) as client:
        yield client
        endpoint.stop()  # a fetch that hangs would be waited for


@contextmanager
def closing(client):
    try:
        yield client
    finally:
        client.close()


def is_unknown(client, kid):
    try:
        client.key(kid)
    except TokenKeyUnknownError:
        return True
    return False


def test_a_published_key_is_found(client):
    assert client.key("one").kid == "one"


def test_an_unpublished_key_is_unknown(client):
    with pytest.raises(TokenKeyUnknownError):
        client.key("two")


def test_nothing_is_fetched_and_no_thread_runs_before_the_first_question(
    renewal_threads, client, endpoint
):
    assert endpoint.count == 0
    assert renewal_threads() == set()


def test_a_known_key_is_not_fetched_again_within_its_lifetime(client, endpoint, monotonic):
    for _ in range(24):
        client.key("one")
        monotonic.tick(9.99)
    assert endpoint.count == 1


def test_the_keys_are_renewed_after_four_fifths_of_their_lifetime(client, endpoint, monotonic):
    client.key("one")
    monotonic.tick(239)
    client.key("one")
    never(lambda: endpoint.count == 2)
    monotonic.tick(1)
    client.key("one")
    eventually(lambda: endpoint.count == 2)


def test_the_keys_are_renewed_although_nobody_signs_in(endpoint):
    client = JWKSClient(endpoint.uri, cache_lifetime=timedelta(seconds=0.2))
    with closing(client):
        client.ready()
        eventually(lambda: endpoint.count >= 4)


def test_a_known_key_is_answered_at_once_while_its_renewal_hangs(client, endpoint, monotonic):
    client.key("one")
    endpoint.answer = says_nothing
    monotonic.tick(240)
    without_waiting(lambda: client.key("one"))
    eventually(lambda: endpoint.count == 2)
    with (
        JWKSEndpoint(publishes("one")) as other,
        closing(JWKSClient(other.uri, monotonic=monotonic)) as idle,
    ):
        idle.key("one")
        calls = thousand(client), thousand(idle)
        assert slowdown(*calls, bound=10, clock=WALL_TIME) < 10


def thousand(client):
    return lambda: [client.key("one") for _ in range(1000)]


def test_a_key_that_is_withdrawn_is_forgotten_with_the_renewal(client, endpoint, monotonic):
    endpoint.answer = publishes("one", "two")
    client.key("two")
    endpoint.answer = publishes("one")
    monotonic.tick(299)
    eventually(lambda: is_unknown(client, "two"))
    assert endpoint.count == 2


def test_an_expired_set_is_not_used_before_a_newer_one_was_asked_for(client, endpoint, monotonic):
    endpoint.answer = publishes("one", "two")
    client.key("two")
    endpoint.answer = publishes("one")
    monotonic.tick(301)
    with pytest.raises(TokenKeyUnknownError):
        client.key("two")


def test_many_callers_with_an_expired_set_wait_for_one_attempt(client, endpoint, monotonic):
    endpoint.answer = publishes("one", "two")
    client.key("two")
    endpoint.answer = publishes("one")
    monotonic.tick(301)
    with ThreadPoolExecutor(8) as callers:
        answers = [callers.submit(client.key, "two") for _ in range(8)]
    assert {type(answer.exception()) for answer in answers} == {TokenKeyUnknownError}
    assert endpoint.count == 2


def test_an_expired_set_is_used_after_one_failed_attempt(client, endpoint, monotonic):
    client.key("one")
    endpoint.answer = fails()
    monotonic.tick(301)
    assert client.key("one").kid == "one"
    assert endpoint.count == 2


def test_an_expired_set_is_used_at_once_while_attempts_keep_failing(client, endpoint, monotonic):
    client.key("one")
    endpoint.answer = fails()
    monotonic.tick(295)
    client.key("one")
    eventually(lambda: endpoint.count == 2)
    with pytest.raises(TokenKeyUnknownError):
        client.key("waits for the attempt in flight")
    endpoint.answer = says_nothing
    monotonic.tick(10)
    without_waiting(lambda: client.key("one"))
    eventually(lambda: endpoint.count == 3)


def test_an_attempt_that_does_not_end_leaves_the_expired_set_to_the_callers(monotonic):
    gate = threading.Event()
    answers = iter([(jwks("one"), None)])

    def fetch():
        for answer in answers:
            return answer
        gate.wait(30)
        raise OSError

    client = JWKSClient(
        "https://issuer.example.com",
        deadline=timedelta(seconds=1),  # the first attempt ends within it
        fetch=fetch,
        monotonic=monotonic,
    )
    with closing(client):
        client.key("one")
        monotonic.tick(301)
        assert client.key("one").kid == "one"
        gate.set()


def test_a_set_past_the_stale_limit_is_not_used(client, endpoint, monotonic):
    client.key("one")
    endpoint.answer = fails()
    monotonic.tick(3899)
    assert client.key("one").kid == "one"
    monotonic.tick(1)
    with pytest.raises(JWKSUnavailableError):
        client.key("one")


def test_the_endpoint_is_asked_again_after_an_outage(client, endpoint, monotonic):
    endpoint.answer = fails()
    with pytest.raises(JWKSUnavailableError):
        client.key("one")
    endpoint.answer = publishes("one")
    with pytest.raises(JWKSUnavailableError):
        client.key("one")
    monotonic.tick(10)
    assert client.key("one").kid == "one"


def test_the_keys_come_back_by_themselves_after_an_outage(endpoint):
    answers = iter([fails(), fails(), fails(), publishes("one")])
    endpoint.answer = lambda connection: next(answers)(connection)
    client = JWKSClient(endpoint.uri, cache_lifetime=timedelta(seconds=3))
    with closing(client):
        with pytest.raises(JWKSUnavailableError):
            client.ready()
        eventually(lambda: client.kids == {"one"})
        assert endpoint.count == 4


def test_a_set_that_lives_for_less_is_asked_for_more_often(endpoint, monotonic):
    lifetime = timedelta(seconds=30)
    with closing(JWKSClient(endpoint.uri, cache_lifetime=lifetime, monotonic=monotonic)) as client:
        client.key("one")
        endpoint.answer = publishes("one", "two")
        monotonic.tick(1)
        assert client.key("two").kid == "two"


def test_a_failure_counts_for_the_interval_as_a_success_does(client, endpoint, monotonic):
    endpoint.answer = fails()
    for _ in range(20):
        with pytest.raises(JWKSUnavailableError):
            client.key("one")
        monotonic.tick(0.45)
    assert endpoint.count == 1


def test_an_unknown_key_within_the_interval_is_refused_without_waiting(client, endpoint):
    client.key("one")
    endpoint.answer = says_nothing
    with pytest.raises(TokenKeyUnknownError):
        without_waiting(lambda: client.key("two"))
    assert endpoint.count == 1


def test_many_callers_with_an_unknown_key_cause_one_fetch_and_all_get_its_answer(
    client, endpoint, monotonic
):
    client.key("one")
    monotonic.tick(10)
    endpoint.answer = publishes("one", "two")
    with ThreadPoolExecutor(16) as callers:
        found = list(callers.map(client.key, ["two"] * 16))
    assert [key.kid for key in found] == ["two"] * 16
    assert endpoint.count == 2


def test_a_caller_waits_no_longer_than_the_deadline(monotonic):
    gate = threading.Event()
    client = JWKSClient(
        "https://issuer.example.com",
        deadline=SHORT,
        fetch=lambda: (b"late" * gate.wait(30), None),
        monotonic=monotonic,
    )

    def ask():
        with pytest.raises(JWKSUnavailableError, match="it has not ended"):
            client.key("one")

    with closing(client):
        keeps(SHORT, ask)
        gate.set()


@pytest.mark.parametrize("error", [ValueError, RecursionError, MemoryError, KeyError, OSError])
def test_whatever_a_fetch_raises_is_one_failure_and_renewal_goes_on(error, monotonic):
    failing = True

    def fetch():
        if failing:
            raise error("hush-hush")
        return (jwks("one"), None)

    client = JWKSClient("https://issuer.example.com", fetch=fetch, monotonic=monotonic)
    with closing(client):
        with pytest.raises(JWKSUnavailableError, match=error.__name__) as caught:
            client.key("one")
        assert "hush" not in str(caught.value)
        failing = False
        monotonic.tick(10)
        assert client.key("one").kid == "one"


def test_ready_is_silent_when_a_key_can_be_had(client, endpoint):
    client.ready()
    assert endpoint.count == 1


def test_ready_says_that_no_key_can_be_had_and_why(client, endpoint):
    endpoint.answer = fails()
    with pytest.raises(JWKSUnavailableError, match="expected status 200, got 500"):
        client.ready()


def test_the_difference_between_the_clocks_is_measured(endpoint):
    endpoint.answer = sends(response(jwks("one"), "Date: Wed, 25 Nov 2026 10:00:07 GMT"))
    client = JWKSClient(endpoint.uri, clock=lambda: datetime(2026, 11, 25, 10, tzinfo=UTC))
    with closing(client):
        assert client.clock_difference is None
        client.ready()
        assert client.clock_difference == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("seconds", "warned"), [(-4, True), (-2, False), (0, False), (1, False), (2, True), (7, True)]
)
def test_a_difference_of_half_the_leeway_is_warned_of(endpoint, caplog, seconds, warned):
    endpoint.answer = sends(response(jwks("one"), "Date: Wed, 25 Nov 2026 10:00:10 GMT"))
    ours = datetime(2026, 11, 25, 10, 0, 10, tzinfo=UTC) - timedelta(seconds=seconds)
    with closing(JWKSClient(endpoint.uri, clock=lambda: ours)) as client:
        client.ready()
    assert ("issuer_clock_differs" in caplog.text) is warned


def test_clocks_that_were_put_right_are_seen_by_the_next_fetch(endpoint, monotonic):
    leeway, ours = timedelta(seconds=5), datetime(2026, 11, 25, 10, tzinfo=UTC)
    endpoint.answer = sends(response(jwks("one"), "Date: Wed, 25 Nov 2026 11:00:00 GMT"))
    with closing(JWKSClient(endpoint.uri, clock=lambda: ours, monotonic=monotonic)) as client:
        client.ready()
        for _ in range(3):
            with pytest.raises(IssuerClockError):
                client.check_clock(leeway)
        assert endpoint.count == 1
        endpoint.answer = sends(response(jwks("one"), "Date: Wed, 25 Nov 2026 10:00:05 GMT"))
        monotonic.tick(10)
        client.check_clock(leeway)
    assert endpoint.count == 2


def test_a_clock_that_is_set_later_is_seen_within_a_minute(endpoint, monotonic):
    leeway, ours = timedelta(seconds=5), datetime(2026, 11, 25, 10, tzinfo=UTC)
    endpoint.answer = sends(response(jwks("one"), "Date: Wed, 25 Nov 2026 10:00:00 GMT"))
    with closing(JWKSClient(endpoint.uri, clock=lambda: ours, monotonic=monotonic)) as client:
        client.ready()
        endpoint.answer = sends(response(jwks("one"), "Date: Wed, 25 Nov 2026 11:00:00 GMT"))
        monotonic.tick(59)
        client.check_clock(leeway)
        assert endpoint.count == 1
        monotonic.tick(1)
        with pytest.raises(IssuerClockError):
            client.check_clock(leeway)


def test_without_a_date_the_difference_between_the_clocks_is_not_known(client):
    client.ready()
    assert client.clock_difference is None


def test_a_failed_fetch_is_one_warning_with_its_reason(endpoint, monotonic, caplog):
    endpoint.answer = fails()
    with closing(JWKSClient(endpoint.uri + "?x=hush", monotonic=monotonic)) as client:
        for _ in range(3):
            with pytest.raises(JWKSUnavailableError):
                client.ready()
    assert caplog.record_tuples == [
        (
            "flask_handoff",
            logging.WARNING,
            f"jwks_fetch_failed jwks_uri={endpoint.uri} reason=expected status 200, got 500",
        )
    ]


def test_a_change_of_keys_is_one_line_in_the_log(client, endpoint, monotonic, caplog):
    caplog.set_level(logging.INFO, "flask_handoff")
    client.ready()
    for kids in (["one"], ["two", "three"]):
        endpoint.answer = publishes(*kids)
        monotonic.tick(10)
        with pytest.raises(TokenKeyUnknownError):
            client.key("unknown")
    prefix = f"jwks_keys_changed jwks_uri={endpoint.uri}"
    assert [record.getMessage() for record in caplog.records] == [
        f"{prefix} added=one removed=-",
        f"{prefix} added=three,two removed=one",
    ]


def test_closing_ends_the_thread_and_may_be_repeated(renewal_threads, client):
    client.ready()
    assert len(renewal_threads()) == 1
    client.close()
    client.close()
    assert renewal_threads() == set()


def test_a_closed_client_finds_no_key(client, endpoint):
    client.ready()
    client.close()
    with pytest.raises(JWKSUnavailableError, match="closed"):
        client.key("one")
    assert endpoint.count == 1


def test_a_forgotten_client_takes_its_thread_along(renewal_threads, endpoint):
    client = JWKSClient(endpoint.uri)
    client.ready()
    assert len(renewal_threads()) == 1
    del client
    gc.collect()
    eventually(lambda: not renewal_threads())


def run_script(script, uri):
    # A process of its own: to fork this one, which has threads, is deprecated since Python 3.12.
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), uri],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(("question", "fetches"), [("one", 1), ("two", 2)])
@pytest.mark.processes
def test_a_client_serves_on_in_a_forked_process(question, fetches, endpoint):
    script = f"""
        import os, sys, threading, warnings
        from flask_handoff.keys import JWKSClient

        warnings.simplefilter("ignore", DeprecationWarning)

        def hold(lock):
            with lock:
                held.set()
                forked.wait()

        client = JWKSClient(sys.argv[1])
        client.key("one")
        held, forked = threading.Event(), threading.Event()
        # As the thread of the renewal may hold it at the moment of the fork.
        threading.Thread(target=hold, args=[client._renewal._changed]).start()
        held.wait()
        child = os.fork()
        if child == 0:
            client.key({question!r})
            assert sum(thread.name == "jwks-renewal" for thread in threading.enumerate()) == 1
            client.close()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        forked.set()
        client.close()
        sys.exit(os.waitstatus_to_exitcode(status))
    """
    answers = iter([publishes("one"), publishes("one", "two")])
    endpoint.answer = lambda connection: next(answers)(connection)
    run_script(script, endpoint.uri)
    assert endpoint.count == fetches


NO_MORE_THREADS = """
    import os, sys, threading, warnings
    from flask_handoff.errors import JWKSUnavailableError
    from flask_handoff.keys import JWKSClient

    warnings.simplefilter("ignore", DeprecationWarning)
    more_than_there_are_addresses = 1 << 47
"""


@pytest.mark.processes
def test_without_a_thread_the_keys_are_unavailable_and_no_crash(endpoint):
    script = (
        NO_MORE_THREADS
        + """
    client = JWKSClient(sys.argv[1])
    usual = threading.stack_size(more_than_there_are_addresses)
    try:
        client.ready()
    except JWKSUnavailableError as error:
        assert "no thread could be started" in str(error)
    else:
        sys.exit("keys from nowhere")
    threading.stack_size(usual)
    client.ready()
    """
    )
    run_script(script, endpoint.uri)


@pytest.mark.processes
def test_held_keys_serve_without_a_thread(endpoint):
    script = (
        NO_MORE_THREADS
        + """
    client = JWKSClient(sys.argv[1])
    client.key("one")
    child = os.fork()
    if child == 0:
        threading.stack_size(more_than_there_are_addresses)
        client.key("one")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    client.close()
    sys.exit(os.waitstatus_to_exitcode(status))
    """
    )
    run_script(script, endpoint.uri)
    assert endpoint.count == 1


@pytest.mark.processes
def test_a_process_ends_although_its_client_was_not_closed(endpoint):
    script = """
        import sys
        from flask_handoff.keys import JWKSClient

        client = JWKSClient(sys.argv[1])
        client.ready()
    """
    run_script(script, endpoint.uri)
    assert endpoint.count == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"ca_file": Path("/there/is/no/such/file.pem")},
        {"jwks_uri": "http://issuer.example.com/jwks"},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused_at_the_start(settings):
    with pytest.raises(ConfigurationError):
        JWKSClient(**{"jwks_uri": "https://issuer.example.com/jwks", **settings})
