"""Revocation at an API: what each strategy costs a request, and how soon it holds everywhere.

``python -m benchmarks.revocation`` writes the table of ``docs/revocation.md``; rows of
``python -m benchmarks`` compare a bearer request with a check among a million entries and one
without any.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import secrets
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask
from sqlalchemy import Engine, create_engine, event, text
from werkzeug.test import create_environ, run_wsgi_app

from benchmarks.revocation_page import publish
from benchmarks.starts import ROUNDS, in_fresh_processes, side_by_side
from benchmarks.verdict import Row
from flask_handoff import AccessClaims, HandoffAPI, KeyRing, TokenMinter, UnverifiedToken
from flask_handoff.api.revocation import Allowlist, Blocklist, RevocationCopy, ValidAfter
from flask_handoff.claims import system_clock
from flask_handoff.keys import new_key
from flask_handoff.stores.sql import SQLRevocationList

NUMBERS = frozenset({20})
ISSUER, SERVICE = "http://localhost:5001", "http://127.0.0.1:5002"
SIZES = (1_000, 100_000, 1_000_000)
REQUESTS, CHECKS, DELAYS, PROCESSES, STARTS, TURNS = 300, 5_000, 12, 2, 5, 12
MUST = 1.05
CLAIMS = {"valid-after": "sub", "blocklist": "jti", "allowlist": "active"}
NOW = datetime(2030, 1, 1, tzinfo=UTC)
"""The lists' time, however long it takes to load one: what is active is so for a minute."""


class Case(NamedTuple):
    """One strategy, with so many entries in a SQLite file."""

    folder: Path
    strategy: str
    entries: int


def measure(starts: int) -> Iterator[Row]:
    """Compare a bearer request that is checked among a million entries with one that is not."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        _prepare(folder, SIZES[-1:])
        for strategy in CLAIMS:
            times = in_fresh_processes(request, Case(folder, strategy, SIZES[-1]), starts)
            name = f"bearer request, {strategy} of {SIZES[-1]:,}"
            must = None if strategy == "allowlist" else MUST  # which asks SERVER1 as well
            yield Row(20, name, "bearer request", "us", times, must=must)


def request(case: Case) -> tuple[float, float]:
    """Return the microseconds of a bearer request with the check, and of one without."""
    ring = KeyRing.open(case.folder / "keys")
    minter = TokenMinter(issuer=ISSUER, key_ring=ring)
    tokens = [_token(minter, number) for number in range(1, REQUESTS + 1)]
    with _loaded(case) as (strategy, _):
        checked, plain = (
            _requests(ring, tokens, None if bare else strategy) for bare in (False, True)
        )
        # By turns of few requests: one of a machine's moods lasts longer than both.
        turns = [side_by_side(checked, plain, calls=REQUESTS // 10) for _ in range(TURNS)]
        mine, theirs = zip(*turns, strict=True)
        return statistics.median(mine), statistics.median(theirs)


def figures(case: Case) -> dict[str, float]:
    """Return what a check takes, what an entry takes, and how long all of them take to load."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    with _loaded(case):
        taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    begun = time.perf_counter()
    with _loaded(case) as (strategy, copy):
        load = time.perf_counter() - begun
        known = random_numbers(case.entries)
        live = [_claims(next(known), is_new=case.strategy != "allowlist") for _ in range(CHECKS)]
        _without_refreshing(copy)
        times = [_per_check(strategy, live) for _ in range(ROUNDS)]
    return {"check": statistics.median(times), "memory": taken / case.entries, "load": load}


def delay(folder: Path) -> list[float]:
    """Return seconds from the note of a revocation until the last of two processes refuses."""
    case = Case(folder, "blocklist", SIZES[0])
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(PROCESSES)]
    others = [context.Process(target=_refuse, args=(case, there)) for _, there in pipes]
    for other in others:
        other.start()
    for here, _ in pipes:
        here.recv()
    delays = []
    with _engine(case) as engine:
        noted = RevocationCopy(SQLRevocationList(engine), ISSUER, clock=system_clock)
        for _ in range(DELAYS):
            name = secrets.token_urlsafe(32)
            for here, _there in pipes:
                here.send(name)
            time.sleep(secrets.randbelow(500) / 1000)  # at any point of their half seconds
            noted.note("jti", name, noted.now() + 600)
            at = time.monotonic()
            delays.append(max(here.recv() for here, _there in pipes) - at)
    for (here, _), other in zip(pipes, others, strict=True):
        here.send("")
        other.join()
    return delays


def _refuse(case: Case, pipe: Connection) -> None:
    """Be a process that is asked again and again, and tells when it first refused."""
    with _loaded(case) as (_, copy):
        pipe.send("ready")
        while name := pipe.recv():
            while not copy.dated("jti", name):
                copy.refresh()
                time.sleep(0.001)
            pipe.send(time.monotonic())


