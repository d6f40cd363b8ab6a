import pytest
from sqlalchemy import select

from server1.accounts.email_addresses import EmailAddressError
from server1.mail.queue import Letter, enqueue, letters
from tests.servers.accounts_visitor import EMAIL

HOSTILE_ADDRESSES = [
    "",
    "nobody",
    "a@x.example, e@y.example",
    "a@x.example;e@y.example",
    "a@x.example e@y.example",
    "a@x.example\r\nBcc: e@y.example",
    "a@x.example\nBcc: e@y.example",
    "a@x.example\0",
    "Ada <a@x.example>",
    "<a@x.example>",
    '"a@x.example, e"@y.example',
    "a@x.example@y.example",
    "a@x.example>\r\nRCPT TO:<e@y.example",
    "a@[127.0.0.1]",
    "ada@examplé.com",
    "ada@example.com\u2028",
    "\ud800@example.com",
    "a" * 65 + "@x.example",
    "a@" + "x" * 320,
]


def rows(accounts):
    with accounts.parts.database.reading() as connection:
        return connection.execute(select(letters).order_by(letters.c.id)).mappings().all()


def test_a_letter_is_entered_due_at_once(accounts_on, clock):
    with accounts_on.parts.database.writing() as connection:
        enqueue(connection, Letter.RESET_PASSWORD, address=EMAIL, now=clock())
    (row,) = rows(accounts_on)
    assert (row["kind"], row["address"]) == ("reset-password", EMAIL)
    assert row["enqueued_at"] == row["due_at"] == clock()
    assert row["attempts"] == 0
    assert not row["given_up"]


def test_a_letter_is_entered_with_the_change_it_tells_of_or_not_at_all(accounts_on, clock):
    with pytest.raises(ZeroDivisionError), accounts_on.parts.database.writing() as connection:
        enqueue(connection, Letter.PASSWORD_CHANGED, address=EMAIL, now=clock())
        _ = 1 / 0
    assert rows(accounts_on) == []


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_a_letter_has_one_address(accounts, clock, address):
    with pytest.raises(EmailAddressError), accounts.parts.database.writing() as connection:
        enqueue(connection, Letter.RESET_PASSWORD, address=address, now=clock())
    assert rows(accounts) == []
