"""The same token twice, and stores that fail (rows 58 to 60 of the threat model)."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import chain
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, text

from flask_handoff.errors import ReplayStoreUnavailableError, TokenReplayedError
from flask_handoff.stores import MemoryReplayStore
from flask_handoff.stores.sql import SQLReplayStore

CHECKOUT = Path(__file__).parents[2]
ISSUER = "https://server1.example.com"
NOW = 1_800_000_000  # seconds since 1970
PATIENCE = 60  # seconds for a process to start, claim and end
THREADS, TOKENS = 4, 15  # of each process; all claim all of the tokens


def claim(store, jwt_id, *, expires_at=NOW + 125, now=NOW):
    store.claim(ISSUER, jwt_id, expires_at=expires_at, now=now)


def plain(url, **options):
    """An engine almost as it comes: a test on a busy machine waits longer for a lock."""
    patience = {"timeout": PATIENCE} if url.startswith("sqlite") else {}
    return create_engine(url, connect_args=patience, **options)


def wal(url, begin):
    """An engine as applications set it up, which begins its own transactions."""
    engine = create_engine(url, connect_args={"isolation_level": None, "timeout": PATIENCE})

    @event.listens_for(engine, "connect")
    def prepare(connection, _):
        for setting in ("journal_mode = WAL", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {setting}").close()

    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


ENGINES = {
    "plain": plain,
    "autocommit": lambda url: plain(url, isolation_level="AUTOCOMMIT"),
    "serializable": lambda url: plain(url, isolation_level="SERIALIZABLE"),
    "WAL, BEGIN IMMEDIATE": lambda url: wal(url, "BEGIN IMMEDIATE"),
    "WAL, BEGIN": lambda url: wal(url, "BEGIN"),
}
DATABASES = [
    *(("sqlite", kind) for kind in ENGINES if kind != "serializable"),
    *(("postgresql", kind) for kind in ENGINES if not kind.startswith("WAL")),
]


@pytest.fixture(params=DATABASES, ids=", ".join)
def database(request, tmp_path):
    """The kind of an engine, and the address of an empty database."""
    name, kind = request.param
    if name == "postgresql":
        return kind, request.getfixturevalue("postgresql_url")
    file = tmp_path / "replay.sqlite3"
    if kind.startswith("WAL"):
        # Two processes that turn a new file to WAL at once may fail, however long they would wait.
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    return kind, f"sqlite:///{file}"


@contextmanager
def opened(engine):
    try:
        yield SQLReplayStore(engine)
    finally:
        engine.dispose()


@contextmanager
def store_of(database):
    kind, url = database
    with opened(ENGINES[kind](url)) as store:
        store.create_tables()
        yield store


# Row 58: the same token twice.


def win(store, together):
    """Claim every token, each at the same moment as everybody else; tell which were won."""
    won = []
    for number in range(TOKENS):
        together.wait(timeout=PATIENCE)
        try:
            claim(store, f"token {number}")
        except TokenReplayedError:
            continue
        won.append(number)
    return won


def win_in_threads(store):
    together = threading.Barrier(THREADS)
    with ThreadPoolExecutor(THREADS) as pool:
        won = pool.map(win, [store] * THREADS, [together] * THREADS)
        return list(chain.from_iterable(won))


def contend(kind, url):
    """Be one of the processes that start and claim at once; runs there, see ``in_processes``."""
    with opened(ENGINES[kind](url)) as store:
        print("here", flush=True)  # noqa: T201 - the other process reads it
        sys.stdin.readline()
        store.create_tables()
        print(json.dumps(win_in_threads(store)))  # noqa: T201


def in_processes(script, *arguments, processes=2):
    """Start processes that say ``here``, let them go on together, and return what they print."""
    with ExitStack() as stack:
        started = [stack.enter_context(child(script, *arguments)) for _ in range(processes)]
        for process in started:
            assert process.stdout.readline() == "here\n"
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
        return [process.communicate(timeout=PATIENCE)[0] for process in started]


@contextmanager
def child(script, *arguments):
    path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    bound = threading.Timer(PATIENCE, process.kill)
    bound.start()
    try:
        yield process
    finally:
        bound.cancel()
        process.kill()
        process.communicate()


CONTEND = f"import sys; from {__name__} import contend; contend(*sys.argv[1:])"


@pytest.mark.processes
def test_two_processes_of_many_threads_at_once_then_each_token_is_won_once(database):
    answers = in_processes(CONTEND, *database)
    assert sorted(chain.from_iterable(map(json.loads, answers))) == list(range(TOKENS))


def test_after_a_restart_no_token_is_won_again(database):
    with store_of(database) as store:
        assert sorted(win_in_threads(store)) == list(range(TOKENS))
    with store_of(database) as store:
        assert win_in_threads(store) == []


CLAIM_AND_STAY = f"""
import sys
from {__name__} import claim, store_of
with store_of(sys.argv[1:]) as store:
    claim(store, "one")
    print("here", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.processes
def test_after_a_process_was_killed_its_tokens_are_not_won_again(database):
    with child(CLAIM_AND_STAY, *database) as process:
        assert process.stdout.readline() == "here\n"
        process.kill()
        process.wait(timeout=PATIENCE)
        with store_of(database) as store, pytest.raises(TokenReplayedError):
            claim(store, "one")


# Row 59: a store that fails signs nobody in, and spends no token.


@pytest.fixture
def file(tmp_path):
    """A SQLite file with the table."""
    file = tmp_path / "data" / "replay.sqlite3"
    file.parent.mkdir()
    with opened(create_engine(f"sqlite:///{file}")) as store:
        store.create_tables()
    return file


@pytest.fixture
def impatient(file):
    """A store in the file that waits for no lock."""
    with opened(create_engine(f"sqlite:///{file}", connect_args={"timeout": 0})) as store:
        yield store


@contextmanager
def connected(file):
    engine = create_engine(f"sqlite:///{file}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def assert_unavailable(store):
    with pytest.raises(ReplayStoreUnavailableError):
        claim(store, "one")


def test_a_locked_database_spends_no_token(file, impatient):
    with connected(file) as other:
        other.execute(text("BEGIN IMMEDIATE"))
        assert_unavailable(impatient)
        with pytest.raises(ReplayStoreUnavailableError):
            impatient.ready()
    impatient.ready()
    claim(impatient, "one")


def test_a_commit_that_fails_is_no_claim(file, impatient):
    with connected(file) as other:
        # In SQLite's first mode one that reads lets others write, but not commit.
        other.execute(text("BEGIN"))
        other.execute(text("SELECT * FROM handoff_replay")).all()
        assert_unavailable(impatient)
    claim(impatient, "one")


def test_a_sweep_that_fails_is_no_claim(file, impatient):
    claim(impatient, "an expired one", expires_at=NOW - 1, now=NOW - 100)
    with connected(file) as other:
        other.execute(
            text(
                "CREATE TRIGGER keep BEFORE DELETE ON handoff_replay "
                "BEGIN SELECT RAISE(ABORT, 'kept'); END"
            )
        )
        assert_unavailable(impatient)
        other.execute(text("DROP TRIGGER keep"))
    claim(impatient, "one")


def test_a_full_disk_forgets_no_token(file):
    def fill(connection, _):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 8}").close()

    engine = create_engine(f"sqlite:///{file}")
    event.listen(engine, "connect", fill)
    claimed = 0
    with opened(engine) as store:
        with pytest.raises(ReplayStoreUnavailableError) as failure:
            for claimed in range(10_000):
                claim(store, f"token {claimed}")
        assert "full" in str(failure.value.__cause__)
        for number in range(claimed):
            with pytest.raises(TokenReplayedError):
                claim(store, f"token {number}")


@pytest.mark.parametrize("immediate", [False, True])
def test_a_database_that_may_only_be_read_is_unavailable(file, immediate):
    engine = create_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    if immediate:
        event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    with opened(engine) as store:
        assert_unavailable(store)
        with pytest.raises(ReplayStoreUnavailableError):
            store.ready()


def no_folder(file):
    file.unlink()
    file.parent.rmdir()


DAMAGES = {
    "no folder": no_folder,
    "a folder in its place": lambda file: (file.unlink(), file.mkdir()),
    "an empty file": lambda file: file.write_bytes(b""),
    "no database": lambda file: file.write_bytes(b"<!doctype html>" * 1000),
    "half of it": lambda file: os.truncate(file, file.stat().st_size // 2),
}


@pytest.mark.parametrize("engine_of", [plain, lambda url: wal(url, "BEGIN IMMEDIATE")])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_file_that_is_gone_or_damaged_is_unavailable(file, damage, engine_of):
    damage(file)
    with opened(engine_of(f"sqlite:///{file}")) as store:
        assert_unavailable(store)
        with pytest.raises(ReplayStoreUnavailableError):
            store.ready()


def test_without_a_free_connection_it_is_unavailable(file):
    engine = create_engine(f"sqlite:///{file}", pool_size=1, max_overflow=0, pool_timeout=0.05)
    with opened(engine) as store:
        with engine.connect():
            assert_unavailable(store)
        claim(store, "one")


def test_a_connection_that_was_cut_spends_no_token(postgresql_url):
    engine = create_engine(postgresql_url, pool_size=1, max_overflow=0)
    with opened(engine) as store:
        store.create_tables()
        with engine.connect() as connection:
            mine = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        other = create_engine(postgresql_url)
        with other.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:mine, 5000)"), {"mine": mine})
        other.dispose()
        assert_unavailable(store)
        claim(store, "one")


def test_a_server_that_may_only_be_read_is_unavailable(postgresql_url):
    with opened(create_engine(postgresql_url)) as store:
        store.create_tables()
    read_only = {"options": "-c default_transaction_read_only=on"}
    with opened(create_engine(postgresql_url, connect_args=read_only)) as store:
        assert_unavailable(store)
        with pytest.raises(ReplayStoreUnavailableError):
            store.ready()


def test_a_server_that_does_not_answer_is_unavailable(tmp_path):
    with opened(create_engine(f"postgresql+psycopg://nobody@/none?host={tmp_path}")) as store:
        assert_unavailable(store)
        with pytest.raises(ReplayStoreUnavailableError):
            store.ready()
        with pytest.raises(ReplayStoreUnavailableError):
            store.create_tables()


# Row 60: a token that could still be accepted is never forgotten.


def test_a_flood_of_claims_pushes_no_token_out(database):
    with store_of(database) as store:
        claim(store, "one", expires_at=NOW)
        for number in range(30):
            claim(store, f"flood {number}", expires_at=NOW - 1)
        with pytest.raises(TokenReplayedError):
            claim(store, "one")


def test_a_flood_of_claims_pushes_no_token_out_of_memory():
    store = MemoryReplayStore(capacity=50)
    claim(store, "one", expires_at=NOW)
    with pytest.raises(ReplayStoreUnavailableError):
        for number in range(100):
            claim(store, f"flood {number}")
    with pytest.raises(TokenReplayedError):
        claim(store, "one")


def test_claims_at_once_sweep_two_rows_each_and_none_fails(database):
    _, url = database
    claims, left_over = THREADS * TOKENS, 20
    with store_of(database) as store:
        add_expired_rows(url, 2 * claims + left_over)

        def sweep(thread):
            for number in range(TOKENS):
                claim(store, f"token {thread} {number}")

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(sweep, range(THREADS)))
    assert count_rows(url) == claims + left_over


def add_expired_rows(url, number):
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO handoff_replay VALUES (:issuer, :jwt_id, :expires_at)"),
            [
                {"issuer": ISSUER, "jwt_id": f"expired {one}", "expires_at": NOW - 100 + one // 10}
                for one in range(number)
            ],
        )
    engine.dispose()


def count_rows(url):
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT count(*) FROM handoff_replay")).scalar_one()
    engine.dispose()
    return rows
