"""Mail from a real SERVER1 through a real mail server, and what becomes of both in bad times."""

import hashlib
import json
import re
import secrets
import socket
import sqlite3
import time
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import urljoin

import pytest
from sqlalchemy import make_url

from flask_handoff.keys import new_key
from flask_service.database import Database
from server1 import outbox
from server1.db import SCHEMA
from tests.end_to_end.journey import EMAIL, Browser, action_of, fields_of
from tests.mail_servers import Authority, mail_server, rude_server
from tests.pair import CHEAP_HASHES, PASSWORD, PATIENCE, Server, running
from tests.ports import free_port

NEW_PASSWORD = "another password of the tests"
SMTP_PASSWORD = "a password for the mail server"
TOKEN = re.compile(rb"(?=([A-Za-z0-9_-]{43}))")  # wherever it begins: a file puts no blanks between


def describe_server1(folder, port, **settings):
    """Describe SERVER1 with its mail server at *port* of this machine."""
    own_port = free_port()
    environment = {
        "HANDOFF_ISSUER": f"http://localhost:{own_port}",
        "HANDOFF_KEYS_DIRECTORY": str(folder / "keys"),
        "SERVER1_PORT": str(own_port),
        "SERVER1_INSTANCE": str(folder),
        "SERVER1_DEMO": "1",
        "DEMO_PASSWORD": PASSWORD,
        "SERVER1_MAIL_FROM": "Accounts <accounts@example.com>",
        "SERVER1_SMTP_HOST": "localhost",
        "SERVER1_SMTP_PORT": str(port),
        "SERVER1_SMTP_TLS": "none",
        **CHEAP_HASHES,
        **settings,
    }
    return Server("server1", f"http://localhost:{own_port}", own_port, environment, folder)


@contextmanager
def running_server1(folder, port, **settings):
    server = describe_server1(folder, port, **settings)
    with running(server):
        yield server


@contextmanager
def browser_at(server):
    with Browser(server.base_url, "http://127.0.0.1:1") as browser:
        yield browser


def submit(server, path, **fields):
    """Fill in the form of a page in a fresh browser, and return the page that follows."""
    with browser_at(server) as browser:
        page = browser.get(urljoin(server.base_url, path))
        answer = browser.post(urljoin(page.url, action_of(page)), {**fields_of(page), **fields})
        return browser.follow(answer)


def forget_password(server, email=EMAIL):
    assert submit(server, "/forgot-password", email=email).status_code == 200


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.02)


def link_in(mail):
    return re.search(r"^http://\S+\?\S+", mail.get_body(("plain",)).get_content(), re.M)[0]


def token_in(mail):
    return link_in(mail).partition("?")[2]


def links_that_work(folder):
    """Return every text in the files of the database that would open a link."""
    with closing(sqlite3.connect(folder / "server1.sqlite3")) as database:
        known = {row[0] for row in database.execute("SELECT token_sha256 FROM mail_links")}
    contents = b"".join(file.read_bytes() for file in folder.glob("server1.sqlite3*"))
    return [text for text in TOKEN.findall(contents) if hashlib.sha256(text).hexdigest() in known]


@pytest.fixture(scope="module")
def outage(tmp_path_factory):
    """What becomes of a mail while there is no mail server, over a restart, and afterwards."""
    seen, port, folder = SimpleNamespace(), free_port(), tmp_path_factory.mktemp("outage")
    with running_server1(folder, port) as server:
        forget_password(server)
        until(lambda: "email 1 reset-password: retry later at attempt 1" in server.log)
        seen.waiting = server.flask("outbox", "list")
        seen.links_that_work = [*links_that_work(folder)]
        server.restart()
        seen.links_that_work += links_that_work(folder)
        with mail_server(port) as post:
            server.flask("outbox", "retry", "--all")
            until(lambda: "email 1 reset-password: sent" in server.log)
            seen.mails, seen.envelopes = [*post.mails], [*post.envelopes]
            seen.left = server.flask("outbox", "list")
        seen.links_that_work += links_that_work(folder)
        (mail,) = seen.mails
        token = token_in(mail)
        with closing(sqlite3.connect(folder / "server1.sqlite3")) as database:
            database.execute("CREATE TABLE found (it TEXT)")
            database.execute("INSERT INTO found VALUES (?)", (token,))
            database.commit()
        seen.would_be_found = links_that_work(folder) == [token.encode()]
        seen.reset = submit(server, link_in(mail), password=NEW_PASSWORD)
        with browser_at(server) as browser:
            seen.signed_in = browser.sign_in(NEW_PASSWORD)
            seen.opened_again = browser.get(link_in(mail))
    return seen


