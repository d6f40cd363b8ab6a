"""Two machines of each server, four seconds apart, behind one address, with PostgreSQL."""

from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from requests.adapters import HTTPAdapter

from tests.conftest import missing, new_postgresql_database
from tests.end_to_end.journey import Browser, fields_of
from tests.pair import described_pair, running

LIBFAKETIME = "*-linux-gnu/faketime/libfaketimeMT.so.1"  # Debian's package faketime


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The pair as it is described; ``machines`` runs it."""
    with ExitStack() as stack:
        urls = {
            server: {f"{server.upper()}_DATABASE_URL": stack.enter_context(database)}
            for server, database in (
                ("server1", new_postgresql_database()),
                ("server2", new_postgresql_database()),
            )
        }
        yield described_pair(tmp_path_factory.mktemp("machines"), **urls)


@pytest.fixture(scope="module")
def machines(pair):
    """By what browsers call it, each server's machine and another one, which is ahead."""
    library = next(Path("/usr/lib").glob(LIBFAKETIME), None) or missing("faketime is missing")
    ahead = {"LD_PRELOAD": str(library), "FAKETIME": "+4s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    servers = (pair.server1, pair.server2)
    others = [server.replica(**ahead) for server in servers]
    with running(*servers), ExitStack() as stack:  # the first start makes the tables
        for other in others:
            other.launch()
            stack.callback(other.kill)  # with faketime, granian does not end by itself
        for other in others:
            other.wait_until_it_answers()
        yield {server.host: (server, other) for server, other in zip(servers, others, strict=True)}


class Balancer(HTTPAdapter):
    """Sends each request for a server to the other one of its machines."""

    def __init__(self, machines, first):
        self._machines, self._next = machines, dict.fromkeys(machines, first)
        super().__init__()

    def send(self, request, *arguments, **options):
        asked = request.url
        host = urlsplit(asked).netloc
        machine = self._machines[host][self._next[host]]
        self._next[host] = 1 - self._next[host]
        request.headers["Host"] = host
        request.url = asked.replace(f"http://{host}", machine.address, 1)
        answer = super().send(request, *arguments, **options)
        answer.url = asked
        return answer


@pytest.mark.parametrize("first", [0, 1])
def test_machines_four_seconds_apart_are_one_server(pair, machines, first):
    with Browser(pair.server1.base_url, pair.server2.base_url) as browser:
        browser.http.mount("http://", Balancer(machines, first))
        notes = browser.sign_in(pair.password, browser.arrive())
        assert notes.url == f"{browser.server2}/notes"
        for number in range(2):
            notes = browser.add_note(notes, f"note {number}")
            assert f"note {number}" in notes.text
            assert "Ada" in browser.get(f"{browser.server1}/account").text
        assert browser.arrive("/session").url == f"{browser.server2}/session"
        page = browser.get(f"{browser.server1}/account")
        signed_out = browser.post(f"{browser.server1}/logout", fields_of(page))
        assert signed_out.status_code == 303
        for _ in range(2):
            assert browser.get(f"{browser.server1}/account").is_redirect
