import pytest

from server1.mail.errors import OutOfReachError, RefusedError
from tests.servers.accounts_visitor import EMAIL, PASSWORD, Visitor
from tests.servers.mail_room import MailRoom

BOB = "bob@exmaple.com"
BOBS = {"email": BOB, "name": "Bob", "password": "lilac engine 49 quarry"}
REFUSED = RefusedError("the mail server refuses the address (550)")


@pytest.fixture
def mail_room(accounts, clock):
    return MailRoom(accounts, clock)


@pytest.fixture
def bob(accounts):
    """Somebody who has signed up with an address that may be mistyped."""
    visitor = Visitor(accounts)
    visitor.submit("/signup", BOBS, page="/signup")
    visitor.sign_in(BOB, BOBS["password"])
    return visitor


def send(mail_room, trouble):
    mail_room.box.trouble = trouble
    mail_room.deliver()


@pytest.mark.parametrize("page", ["/", "/account"])
def test_a_mail_that_was_refused_is_said_to_its_person(bob, mail_room, page):
    assert "was not delivered" not in bob.get(page).text
    send(mail_room, REFUSED)
    text = bob.get(page).text
    assert "was not delivered" in text
    assert 'href="/account/email">Change the address' in text
    assert "(550)" not in text


def test_a_mail_that_is_late_is_said_to_be_tried_again(bob, mail_room):
    send(mail_room, OutOfReachError("the mail server cannot be reached"))
    assert "It is tried again" in bob.get("/account").text


def test_a_mail_that_arrived_later_ends_the_notice(bob, mail_room, clock):
    send(mail_room, REFUSED)
    clock.tick(minutes=1)
    bob.submit("/verify-email/again", page="/verify-email/again")
    send(mail_room, None)
    assert "was not delivered" not in bob.get("/account").text


def test_a_new_address_that_was_refused_is_said(accounts, browser1, mail_room, clock):
    browser1.sign_in()
    change = {"email": BOB, "password": PASSWORD}
    browser1.submit("/account/email", change, page="/account/email")
    send(mail_room, REFUSED)
    text = browser1.get("/account").text
    assert BOB in text
    assert "Enter the new address again" in text


def test_a_mail_of_somebody_else_is_not_said(bob, browser1, mail_room):
    send(mail_room, REFUSED)
    browser1.sign_in(EMAIL)
    assert BOB not in browser1.get("/account").text


def test_who_comes_back_after_a_session_has_ended_is_told(browser1, clock):
    assert "session here has ended" not in browser1.get("/login").text
    browser1.sign_in()
    clock.tick(hours=1)
    assert browser1.get("/account").location == "/login?next=/account"
    assert "session here has ended" in browser1.get("/login").text
    browser1.sign_in()
    browser1.sign_out()
    assert "session here has ended" not in browser1.get("/login").text
