import resource
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.end_to_end.conftest import opening_browsers, watched_pair
from tests.end_to_end.journey import fields_of


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A pair of this module's own: its servers come and go."""
    with watched_pair(tmp_path_factory.mktemp("outages")) as pair:
        yield pair


@contextmanager
def down(server):
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def restarted(server, **settings):
    """Run the server with other settings, and then as before."""
    usual = server.environment
    server.environment = {**usual, **settings}
    server.restart()
    try:
        yield
    finally:
        server.environment = usual
        server.restart()


def assert_unavailable(answer):
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "s2_session" not in answer.headers.get("Set-Cookie", "")


# Each start of a server has its price: what is seen at one stop and start is seen at the same. A
# token lives for a minute: on a slow machine not much more than one start may lie before its use.


@pytest.fixture(scope="module")
def restart(pair):
    """What was under way when both servers were restarted, and what came of it."""
    seen = SimpleNamespace()
    with opening_browsers(pair) as new_browser:
        arrived, replaying, waiting = new_browser(), new_browser(), new_browser()
        login = waiting.arrive("/session")
        arrived.sign_in(pair.password)
        arrived.arrive()
        replaying.sign_in(pair.password)
        with down(pair.server1):
            seen.sessions_in_files = sessions_in_files(pair.server1)
        callback = replaying.callback_url()
        attempt = replaying.cookies("s2_tx_")
        seen.first_use = replaying.get(callback)
        with down(pair.server2):
            seen.sessions_in_files |= sessions_in_files(pair.server2)
        replaying.http.cookies.clear(domain="127.0.0.1")
        replaying.take_cookies(attempt)
        seen.second_use = replaying.get(callback)
        seen.rejection = pair.server2.log.rpartition("handoff rejected:")[2]
        seen.notes = arrived.get(f"{pair.server2.base_url}/notes")
        seen.arrived_again = arrived.arrive("/session")
        seen.signed_in = waiting.sign_in(pair.password, login)
    return seen


def sessions_in_files(server):
    return {file.name: sessions_in(file) for file in server.folder.glob(f"{server.name}.sqlite3*")}


def sessions_in(file):
    with closing(sqlite3.connect(file)) as database:
        return database.execute("SELECT count(*) FROM sessions").fetchone()[0]


def test_a_token_that_was_used_is_refused_after_a_restart(restart):
    assert restart.first_use.status_code == 303
    assert restart.second_use.status_code == 403
    assert "code=token_replayed" in restart.rejection


def test_sessions_on_both_sides_survive_a_restart(restart):
    assert restart.notes.status_code == 200
    assert restart.arrived_again.status_code == 200


def test_an_orderly_stop_leaves_one_whole_database_file(restart):
    assert restart.sessions_in_files.keys() == {"server1.sqlite3", "server2.sqlite3"}
    assert all(restart.sessions_in_files.values())


def test_a_handoff_that_waits_at_the_sign_in_survives_a_restart_of_both(pair, restart):
    assert restart.signed_in.url == f"{pair.server2.base_url}/session"


@pytest.fixture(scope="module")
def outage(pair):
    """What people see while SERVER1 is down, and at a SERVER2 that was started without its keys."""
    seen = SimpleNamespace()
    with opening_browsers(pair) as new_browser:
        working, early, late, stranger = (new_browser() for _ in range(4))
        for browser in (working, early, late):
            browser.sign_in(pair.password)
        notes = working.arrive()  # SERVER2 holds the keys from then on
        late_request = late.begin("/session").headers["Location"]
        early_callback = early.callback_url("/session")
        with down(pair.server1):
            seen.with_held_keys = early.get(early_callback)
            seen.note = working.add_note(notes, "Written without SERVER1.")
            seen.session = working.get(f"{pair.server2.base_url}/session")
            seen.signed_out = working.post(f"{pair.server2.base_url}/logout", fields_of(notes))
        with restarted(pair.server2, HANDOFF_JWKS_URI="http://127.0.0.1:1/"):
            seen.begun = stranger.begin()
            seen.cookies = stranger.cookies()
            seen.pages = [
                stranger.get(f"{pair.server2.base_url}{path}") for path in ("/", "/healthz")
            ]
            seen.readiness = stranger.get(f"{pair.server2.base_url}/readyz")
            late_callback = late.get(late_request).headers["Location"]
            seen.without_keys = late.get(late_callback)
            seen.session_without_keys = late.cookies("s2_session")
        seen.loaded_again = late.get(late_callback)
        seen.ready_again = stranger.get(f"{pair.server2.base_url}/readyz")
    return seen


def test_who_is_signed_in_works_on_while_server1_is_down(outage):
    assert "Written without SERVER1." in outage.note.text
    assert outage.session.status_code == 200
    assert outage.signed_out.status_code == 303


def test_a_token_that_was_minted_before_server1_went_down_is_taken_with_the_keys_held(outage):
    assert outage.with_held_keys.headers["Location"] == "/session"