def _per_check(strategy: ValidAfter, live: Sequence[AccessClaims]) -> float:
    begun = time.process_time_ns()
    for claims in live:
        strategy.check_not_revoked(claims, UnverifiedToken(""))
    return (time.process_time_ns() - begun) / len(live) / 1000


def _without_refreshing(copy: RevocationCopy) -> None:
    copy.refresh()  # the next one is half a second away; the rounds are shorter


def random_numbers(entries: int) -> Iterator[int]:
    """Go through the entries in an order in which no cache of the processor holds them."""
    return (number * 7_919 % entries + 1 for number in itertools.count())


def _claims(number: int, *, is_new: bool) -> AccessClaims:
    now = system_clock()
    name = secrets.token_urlsafe(32) if is_new else f"{number:043d}"
    return AccessClaims(
        issuer=ISSUER,
        subject=f"{number:x}-is-not-listed",
        audience=SERVICE,
        client_id="reader",
        scope=frozenset({"notes:read"}),
        session_id=f"{number:x}",
        issued_at=now,
        expires_at=now,
        jwt_id=name,
        kid="",
    )


def _requests(
    ring: KeyRing, tokens: Sequence[str], strategy: ValidAfter | None
) -> Callable[[], object]:
    app, api = Flask(__name__), HandoffAPI()
    app.config.update(HANDOFF_ISSUER=ISSUER, HANDOFF_BASE_URL=SERVICE)
    api.init_app(app, keys=ring, revocations=strategy)

    @app.get("/notes")
    @api.require_token(scope="notes:read")
    def notes() -> str:
        return "notes"

    blank = create_environ("/notes", SERVICE)
    turns = itertools.cycle(tokens)

    def call() -> None:
        environ = {**blank, "HTTP_AUTHORIZATION": f"Bearer {next(turns)}"}
        _body, status, _headers = run_wsgi_app(app.wsgi_app, environ)
        assert status == "200 OK", status

    return call


def _token(minter: TokenMinter, number: int) -> str:
    return minter.mint_access(
        subject="ada",
        client_id="reader",
        audience=SERVICE,
        scope=frozenset({"notes:read"}),
        session_id="a-session",
        jwt_id=f"{number:043d}" if number else "",
    )


@contextmanager
def _loaded(case: Case) -> Iterator[tuple[ValidAfter, RevocationCopy]]:
    with _engine(case) as engine:
        copy = RevocationCopy(SQLRevocationList(engine), ISSUER, clock=lambda: NOW)
        made: Mapping[str, Callable[[RevocationCopy], ValidAfter]] = {
            "valid-after": ValidAfter,
            "blocklist": Blocklist,
            "allowlist": partial(Allowlist, is_active=_never_asked),
        }
        copy.refresh()
        yield made[case.strategy](copy), copy


def _never_asked(_token: UnverifiedToken) -> bool:
    raise AssertionError("the token is on the list")


@contextmanager
def _engine(case: Case) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{case.folder / case.strategy}-{case.entries}.sqlite3")
    event.listen(engine, "connect", _set_up)
    yield engine
    engine.dispose()


def _set_up(connection: Any, _record: object) -> None:
    for setting in ("journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {setting}")


def _prepare(folder: Path, sizes: Sequence[int]) -> None:
    new_key(folder / "keys")
    fill = text(
        "INSERT INTO handoff_revocations (issuer, claim, value, dated, forget_at) "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :entries) "
        "SELECT :issuer, :claim, printf('%s%043d', :prefix, i), :dated + i % 60, "
        ":dated + 10000 FROM n"
    )
    for strategy, claim in CLAIMS.items():
        for entries in sizes:
            # No token of the requests is revoked; each of them is on the allowlist.
            prefix = "" if strategy == "allowlist" else "x"
            with _engine(Case(folder, strategy, entries)) as engine:
                SQLRevocationList(engine).create_tables()
                dated = int(NOW.timestamp()) + 1
                values = {"issuer": ISSUER, "claim": claim, "prefix": prefix, "dated": dated}
                with engine.begin() as connection:
                    connection.execute(fill, {**values, "entries": entries})


def main() -> None:
    """Measure everything, and publish it."""
    from benchmarks import machine

    about = machine.describe("")
    shown = ("machine", "load at the begin", "versions", "commit")
    found: dict[str, Any] = {"about": {name: about[name] for name in shown}, "strategies": {}}
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        _prepare(folder, SIZES)
        found["delays"] = delay(folder)
        for strategy in CLAIMS:
            cases = [Case(folder, strategy, entries) for entries in SIZES]
            found["strategies"][strategy] = {
                "figures": [figures(case) for case in cases],
                "requests": in_fresh_processes(request, cases[-1], STARTS),
            }
            print(strategy, found["strategies"][strategy], flush=True)
    publish(json.loads(json.dumps(found), parse_float=lambda number: round(float(number), 4)))


if __name__ == "__main__":
    main()
