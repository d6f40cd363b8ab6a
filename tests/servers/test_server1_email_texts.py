import re
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest

from server1.mail import texts
from server1.mail.queue import EmailKind
from tests.servers.accounts_visitor import EMAIL, running_accounts
from tests.servers.mail_room import text_of, token_in

TOKEN = "aA0-_" * 8 + "abc"
LONGEST_ADDRESS = "a" * 64 + "@" + ".".join(["b" * 63, "c" * 63, "d" * 61])
PRODUCTION = {
    "HANDOFF_ISSUER": "https://accounts.example.com",
    "SERVER1_ARGON2_MEMORY_KIB": "19456",
    "SERVER1_MAIL_FROM": "Konten-Büro, Ähm <accounts@example.com>",
    "SERVER1_CONTACT": "das Büro <hilfe@example.com>",
}
LINKS = [EmailKind.VERIFY_EMAIL, EmailKind.RESET_PASSWORD, EmailKind.CHANGE_EMAIL]


class Page(HTMLParser):
    """What an HTML part shows, and what it would load or lead to."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.addresses = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [
            (name, value)
            for name, value in attributes
            if name in {"href", "src", "background", "srcset", "action"}
            or (name == "style" and "url" in value)
        ]

    def handle_data(self, data):
        self.words += data.split()


def write(accounts, kind, address=EMAIL):
    issuer = accounts.issuer
    link, now = f"{issuer}/{kind}?{TOKEN}", accounts.clock()
    with accounts.app.app_context():
        return texts.write(kind, address=address, asked_at=now, link=link, link_expires_at=now)


def sent(message):
    """Return a message as the other end reads it."""
    return message_from_bytes(message.as_bytes(), policy=policy.default)


@pytest.fixture(scope="module")
def servers(share_accounts):
    with share_accounts() as demo, share_accounts(**PRODUCTION) as production:
        yield {"demo": demo, "production": production}


@pytest.fixture(params=["demo", "production"])
def server1(request, servers):
    return servers[request.param]


@pytest.mark.parametrize("kind", EmailKind)
def test_both_parts_of_an_email_say_the_same(server1, kind):
    mail = sent(write(server1, kind))
    page = Page(mail.get_body(("html",)).get_content())
    shown = " ".join(page.words).replace("Open the page http", "http")  # the link as a button
    assert " ".join(text_of(mail).split()) in shown
    assert str(mail["Subject"]) in shown


@pytest.mark.parametrize("kind", EmailKind)
def test_an_email_loads_nothing_and_leads_to_this_server_only(server1, kind):
    page = Page(sent(write(server1, kind)).get_body(("html",)).get_content())
    assert not {"img", "script", "link", "iframe", "object", "form", "style"} & set(page.tags)
    assert all(
        name == "href" and value.startswith(f"{server1.issuer}/") for name, value in page.addresses
    )


@pytest.mark.parametrize("kind", EmailKind)
def test_an_email_says_who_it_is_from_when_it_was_asked_for_and_whom_to_ask(server1, kind):
    text = " ".join(text_of(sent(write(server1, kind))).split())
    host = server1.issuer.partition("//")[2]
    assert f"This mail was sent by {host}" in text
    assert "1 January 2026, 12:00 UTC" in text
    assert server1.config.contact in text
    assert "If it was not you" in text


@pytest.mark.parametrize("kind", LINKS)
def test_the_link_stands_on_a_line_of_its_own_in_one_piece(server1, kind):
    message = write(server1, kind)
    line = f"{server1.issuer}/{kind}?{TOKEN}"
    assert line in text_of(sent(message)).splitlines()
    assert token_in(sent(message)) == TOKEN
    source = message.as_bytes()
    assert (f"\r\n{line}\r\n".encode() in source) == server1.config.contact.isascii()
    assert f'<a href="{line}"'.encode() in source


@pytest.mark.parametrize("kind", [EmailKind.ACCOUNT_EXISTS, EmailKind.PASSWORD_CHANGED])
def test_a_notice_leads_to_the_page_that_helps(accounts, kind):
    assert f"{accounts.issuer}/forgot-password" in text_of(write(accounts, kind)).splitlines()


def test_an_email_has_a_whole_header(server1, clock):
    mail = sent(write(server1, EmailKind.PASSWORD_CHANGED))
    assert str(mail["To"]) == EMAIL
    assert mail["Date"].datetime == clock()
    assert mail["Auto-Submitted"] == "auto-generated"
    sender = server1.config.mail.sender
    assert mail["From"].addresses == (sender,)
    assert re.fullmatch(rf"<[0-9a-f]{{32}}@{sender.domain}>", mail["Message-ID"])
    assert mail["Message-ID"] != sent(write(server1, EmailKind.PASSWORD_CHANGED))["Message-ID"]
    assert [type(defect) for part in mail.walk() for defect in part.defects] == []


@pytest.mark.parametrize("kind", EmailKind)
@pytest.mark.parametrize("address", [EMAIL, LONGEST_ADDRESS, "a!#$%&'*+-/=?^_`{|}~@localhost"])
def test_an_email_as_it_is_sent_is_ascii_with_lines_of_lawful_length(server1, kind, address):
    content = write(server1, kind, address).as_bytes()
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert content.isascii()
    assert [each.addr_spec for each in sent(write(server1, kind, address))["To"].addresses] == [
        address
    ]


@pytest.mark.parametrize(
    "address",
    [
        "a@x.example\r\nBcc: e@y.example",
        "a@x.example\nBcc: e@y.example",
        "a@x.example, e@y.example",
    ],
)
def test_a_second_recipient_cannot_be_written(accounts, address):
    try:
        message = write(accounts, EmailKind.PASSWORD_CHANGED, address)
    except ValueError:
        return
    assert b"e@y.example" not in message.as_bytes()


def test_markup_in_a_setting_is_text(accounts_environment, clock):
    settings = {**accounts_environment, "SERVER1_CONTACT": "<b>us</b> & them"}
    with running_accounts(settings, clock) as accounts:
        mail = sent(write(accounts, EmailKind.ACCOUNT_DELETED))
    assert "<b>" not in mail.get_body(("html",)).get_content()
    assert "<b>us</b> & them" in " ".join(text_of(mail).split())
