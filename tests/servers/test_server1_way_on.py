"""Who has to confirm their address on the way to a service, and arrives there in the end."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from server1.accounts.destinations import LONGEST_TARGET, destinations, note_destination
from tests.servers.accounts_visitor import REQUEST, SERVER1, Visitor
from tests.servers.mail_room import MailRoom, token_in

BOB = "bob@example.com"
BOBS = {"email": BOB, "name": "Bob", "password": "lilac engine 49 quarry"}
TARGET = "/notes?tag=a%20b&page=2"


@pytest.fixture
def mail_room(accounts, clock):
    return MailRoom(accounts, clock)


def sign_up_on_the_way(accounts, **request):
    """Come from Notes, create an account, and keep the browser that did."""
    visitor = Visitor(accounts)
    to_sign_in = visitor.authorize(target_link_uri=TARGET, **request).location
    sign_up = link_to(visitor.get(to_sign_in), "Create an account")
    sent = visitor.submit("/signup", BOBS, page=sign_up)
    return visitor, link_to(visitor.get(sent.location), "Sign in")


def sign_up_directly(accounts):
    visitor = Visitor(accounts)
    visitor.submit("/signup", BOBS, page="/signup")
    visitor.sign_in(BOB, BOBS["password"])
    return visitor


def link_to(page, text):
    return html.unescape(re.search(rf'href="([^"]+)">{text}<', page.text)[1])


def mailed_link(mail_room):
    mail_room.deliver()
    return f"/verify-email?token={token_in(mail_room.box.mails[-1])}"


def confirm(visitor, link, **fields):
    return visitor.get(visitor.submit("/verify-email", fields, page=link).location)


def leads_to_the_target(page):
    url = urlsplit(link_to(page, "Continue to Notes"))
    begins = f"{url.scheme}://{url.netloc}{url.path}" == "http://127.0.0.1:5002/sso/login"
    return begins and parse_qs(url.query) == {"iss": [SERVER1], "target_link_uri": [TARGET]}


def stopped(visitor, **request):
    """Return the page that stops somebody on the way to Notes."""
    answer = visitor.authorize(target_link_uri=TARGET, **request)
    assert answer.status_code == 303
    assert answer.location.startswith("/verify-email/required?continue=")
    return answer.location, visitor.get(answer.location)


def test_who_has_not_confirmed_is_stopped_with_the_true_reason(accounts):
    _, page = stopped(sign_up_directly(accounts))
    assert page.status_code == 200
    assert "Confirm your e-mail address" in page.text
    assert "to continue to <strong>Notes</strong>" in page.text
    assert BOB in page.text
    assert leads_to_the_target(page)


def test_who_is_stopped_and_confirms_goes_on_to_the_service(accounts, mail_room):
    visitor = sign_up_directly(accounts)
    address, _ = stopped(visitor)
    done = confirm(visitor, mailed_link(mail_room))
    assert "Your address is confirmed" in done.text
    assert leads_to_the_target(done)
    assert visitor.get(address).location.startswith("/authorize?continue=")
    assert "id_token=" in visitor.get(visitor.get(address).location).location


def test_who_signs_up_on_the_way_confirms_and_goes_on(accounts, mail_room):
    visitor, _ = sign_up_on_the_way(accounts)
    assert leads_to_the_target(confirm(visitor, mailed_link(mail_room)))


def test_the_mail_may_be_opened_in_another_browser_and_late(accounts, mail_room, clock):
    sign_up_on_the_way(accounts)
    link, phone = mailed_link(mail_room), Visitor(accounts)
    clock.tick(hours=9)
    assert leads_to_the_target(confirm(phone, link, password=BOBS["password"]))
    assert phone.is_signed_in


def test_the_request_goes_on_from_sign_up_to_sign_in(accounts):
    visitor, sign_in = sign_up_on_the_way(accounts)
    resumed = visitor.sign_in(BOB, BOBS["password"], page=sign_in).location
    assert resumed.startswith("/authorize?continue=")
    assert visitor.get(resumed).location.startswith("/verify-email/required?continue=")


def test_a_mail_that_is_sent_again_leads_on_as_well(accounts, mail_room, clock):
    visitor = sign_up_directly(accounts)
    address, _ = stopped(visitor)
    clock.tick(minutes=11)  # the request is too old to be answered by now
    sent = visitor.submit("/verify-email/again", page=address)
    assert sent.location.startswith("/verify-email/sent?continue=")
    assert "continue to Notes" in visitor.get(sent.location).text
    assert leads_to_the_target(confirm(visitor, mailed_link(mail_room)))


def test_a_new_password_confirms_and_leads_on_too(accounts, mail_room):
    stopped(sign_up_directly(accounts))
    phone = Visitor(accounts)
    phone.submit("/forgot-password", {"email": BOB}, page="/forgot-password")
    mail_room.deliver()
    link = f"/reset-password?token={token_in(mail_room.box.mails[-1])}"
    done = phone.submit("/reset-password", {"password": "quarry 94 lilac boat"}, page=link)
    assert leads_to_the_target(phone.get(done.location))


def test_nothing_is_noted_any_more_once_the_address_is_confirmed(accounts, mail_room):
    visitor, _ = sign_up_on_the_way(accounts)
    confirm(visitor, mailed_link(mail_room))
    assert noted(accounts) == []


def test_a_service_that_forbids_questions_is_told(accounts):
    answer = sign_up_directly(accounts).authorize(prompt="none")
    assert answer.location.startswith(REQUEST["redirect_uri"])
    assert "error=interaction_required" in answer.location


@pytest.mark.parametrize("carried", ["", "?continue=forged"])
def test_nobody_is_stopped_who_goes_nowhere(accounts, carried):
    answer = sign_up_directly(accounts).get(f"/verify-email/required{carried}")
    assert (answer.status_code, noted(accounts)) == (303, [])


def test_who_has_confirmed_is_not_stopped(browser1, accounts):
    address, _ = stopped(sign_up_directly(accounts))
    browser1.sign_in()
    assert browser1.get(address).location.startswith("/authorize?continue=")
    assert noted(accounts)[0].subject == accounts.find(BOB).subject  # and nobody else's


@pytest.mark.parametrize("named", ["", "?service=nobody", "?service=&target=//evil.example"])
def test_the_last_page_leads_to_registered_services_only(browser1, named):
    for path in ("/verify-email/done", "/reset-password/done"):
        page = browser1.get(path + named)
        assert page.status_code == 200
        assert "Continue to" not in page.text
        assert "evil" not in page.text


@pytest.mark.parametrize("target", [None, "", "/\x00", "/\N{SNOWMAN}", "/" * (LONGEST_TARGET + 1)])
def test_a_target_that_no_service_takes_is_left_out(accounts_on, target):
    subject = accounts_on.create(BOB).subject
    for each in ("/notes", target):
        with accounts_on.database.writing() as connection:
            note_destination(connection, subject, "server2", each)
    assert [(row.client_id, row.target) for row in noted(accounts_on)] == [("server2", None)]


def noted(accounts):
    with accounts.database.reading() as connection:
        return connection.execute(select(destinations)).all()