def test_a_mail_server_that_is_down_loses_no_mail(outage):
    assert "the mail server cannot be reached (ConnectionRefused" in outage.waiting
    assert [envelope.rcpt_tos for envelope in outage.envelopes] == [[EMAIL]]
    assert outage.left == "Nothing waits.\n"
    assert outage.reset.status_code == 200
    assert "Hello, Ada" in outage.signed_in.text
    assert outage.opened_again.status_code == 404


def test_no_file_of_the_database_ever_holds_a_link_that_works(outage):
    assert outage.links_that_work == []
    assert outage.would_be_found


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """A SERVER1 and its mail server, for tests that write to people of their own."""
    with (
        mail_server() as post,
        running_server1(tmp_path_factory.mktemp("serving"), post.port) as server,
    ):
        yield server, post


@pytest.fixture
def people(serving):
    """Creates accounts by command, which sends no mail, and returns their addresses."""
    server, _post = serving

    def create():
        email = f"{secrets.token_hex(8)}@example.com"
        server.flask("users", "create", email, "--password-stdin")
        return email

    return create


def mails_to(post, *addresses):
    """Return what has arrived for these people, each with its envelope."""
    arrived = zip(post.mails, post.envelopes, strict=False)
    return [(mail, envelope) for mail, envelope in arrived if {*envelope.rcpt_tos} & {*addresses}]


def test_only_the_link_of_the_mail_that_arrived_last_works(serving, people):
    (server, post), email = serving, people()
    for number in (1, 2):
        forget_password(server, email)
        until(lambda number=number: len(mails_to(post, email)) == number)
    (first, _), (second, _) = mails_to(post, email)
    with browser_at(server) as browser:
        assert browser.get(link_in(first)).status_code == 410
        assert browser.get(link_in(second)).status_code == 200
    for mail in (first, second):
        assert token_in(mail) not in server.log


def test_known_and_unknown_people_are_answered_alike_and_one_is_written_to(serving, people):
    (server, post), known, unknown = serving, people(), "nobody@example.com"
    for email in (unknown, known):
        forget_password(server, email)
    until(lambda: re.search(r"email \d+ reset-password: skipped", server.log))
    until(lambda: mails_to(post, known))
    assert [envelope.rcpt_tos for _, envelope in mails_to(post, known, unknown)] == [[known]]
    assert unknown not in server.log


def test_a_name_that_was_typed_is_in_no_mail(serving):
    (server, post), email = serving, "eve@example.com"
    typed = "You have won! Open evil.example"
    submit(server, "/signup", email=email, name=typed, password=NEW_PASSWORD)
    until(lambda: mails_to(post, email))
    forget_password(server, email)
    until(lambda: len(mails_to(post, email)) == 2)
    contents = b"".join(envelope.original_content for _, envelope in mails_to(post, email))
    assert b"confirm" in contents
    assert b"won!" not in contents
    assert b"evil." not in contents


def test_a_mail_that_the_server_refuses_is_kept_for_the_operator(serving, people):
    (server, post), email = serving, people()
    post.replies[email] = "550 no such user canary-of-the-mail-server"
    forget_password(server, email)
    line = re.compile(rf"^(\d+) .* {email} .*", re.MULTILINE)
    (number,) = line.findall(server.flask("outbox", "list"))
    until(lambda: f"email {number} reset-password: failed at attempt 1" in server.log)
    assert " failed " in line.search(server.flask("outbox", "list"))[0]
    assert "canary-of-the-mail-server" not in server.log + server.flask("outbox", "list")
    del post.replies[email]
    server.flask("outbox", "retry", number)
    until(lambda: mails_to(post, email))


