"""What programs ask of the issuer: new tokens for a refresh token, and tokens for themselves.

CPU time of SERVER1 alone. A refresh token is exchanged again and again, each time for its
successor; a service authenticates by JWTs that it signs, each good once. Authlib's server does the
same, on the same WSGI server; its access tokens are JWTs as well, which it keeps in its database
where it is to be able to revoke them, as SERVER1 is.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jwt

from benchmarks.code_flow import CLIENT, JWTS, KEPT, OURS, Party, our_client
from benchmarks.pairs import Pair, Start, authlib_environment, our_pair
from benchmarks.processes import CHECKOUT, UnavailableError
from benchmarks.rsa_keys import write_key_pair
from benchmarks.tokens import bare_microseconds
from benchmarks.verdict import Row

NUMBERS = frozenset({16, 17})
BATCH, ROUNDS = 100, 8
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SERVICE, SCOPE = "service", "notes:read"
NAMES = {
    16: ("refresh, CPU", "RSA signature"),
    17: ("client assertion, CPU", "RSA verification, signature"),
}
MUST = 0.4

PEERS = {16: ((JWTS, MUST), ("bare", None)), 17: ((JWTS, MUST), (KEPT, MUST), ("bare", None))}

Figures = Mapping[int, float]  # microseconds of CPU time of one request, by the row's number


def measure(starts: int) -> Iterator[Row]:
    found: dict[str, list[Figures]] = defaultdict(list)
    secret, skipped = secrets.token_urlsafe(32), ""
    with ExitStack() as stack:
        keys = write_key_pair(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        api = {"resource": CLIENT, "scopes": [SCOPE]}
        clients = json.dumps([{**our_client(secret), **api}])
        prepared: dict[str, Start] = {OURS: stack.enter_context(our_pair(HANDOFF_CLIENTS=clients))}
        try:
            authlib = stack.enter_context(authlib_environment())
        except UnavailableError as error:
            skipped = str(error)
        else:
            settings = {"PEER_SECRET": secret, "PEER_SERVER2": CLIENT}
            settings |= {"PEER_ACCESS_TOKENS": "jwt", "PEER_REFRESHES": "1"}
            settings |= {"PEER_SERVICE_KEY": str(keys[1])}
            prepared[JWTS] = authlib(settings)
            prepared[KEPT] = authlib({**settings, "PEER_KEEPS_JWTS": "1"})
        for start in range(starts):
            print(f"start {start + 1} of {starts}: {', '.join(prepared)}", flush=True)
            for kind, figures in _measure_once(prepared, secret, keys).items():
                found[kind].append(figures)
            signature, verification = bare_microseconds()
            found["bare"].append({16: signature, 17: signature + verification})
    for number, (name, bare) in NAMES.items():
        for kind, must in PEERS[number]:
            each = zip(found[OURS], found[kind], strict=False)
            times = tuple((mine[number], theirs[number]) for mine, theirs in each)
            peer = bare if kind == "bare" else kind
            missing = "" if times else skipped
            yield Row(number, name, peer, "us", times, must=must, skipped=missing)


def _measure_once(
    prepared: Mapping[str, Start], secret: str, keys: tuple[Path, Path]
) -> Mapping[str, Figures]:
    with ExitStack() as stack:
        programs: dict[str, Programs] = {}
        for kind, start in prepared.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            pair = stack.enter_context(start(folder))
            if kind == OURS:
                _register(pair, keys[1], folder)
            programs[kind] = Programs(pair, secret, keys[0])
            stack.enter_context(programs[kind].http)
            programs[kind].check_answers()
            programs[kind].round()
        rounds: dict[str, list[Figures]] = {kind: [] for kind in programs}
        order = [*programs.items()]
        for _ in range(ROUNDS):
            order.reverse()  # what comes first in a round may find the caches colder
            for kind, each in order:
                rounds[kind].append(each.round())
    return {
        kind: {number: statistics.fmean(each[number] for each in turns) for number in NUMBERS}
        for kind, turns in rounds.items()
    }


def _register(pair: Pair, public_key: Path, folder: Path) -> None:
    """Register the service at SERVER1, as an operator does."""
    command = [sys.executable, "-m", "flask", "--app", "server1", "clients", "add", "Service"]
    options = ["--service", "--client-id", SERVICE, "--scope", SCOPE, "--public-key"]
    environment = {**pair.environment, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [*command, *options, str(public_key)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


class Programs(Party):
    """A program that refreshes its tokens, and a service that signs what it authenticates by."""

    def __init__(self, pair: Pair, secret: str, private_key: Path) -> None:
        super().__init__(pair, secret)
        self._pair = pair
        self._key = private_key.read_text()
        scope = f"{SCOPE} offline_access"
        answer = self.exchange(self.code(secrets.token_urlsafe(32), scope))
        self._refresh_token = answer["refresh_token"]

    def round(self) -> Figures:
        """Return what one exchange of each kind costs; the assertions were signed before."""
        assertions = iter([self._assertion() for _ in range(BATCH)])
        return {
            16: self._used(self._refresh),
            17: self._used(lambda: self._authenticate(next(assertions))),
        }

    def check_answers(self) -> None:
        """Make sure that a server gives what is measured, and takes nothing that is used up."""
        spent = self._refresh_token
        self._check_token(self._refresh()["access_token"])
        assert self._refresh_token != spent, "the refresh token does not rotate"
        assertion = self._assertion()
        claims = self._check_token(self._authenticate(assertion)["access_token"])
        assert (claims["sub"], claims["client_id"]) == (SERVICE, SERVICE), claims
        again = self.ask_for_tokens(_assertion_request(assertion), with_secret=False)
        assert again.status_code in (400, 401), "an assertion is good twice"

    def _refresh(self) -> Mapping[str, Any]:
        asked = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        answer = self.read(self.ask_for_tokens(asked))
        self._refresh_token = answer["refresh_token"]
        return answer

    def _authenticate(self, assertion: str) -> Mapping[str, Any]:
        asked = _assertion_request(assertion)
        return self.read(self.ask_for_tokens(asked, with_secret=False))

    def _assertion(self) -> str:
        now, issuer = int(time.time()), self.metadata["issuer"]
        claims = {"iss": SERVICE, "sub": SERVICE, "aud": issuer, "iat": now, "exp": now + 60}
        return jwt.encode({**claims, "jti": secrets.token_urlsafe(32)}, self._key, "RS256")

    def _check_token(self, token: str) -> Mapping[str, Any]:
        key = jwt.PyJWKSet.from_dict(dict(self.json(self.metadata["jwks_uri"]))).keys[0]
        assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
        options: Any = {"verify_aud": False}
        read: Mapping[str, Any] = jwt.decode(
            token, key, algorithms=["RS256"], issuer=self.metadata["issuer"], options=options
        )
        assert SCOPE in read["scope"].split(), read
        return read

    def _used(self, act: Callable[[], object]) -> float:
        before = self._pair.cpu_seconds()[0]
        for _ in range(BATCH):
            act()
        return (self._pair.cpu_seconds()[0] - before) / BATCH * 1e6


def _assertion_request(assertion: str) -> Mapping[str, str]:
    return {
        "grant_type": "client_credentials",
        "scope": SCOPE,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
