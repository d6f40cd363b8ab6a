"""A backup of SERVER1, made and restored by the commands that docs/operate.md has."""

import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path

import pytest
import sqlalchemy

from server1.mail.queue import EmailKind
from tests.conftest import run_sql
from tests.documents import DOCS, section
from tests.server_process import PATIENCE
from tests.servers.accounts_visitor import EMAIL, Visitor, running_accounts
from tests.servers.mail_room import MailRoom, token_in

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
PROGRAMS = {"sqlite": "sqlite3", "postgresql": "pg_dump"}


def commands(number, database):
    """Return the commands of a block, without those for the other database."""
    text = section(DOCS / "operate.md", "Back up and restore")
    block = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[number]
    (other,) = DATABASES.keys() - {database}
    return [
        line.partition("  #")[0].strip()
        for line in block.splitlines()
        if not line.endswith(f"# {DATABASES[other]}")
    ]


def run_in_shell(lines, directory, **environment):
    script = "\n".join(["set -eu", *lines])
    subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=directory,
        env={"PATH": os.environ["PATH"], **environment},
        check=True,
        timeout=PATIENCE,
    )


@pytest.fixture(params=DATABASES)
def database(request):
    if shutil.which(PROGRAMS[request.param]) is None:
        required = os.environ.get("REQUIRE_POSTGRESQL") == "1"
        (pytest.fail if required else pytest.skip)(f"{PROGRAMS[request.param]} is not installed")
    return request.param


@pytest.fixture
def urls(request, database):
    """The database's URL, and that of the one to restore into; on SQLite the file has its place."""
    if database == "sqlite":
        yield None, None
        return
    server = request.getfixturevalue("postgresql_database")
    names = [f"handoff_backup_{secrets.token_hex(8)}" for _ in "12"]
    for name in names:
        run_sql(server, f"CREATE DATABASE {name}")
    yield tuple(
        sqlalchemy.make_url(server).set(database=name).render_as_string(hide_password=False)
        for name in names
    )
    for name in names:
        run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(tmp_path, accounts_environment, urls):
    instance = {"SERVER1_INSTANCE": str(tmp_path / "instance" / "server1")}
    return {**accounts_environment, **instance, **at(urls[0])}


def at(url):
    return {"SERVER1_DATABASE_URL": url} if url else {}


def plain(url):
    return (url or "").replace("+psycopg", "")


def test_a_backup_brings_accounts_back_and_no_session(tmp_path, database, urls, settings, clock):
    with running_accounts(settings, clock) as accounts:
        ada, room = Visitor(accounts), MailRoom(accounts, clock)
        ada.sign_in()
        cookie = ada.cookie
        room.enqueue(EmailKind.RESET_PASSWORD)
        room.deliver()
        run_in_shell(commands(0, database), tmp_path, DATABASE=plain(urls[0]))
        accounts.create("bob@example.com")
        ada.sign_out()
    *steps, last = commands(1, database)
    run_in_shell(steps, tmp_path, NEW_DATABASE=plain(urls[1]))
    assert oct(next(Path(tmp_path).glob("server1.[bd]*")).stat().st_mode & 0o777) == "0o600"
    with running_accounts({**settings, **at(urls[1])}, clock) as accounts:
        ada = Visitor(accounts)
        ada.cookie = cookie
        link = f"/reset-password?token={token_in(room.box.mails[0])}"
        assert ada.is_signed_in, "which is why the last command is needed"
        assert ada.get(link).status_code == 200
        accounts.run(*last.removeprefix("flask --app server1 ").split())
        assert not ada.is_signed_in
        assert ada.get(link).status_code == 404
        assert ada.sign_in(EMAIL).status_code == 303
        assert Visitor(accounts).sign_in("bob@example.com").status_code == 403
