import re
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

import pytest

from server1.mail.errors import OutOfReachError
from server1.mail.mailbox import Mailbox, MailUnknownError
from server1.mail.queue import EmailKind
from tests.servers.accounts_visitor import EMAIL, Visitor, running_accounts
from tests.servers.mail_room import MailRoom, token_in

DEMO = {"SERVER1_DEMO": "1", "DEMO_PASSWORD": "a password of the tests"}
HOSTILE_NAMES = [
    "../secret_key",
    "../server1.sqlite3",
    "..%2fserver1.sqlite3",
    "%2e%2e%2fserver1.sqlite3",
    "....//secret_key",
    "/etc/passwd",
    "20260101T120000000000Z-0123456\u0660",
    "20260101T120000000000Z-01234567%00",
    "20260101T120000000000Z-01234567.eml",
    "20260101T120000000000Z-01234567/../../secret_key",
    "20269999T120000000000Z-01234567",
    "x" * 5000,
    "%ff",
    "",
]


@pytest.fixture
def demo(made_environment, clock, kept_applications):
    with running_accounts({**made_environment, **DEMO}, clock, kept_applications) as running:
        yield running


@pytest.fixture
def mailbox(tmp_path, clock):
    return Mailbox(tmp_path / "outbox", clock)


def a_mail(subject="A mail", text="Hello.\r\n"):
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(addr_spec="no-reply@localhost")
    message["To"] = Address(addr_spec=EMAIL)
    message["Subject"] = subject
    message["Date"] = datetime(2026, 1, 1, 12, tzinfo=UTC)
    message.set_content(text)
    return message


def send(accounts, clock, kind=EmailKind.RESET_PASSWORD):
    """Have an e-mail sent as a running server would, into a file."""
    room = MailRoom(accounts, clock, Mailbox(accounts.config.mail.outbox, clock))
    room.enqueue(kind)
    room.deliver()


def test_each_mail_is_a_file_for_this_server_alone(mailbox, tmp_path, clock):
    mailbox.deliver(a_mail())
    clock.tick(seconds=1)
    mailbox.deliver(a_mail())
    directory = tmp_path / "outbox"
    assert directory.stat().st_mode & 0o777 == 0o700
    files = sorted(directory.iterdir())
    assert [file.suffix for file in files] == [".eml", ".eml"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert files[0].read_bytes() == a_mail().as_bytes()


def test_the_names_sort_by_time(mailbox, clock):
    for number in range(5):
        mailbox.deliver(a_mail(f"mail {number}"))
        clock.tick(microseconds=1)
    subjects = [mailbox.read(name)["Subject"] for name in mailbox.names()]
    assert subjects == [f"mail {number}" for number in reversed(range(5))]


def test_two_mails_of_one_moment_are_two_files(mailbox):
    for _ in range(20):
        mailbox.deliver(a_mail())
    assert len(mailbox.names()) == 20


def test_a_mail_that_cannot_be_written_is_tried_again(tmp_path, clock):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutOfReachError) as failed:
        Mailbox(tmp_path / "file" / "outbox", clock).deliver(a_mail())
    assert str(failed.value) == "the directory of mails cannot be written to (NotADirectoryError)"


def test_what_was_not_written_by_us_is_not_listed(mailbox, tmp_path):
    mailbox.deliver(a_mail())
    for name in (".20260101T120000000000Z-01234567", "notes.txt", "x.eml", "a\nb.eml"):
        (tmp_path / "outbox" / name).write_text("x")
    assert len(mailbox.names()) == 1


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_no_name_leads_out_of_the_directory(mailbox, tmp_path, name):
    (tmp_path / "secret_key.eml").write_text("Subject: a secret\n\nsecret\n")
    mailbox.deliver(a_mail())
    with pytest.raises(MailUnknownError):
        mailbox.read(name)


def test_before_the_first_mail_the_mailbox_is_empty(mailbox):
    assert mailbox.names() == []


def test_the_demo_lists_its_mails_and_shows_each(demo, clock):
    visitor = Visitor(demo)
    assert "No mail has been sent yet." in visitor.get("/outbox").text
    send(demo, clock)
    clock.tick(minutes=1)
    send(demo, clock, EmailKind.PASSWORD_CHANGED)
    page = visitor.get("/outbox").text
    newest, oldest = re.findall('<h3><a href="([^"]+)">([^<]+)</a></h3>', page)
    assert newest[1] == "Your password for localhost:5001 was changed"
    assert oldest[1] == "Set a new password for localhost:5001"
    mail = visitor.get(oldest[0])
    assert mail.headers["Cache-Control"] == "no-store"
    assert f'<dd class="address">{EMAIL}</dd>' in mail.text