def test_mail_travels_over_tls_with_a_login_and_no_log_holds_the_password(tmp_path):
    authority = Authority(tmp_path)
    (tmp_path / "smtp_password").write_text(f"{SMTP_PASSWORD}\n")
    settings = {
        "SSL_CERT_FILE": str(authority.file),
        "SERVER1_SMTP_TLS": "starttls",
        "SERVER1_SMTP_USERNAME": "accounts",
        "SERVER1_SMTP_PASSWORD_FILE": str(tmp_path / "smtp_password"),
    }
    certificate = authority.certificate("localhost")
    login = ("accounts", SMTP_PASSWORD)
    with (
        mail_server(certificate=certificate, tls="starttls", login=login) as post,
        running_server1(tmp_path, post.port, **settings) as server,
    ):
        forget_password(server)
        until(lambda: post.mails)
        assert post.logins == ["accounts"]
        assert SMTP_PASSWORD not in server.log


def test_a_mail_server_that_hangs_holds_up_neither_requests_nor_the_end(tmp_path):
    def hang(connection, over):
        held.append(connection)
        over.wait(60)

    held: list[socket.socket] = []
    with rude_server(hang) as port, ExitStack() as stack:
        server = stack.enter_context(running_server1(tmp_path, port))
        forget_password(server)
        until(lambda: held)
        with browser_at(server) as browser:
            for _ in range(5):
                assert browser.get(f"{server.base_url}/login").status_code == 200
        assert "email 1" not in server.log, "the mail server hangs on, for a minute"
        process = server.process
        process.terminate()
        process.wait(PATIENCE)


def test_without_a_mail_server_mails_become_files_and_the_operator_is_told(tmp_path):
    settings = {f"SERVER1_SMTP_{name}": "" for name in ("HOST", "PORT", "TLS")}
    server = describe_server1(tmp_path, 25, **settings, SERVER1_DEMO="0", DEMO_PASSWORD="")
    new_key(tmp_path / "keys")
    server.flask("users", "create", EMAIL, "--password-stdin")
    with running(server), browser_at(server) as browser:
        warning = f"SERVER1_SMTP_HOST is not set: mails become files in {tmp_path / 'outbox'}"
        assert warning in server.log
        forget_password(server)
        until(lambda: list((tmp_path / "outbox").glob("*.eml")))
        assert browser.get(f"{server.base_url}/outbox").status_code == 404


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    return request.getfixturevalue("postgresql_url")


def test_two_servers_of_two_workers_each_send_every_email_once(tmp_path, database_url):
    settings = {"SERVER1_DATABASE_URL": database_url, "SERVER1_WORKERS": "2"}
    with mail_server() as post:
        servers = [
            describe_server1(tmp_path / name, post.port, **settings) for name in ("one", "two")
        ]
        with running(servers[0]), running(servers[1]):
            addresses: list[str] = []
            # One that looks first, while the others do not look yet, may send all of a heap.
            while not all("password-changed: sent" in server.log for server in servers):
                assert len(addresses) < 1000, "one server sends everything"
                heap = [f"user{len(addresses) + number}@example.com" for number in range(40)]
                enter_notices(database_url, heap)
                addresses += heap
                wait_until_sent(len(addresses), post, servers)
        recipients = [envelope.rcpt_tos for envelope in post.envelopes]
        assert sorted(recipients) == sorted([address] for address in addresses)


def wait_until_sent(number, post, servers):
    until(lambda: len(post.envelopes) >= number)
    until(lambda: sum(server.log.count(": sent\n") for server in servers) >= number)


def enter_notices(database_url, addresses):
    """Enqueue e-mails all at once, as no one process would."""
    database = Database(make_url(database_url), SCHEMA)
    now = datetime.now(UTC)
    rows = [
        {
            "kind": "email",
            "topic": "password-changed",
            "payload": json.dumps({"address": address, "subject": None, "browser_sha256": None}),
            "enqueued_at": now,
            "due_at": now,
            "attempts": 0,
            "failed": False,
            "is_probe": False,
        }
        for address in addresses
    ]
    with database.writing() as connection:
        connection.execute(outbox.table.insert(), rows)
    database.close()
