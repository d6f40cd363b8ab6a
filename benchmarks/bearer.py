"""A bearer request: what the check of an access token adds to a route of an API.

CPU time of the API alone. A program presents the same token for as long as it is good, so each
server is asked a batch of times with one token, and as often on the same route without a check.
"""

from __future__ import annotations

import secrets
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests

from benchmarks.browser import PATIENCE
from benchmarks.pairs import GRANIAN, authlib_python
from benchmarks.processes import UnavailableError, cpu_seconds, free_port, running
from benchmarks.tokens import bare_microseconds
from benchmarks.verdict import Row
from flask_handoff import KeyRing, TokenMinter
from flask_handoff.keys import new_key

NUMBERS = frozenset({18, 19})
BATCH, ROUNDS = 200, 8
ISSUER, BASE_URL = "http://localhost:5001", "http://127.0.0.1:5002"

OURS, AUTHLIB, NOTES = "ours", "Authlib's", "SERVER2"
SERVERS = {
    OURS: ("benchmarks.apis:create_app", "/notes", "/open"),
    AUTHLIB: ("benchmarks.authlib_pair.api:create_app", "/notes", "/open"),
    NOTES: ("benchmarks.apis:create_notes", "/api/notes", "/api/open"),
}
CHECK = "check of a bearer token, CPU"

Times = tuple[float, float]  # microseconds of a request with a token, and of one without a check


def measure(starts: int) -> Iterator[Row]:
    found: dict[str, list[Times]] = defaultdict(list)
    verifications, skipped = [], ""
    with ExitStack() as stack:
        pythons = {OURS: sys.executable, NOTES: sys.executable}
        try:
            pythons[AUTHLIB] = stack.enter_context(authlib_python())
        except UnavailableError as error:
            skipped = str(error)
        for start in range(starts):
            print(f"start {start + 1} of {starts}: {', '.join(pythons)}", flush=True)
            for kind, times in _measure_once(pythons).items():
                found[kind].append(times)
            verifications.append(bare_microseconds()[1])
    checks = {kind: [given - bare for given, bare in times] for kind, times in found.items()}
    theirs = tuple(zip(checks[OURS], checks.get(AUTHLIB, ()), strict=False))
    yield Row(18, CHECK, "Authlib's", "us", theirs, must=0.4, skipped="" if theirs else skipped)
    bare = tuple(zip(checks[OURS], verifications, strict=True))
    yield Row(18, CHECK, "RSA verification", "us", bare)
    whole = tuple(
        zip(*([given for given, _ in found[kind]] for kind in (OURS, AUTHLIB)), strict=False)
    )
    name = "bearer request, CPU"
    yield Row(18, name, "Authlib's", "us", whole, skipped="" if whole else skipped)
    yield Row(19, name, "without a check", "us", tuple(found[NOTES]), must=1.25)
    yield Row(19, "bearer request, least route", "without a check", "us", tuple(found[OURS]))


def _measure_once(pythons: Mapping[str, str]) -> Mapping[str, Times]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        new_key(folder / "keys")
        ring = KeyRing.open(folder / "keys")
        (folder / "keys.json").write_bytes(ring.jwks_json)
        running_apis = {
            kind: stack.enter_context(_api(kind, python, folder, ring))
            for kind, python in pythons.items()
        }
        for api in running_apis.values():
            api.check_answers()
            api.round()
        rounds: dict[str, list[Times]] = {kind: [] for kind in running_apis}
        order = [*running_apis.items()]
        for _ in range(ROUNDS):
            order.reverse()  # what comes first in a round may find the caches colder
            for kind, api in order:
                rounds[kind].append(api.round())
    return {
        kind: (statistics.fmean(given for given, _ in all_), statistics.fmean(b for _, b in all_))
        for kind, all_ in rounds.items()
    }


class Api:
    """An API that runs, and a program that uses it."""

    def __init__(self, pid: int, port: int, paths: tuple[str, str], ring: KeyRing) -> None:
        self._pid = pid
        self._protected, self._open = (f"http://127.0.0.1:{port}{path}" for path in paths)
        self._minter = TokenMinter(issuer=ISSUER, key_ring=ring)
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Host"] = BASE_URL.removeprefix("http://")

    def round(self) -> Times:
        """Return what a request with a token costs, and what one without a check does."""
        return self._used(self._protected, self._token()), self._used(self._open, None)

    def check_answers(self) -> None:
        """Make sure that the routes say the same, and that the one takes a good token alone."""
        token = self._token()
        assert self._get(self._protected, None) == (401, None), self.http.get(self._protected).text
        assert self._get(self._protected, token[:-9] + "A" * 9)[0] == 401, "a forged token"
        assert self._get(self._protected, self._token("https://other.example"))[0] == 401
        answer = self._get(self._protected, token)
        assert answer == self._get(self._open, None) and answer[0] == 200, answer

    def _token(self, audience: str = BASE_URL) -> str:
        return self._minter.mint_access(
            subject="u" * 22,
            client_id="program",
            audience=audience,
            scope=frozenset({"notes:read"}),
            session_id=None,
            jwt_id=secrets.token_urlsafe(32),
        )

    def _get(self, url: str, token: str | None) -> tuple[int, object]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = self.http.get(url, headers=headers, timeout=PATIENCE)
        return answer.status_code, answer.json() if answer.status_code == 200 else None

    def _used(self, url: str, token: str | None) -> float:
        before = cpu_seconds(self._pid)
        for _ in range(BATCH):
            assert self._get(url, token)[0] == 200
        return (cpu_seconds(self._pid) - before) / BATCH * 1e6


@contextmanager
def _api(kind: str, python: str, folder: Path, ring: KeyRing) -> Iterator[Api]:
    application, protected, bare = SERVERS[kind]
    port = free_port()
    environment = {
        **{"HANDOFF_ISSUER": ISSUER, "HANDOFF_BASE_URL": BASE_URL},
        **{"SERVER2_INSTANCE": str(folder / "server2"), "SERVER2_DEMO": "1"},
        "HANDOFF_PINNED_KEYS": str(folder / "keys.json"),
        "PEER_KEYS": str(folder / "keys.json"),
    }
    command = [python, *GRANIAN, "--port", str(port), application]
    with running(command, port, environment, folder) as pid:
        api = Api(pid, port, (protected, bare), ring)
        with api.http:
            yield api