def test_the_link_in_a_mail_can_be_followed_and_nothing_else(demo, clock):
    send(demo, clock)
    mailbox = Mailbox(demo.config.mail.outbox, clock)
    token = token_in(mailbox.read(mailbox.names()[0]))
    (path,) = re.findall('<h3><a href="([^"]+)"', Visitor(demo).get("/outbox").text)
    links = re.findall('href="([^"]+)"', Visitor(demo).get(path).text.partition("<article")[2])
    assert links == [f"{demo.issuer}/reset-password?{token}", f"{path}/html", "/outbox"]


def test_the_html_of_a_mail_is_shown_and_loads_nothing(demo, clock):
    send(demo, clock)
    (path,) = re.findall('<h3><a href="([^"]+)"', Visitor(demo).get("/outbox").text)
    page = Visitor(demo).get(f"{path}/html")
    assert f'<a href="{demo.issuer}/reset-password?' in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; style-src 'unsafe-inline';" in policy
    assert "script-src" not in policy


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/",
        "http://localhost:5001.evil.example/",
        "http://localhost:5001@evil.example/",
        "http://localhost:50010/",
        "javascript:alert(1)",
        'http://localhost:5001/" onclick="alert(1)',
        "http://localhost:5001/ https://evil.example/",
        "<script>alert(1)</script>",
        "<a href=https://evil.example/>x</a>",
    ],
)
def test_what_stands_in_a_mail_is_text(demo, clock, text):
    Mailbox(demo.config.mail.outbox, clock).deliver(a_mail(text, f"{text}\n\n{text}\n"))
    (path,) = re.findall('<h3><a href="([^"]+)"', Visitor(demo).get("/outbox").text)
    page = Visitor(demo).get(path).text.partition("<article")[2]
    assert re.findall('href="([^"]+)"', page) == [f"{path}/html", "/outbox"]
    assert "<script" not in page
    assert 'onclick="' not in page


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\0",
        b"Subject: x\r\n\r\n",
        b"Date: never\r\nSubject: x\r\n\r\nx",
        b"Date: Thu, 01 Jan 2026 12:00:00 +0000\r\nContent-Type: text/plain; charset=no\r\n\r\nx",
        b"Date: Thu, 01 Jan 2026 12:00:00 +0000\r\nContent-Type: multipart/mixed\r\n\r\nx",
        b"Date: Thu, 01 Jan 2026 12:00:00 -0000\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n\xff\xff",
        b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\n--x--",
    ],
)
def test_a_file_that_is_no_mail_of_ours_breaks_no_page(demo, clock, content):
    send(demo, clock)
    name = "20260101T120000000001Z-01234567"
    (demo.config.mail.outbox / f"{name}.eml").write_bytes(content)
    assert Visitor(demo).get("/outbox").status_code == 200
    for path in (f"/outbox/{name}", f"/outbox/{name}/html"):
        assert Visitor(demo).get(path).status_code in {200, 404}


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_page_for_another_name_does_not_exist(demo, clock, name):
    send(demo, clock)
    assert Visitor(demo).get(f"/outbox/{name}").status_code == 404


def test_a_mail_that_is_gone_is_no_page(demo):
    answer = Visitor(demo).get("/outbox/20260101T120000000000Z-01234567")
    assert answer.status_code == 404


def test_only_so_many_mails_are_listed(demo, clock):
    mailbox = Mailbox(demo.config.mail.outbox, clock)
    for _ in range(53):
        mailbox.deliver(a_mail())
    page = Visitor(demo).get("/outbox").text
    assert page.count("<h3>") == 50
    assert "3 older mails are not shown." in page


def test_the_demo_says_where_its_mails_are(demo):
    assert 'href="/outbox"' in Visitor(demo).get("/login").text


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {
            **DEMO,
            "SERVER1_SMTP_HOST": "localhost",
            "SERVER1_SMTP_TLS": "none",
            "SERVER1_MAIL_FROM": "accounts@example.com",
        },
    ],
    ids=["no demo", "a mail server"],
)
def test_outside_of_the_demo_and_with_a_mail_server_there_is_no_outbox(
    accounts_environment, clock, settings
):
    with running_accounts({**accounts_environment, **settings}, clock) as accounts:
        if not settings:
            send(accounts, clock)
        assert Visitor(accounts).get("/outbox").status_code == 404
        names = Mailbox(accounts.config.mail.outbox, clock).names()
        for name in names or ["20260101T120000000000Z-01234567"]:
            assert Visitor(accounts).get(f"/outbox/{name}").status_code == 404
        assert "/outbox" not in Visitor(accounts).get("/login").text