def test_without_any_key_nobody_is_sent_to_sign_in(outage):
    assert_unavailable(outage.begun)
    assert not outage.cookies
    assert [page.status_code for page in outage.pages] == [200, 200]
    assert (outage.readiness.status_code, outage.readiness.json()["keys"]) == (503, "unavailable")
    assert outage.ready_again.status_code == 200


def test_a_callback_that_cannot_be_checked_for_want_of_keys_works_when_loaded_again(outage):
    assert_unavailable(outage.without_keys)
    assert not outage.session_without_keys
    assert outage.loaded_again.headers["Location"] == "/session"


def test_a_callback_that_cannot_be_remembered_works_when_loaded_again(pair, signed_in):
    callback = signed_in.callback_url("/session")
    with locked(pair.server2.folder / "server2.sqlite3"):
        assert_unavailable(signed_in.get(callback))
    assert not signed_in.cookies("s2_session")
    assert "code=replay_store_unavailable" in pair.server2.log.rpartition("handoff rejected:")[2]
    assert signed_in.get(callback).headers["Location"] == "/session"


def test_a_database_file_that_is_gone_signs_nobody_in_until_it_is_back(pair, signed_in):
    callback = signed_in.callback_url("/session")
    with gone(pair.server2.folder, "server2.sqlite3"):
        # The file lives on in the connections that have it open: another process would not see
        # there that the token was used.
        assert_unavailable(signed_in.get(callback))
        assert not signed_in.cookies("s2_session")
    assert signed_in.get(callback).headers["Location"] == "/session"


@contextmanager
def gone(folder, name):
    """Take a database away, with the files that SQLite keeps beside it, and put it back."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    for file in folder.glob(f"{name}*"):
        file.rename(elsewhere / file.name)
    try:
        yield
    finally:
        for file in folder.glob(f"{name}*"):
            file.unlink()
        for file in elsewhere.iterdir():
            file.rename(folder / file.name)
        elsewhere.rmdir()


@contextmanager
def locked(database_file):
    with closing(sqlite3.connect(database_file, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits a running process")
def test_a_full_disk_signs_nobody_in(pair, signed_in):
    callback = signed_in.callback_url("/session")
    with full_disk(pair.server2):
        assert_unavailable(signed_in.get(callback))
        ready = signed_in.get(f"{pair.server2.base_url}/readyz")
        state = ready.json()
    assert (ready.status_code, state["database"]) == (503, "unavailable")
    assert state["replay_store"] == "unavailable"
    assert signed_in.get(f"{pair.server2.base_url}/readyz").status_code == 200
    assert not signed_in.cookies("s2_session")
    assert signed_in.get(callback).headers["Location"] == "/session"


@contextmanager
def full_disk(server):
    """Let no file of the server grow, as on a full disk."""
    processes = [server.process.pid, *children(server.process.pid)]
    before = [resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in processes]
    for pid, (_soft, hard) in zip(processes, before, strict=True):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for pid, limits in zip(processes, before, strict=True):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def children(pid):
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    direct = [int(child) for thread in threads for child in thread.read_text().split()]
    return [*direct, *(grandchild for child in direct for grandchild in children(child))]


def test_a_database_that_is_away_is_a_503_on_every_page_that_needs_it(pair, signed_in):
    notes = signed_in.arrive()
    with lost(pair.server2.folder / "server2.sqlite3", "sessions"):
        for path in ("/notes", "/session", "/logout", "/"):
            assert_unavailable(signed_in.get(f"{pair.server2.base_url}{path}"))
        for fields in (fields_of(notes), {"csrf_token": "forged"}):
            answer = signed_in.post(f"{pair.server2.base_url}/notes", {**fields, "text": "lost"})
            assert_unavailable(answer)
        assert signed_in.get(f"{pair.server2.base_url}/healthz").status_code == 200
    assert signed_in.get(f"{pair.server2.base_url}/notes").status_code == 200


def test_a_database_of_server1_that_is_away_is_a_503_there(pair, signed_in):
    with lost(pair.server1.folder / "server1.sqlite3", "sessions"):
        for path in ("/", "/login", "/logout", "/readyz"):
            assert signed_in.get(f"{pair.server1.base_url}{path}").status_code == 503
        begun = signed_in.begin().headers["Location"]
        assert signed_in.get(begun).status_code == 503
        assert signed_in.get(f"{pair.server1.base_url}/healthz").status_code == 200
        assert signed_in.get(f"{pair.server1.base_url}/.well-known/jwks.json").status_code == 200
    assert signed_in.get(begun).status_code == 303


@contextmanager
def lost(database_file, table):
    with closing(sqlite3.connect(database_file)) as database:
        database.execute(f"ALTER TABLE {table} RENAME TO lost_{table}")
        try:
            yield
        finally:
            database.execute(f"ALTER TABLE lost_{table} RENAME TO {table}")
