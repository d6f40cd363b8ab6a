import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest

from server1.accounts import links, users
from server1.accounts.mail_links import Purpose
from server1.mail.queue import EmailKind
from tests.servers.accounts_visitor import (
    EMAIL,
    PASSWORD,
    Visitor,
    hidden_fields,
    problem,
    user_rows,
)
from tests.servers.mail_room import MailRoom, token_in

BOB = "bob@example.com"
BOBS = {"email": BOB, "name": "Bob", "password": "lilac engine 49 quarry"}


@pytest.fixture
def mail_room(accounts, clock):
    return MailRoom(accounts, clock)


@pytest.fixture
def bob(accounts):
    """A browser in which Bob has just signed up."""
    visitor = Visitor(accounts)
    visitor.submit("/signup", BOBS, page="/signup")
    return visitor


def link_in_newest(mail_room, page="/verify-email"):
    mail_room.deliver()
    return f"{page}?{token_in(mail_room.box.mails[-1])}"


def token_for_bob(mail_room, purpose):
    user, now = mail_room.accounts.find(BOB), mail_room.clock()
    with mail_room.database.writing() as connection:
        return links.make(
            connection, purpose=purpose, user=user, address=BOB, browser_sha256=None, now=now
        )


def confirm(visitor, link, **fields):
    return visitor.submit("/verify-email", fields, page=link)


def disown(visitor, link, **fields):
    page = link.replace("/verify-email", "/verify-email/not-mine")
    return visitor.submit("/verify-email/not-mine", fields, page=page)


def wrapped(form, token):
    """Put the two halves of a token where they stand in *form*."""
    return form.replace("{:.20}", token[:20]).replace("{:.23}", token[20:])


def is_verified(accounts, email=BOB):
    return accounts.user_row(email).email_verified


def test_a_link_that_is_looked_at_confirms_nothing(accounts, bob, mail_room):
    link = link_in_newest(mail_room)
    for visitor in (bob, Visitor(accounts)):
        assert visitor.get(link).status_code == 200
        assert visitor.client.head(link, base_url=accounts.issuer).status_code == 200
    assert not is_verified(accounts)
    assert confirm(bob, link).status_code == 303


def test_a_press_in_the_browser_that_signed_up_confirms_the_address(accounts, bob, mail_room):
    link = link_in_newest(mail_room)
    answer = confirm(bob, link)
    assert "Your address is confirmed" in bob.get(answer.location).text
    assert is_verified(accounts)
    assert mail_room.link_rows() == []


def test_a_confirmed_address_opens_the_way_to_the_services(bob, mail_room):
    confirm(bob, link_in_newest(mail_room))
    bob.sign_in(BOB, BOBS["password"])
    assert "Continue to Notes" in bob.get("/").text
    assert "id_token=" in bob.authorize().location


def test_a_link_works_once(bob, mail_room):
    link = link_in_newest(mail_room)
    confirm(bob, link)
    for answer in (bob.get(link), bob.submit("/verify-email", {"token": link[-43:]})):
        assert answer.status_code == 404
        assert "This link does not work" in answer.text


def test_of_many_presses_at_once_all_lead_to_a_confirmed_address(accounts_on, clock):
    mail_room, visitor = MailRoom(accounts_on, clock), Visitor(accounts_on)
    visitor.submit("/signup", BOBS, page="/signup")
    visitor.sign_in(BOB, BOBS["password"])
    link = link_in_newest(mail_room)
    tabs = []
    for _ in range(4):
        tab = Visitor(accounts_on)
        tab.cookie = visitor.cookie
        tabs.append(tab)
    with ThreadPoolExecutor(len(tabs)) as pool:
        answers = list(pool.map(lambda tab: confirm(tab, link).status_code, tabs))
    assert answers.count(303) == 1
    assert set(answers) <= {303, 404, 403}
    assert is_verified(accounts_on)


def test_a_stranger_who_signed_up_with_anothers_address_gains_nothing(accounts, bob, mail_room):
    bob.sign_in(BOB, BOBS["password"])
    owner = Visitor(accounts)
    link = link_in_newest(mail_room)
    assert "Your password" in owner.get(link).text
    answer = confirm(owner, link, password="a guess of the owner's")
    assert answer.status_code == 403
    assert problem(answer) == "This password is not right."
    assert not is_verified(accounts)
    assert bob.is_signed_in
    assert bob.authorize().location.startswith("/verify-email/required?continue=")


def test_an_owner_who_asks_for_the_mail_confirms_no_strangers_account_without_its_password(
    accounts, bob, mail_room
):
    mail_room.deliver()
    owner = Visitor(accounts)
    owner.submit("/signup", {**BOBS, "password": "quarry 49 lilac boat"}, page="/signup")
    for _ in range(2):  # also not once there is a link that was mailed to this browser's wish
        owner.submit("/verify-email/again", {"email": BOB}, page="/verify-email/again")
        link = link_in_newest(mail_room)
        assert "Your password" in owner.get(link).text
        assert confirm(owner, link).status_code == 403
    assert not is_verified(accounts)


def test_a_browser_that_signed_up_and_asks_again_needs_no_password(accounts, bob, mail_room):
    mail_room.deliver()
    bob.submit("/verify-email/again", {"email": BOB}, page="/verify-email/again")
    assert confirm(bob, link_in_newest(mail_room)).status_code == 303
    assert is_verified(accounts)


def test_in_another_browser_the_password_confirms_and_signs_in(accounts, bob, mail_room):
    elsewhere = Visitor(accounts)
    bob.sign_in(BOB, BOBS["password"])
    answer = confirm(elsewhere, link_in_newest(mail_room), password=BOBS["password"])
    assert answer.location == "/"
    assert elsewhere.is_signed_in
    assert not bob.is_signed_in, "it may be a stranger's who signed up with this address"
    assert is_verified(accounts)


def test_guesses_at_the_password_are_throttled_as_at_the_sign_in(accounts, bob, mail_room):
    link = link_in_newest(mail_room)
    stranger = Visitor(accounts)
    for _ in range(5):
        assert confirm(stranger, link, password="a wrong guess").status_code == 403
    answer = confirm(stranger, link, password=BOBS["password"])
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers


def test_a_browser_that_is_signed_in_needs_no_password(accounts, bob, mail_room):
    elsewhere = Visitor(accounts)
    elsewhere.sign_in(BOB, BOBS["password"])
    assert confirm(elsewhere, link_in_newest(mail_room)).status_code == 303
    assert is_verified(accounts)
    assert elsewhere.is_signed_in


def test_a_browser_that_is_signed_in_as_somebody_else_needs_it(accounts, bob, mail_room, browser1):
    browser1.sign_in()
    assert confirm(browser1, link_in_newest(mail_room)).status_code == 403
    assert not is_verified(accounts)


def test_all_other_sessions_end_when_the_address_is_confirmed(accounts, bob, mail_room):
    elsewhere = Visitor(accounts)
    for visitor in (bob, elsewhere):
        visitor.sign_in(BOB, BOBS["password"])
    confirm(bob, link_in_newest(mail_room))
    assert bob.is_signed_in
    assert not elsewhere.is_signed_in


def test_the_owner_of_the_address_can_delete_a_strangers_account(accounts, bob, mail_room):
    bob.sign_in(BOB, BOBS["password"])
    owner, link = Visitor(accounts), link_in_newest(mail_room)
    answer = disown(owner, link, word=" Delete")
    assert "The account is deleted" in owner.get(answer.location).text
    assert [row.email for row in user_rows(accounts)] == [EMAIL]
    assert not bob.is_signed_in
    assert owner.get(link).status_code == 404
    mail_room.deliver()
    notice = mail_room.box.mails[-1]
    assert (notice["To"], "was deleted" in notice["Subject"]) == (BOB, True)


def test_whoever_presses_every_button_deletes_no_account(accounts, bob, mail_room):
    link, scanner = link_in_newest(mail_room), Visitor(accounts)
    pages = [link, link.replace("/verify-email", "/verify-email/not-mine")]
    for page in pages:
        text = scanner.get(page).text
        for path in re.findall(r'<form method="post" action="([^"]+)"', text):
            assert scanner.post(path, hidden_fields(text)).status_code in (400, 403)
    assert "Type the word" in disown(scanner, link, word="yes").text
    assert accounts.find(BOB)


@pytest.mark.parametrize(
    "copied",
    [
        "{}.",
        "{}>",
        "{})",
        "{}\u201d,",
        "{}_",
        "<{}>",
        "{:.20}\r\n {:.23}",
        "3D{:.20}=\n{:.23}",
        "3D{}",
        "3d{}",
    ],
    ids=ascii,
)
def test_a_link_survives_what_mail_programs_and_people_do_to_it(bob, mail_room, copied):
    path, _, token = link_in_newest(mail_room).partition("?")
    mangled = copied.format(token) if "{}" in copied else wrapped(copied, token)
    answer = bob.get(path, query_string={"token": mangled})
    assert answer.status_code == 200
    fields = {name: unescape(text) for name, text in hidden_fields(answer.text).items()}
    assert bob.post(path, fields).status_code == 303


@pytest.mark.parametrize(
    "clicked",
    [
        "/verify-email?{}/",
        "/verify-email/?{}",
        "/verify-email?{}=",
        "/verify-email?{}%3D",
        "/verify-email?{}&utm_source=news&utm_term=&fbclid=" + "f" * 61,
        "/verify-email?utm_source=news&{}",
        "/change-email/?token={}&utm_source=news",
        "/reset-password/?{}&utm_source=news",
        # As mailed by earlier versions.
        "/verify-email?token={}",
        "/verify-email/?token%3D{}",
        "/verify-email?fbclid=f&token=%3D{}",
    ],
)
def test_a_link_survives_what_scanners_and_trackers_do_to_it(bob, mail_room, clicked):
    token = token_for_bob(mail_room, Purpose(re.split(r"/?\?", clicked)[0][1:]))
    answer = bob.get(clicked.format(token))
    assert answer.status_code == 200
    assert token in hidden_fields(answer.text)["token"]


@pytest.mark.parametrize("clicked", ["?{0}&{0}", "?token={0}&{0}", "?{0:.42}", "?x={0}", "/{0}"])
def test_what_holds_no_token_or_two_is_no_link(bob, mail_room, clicked):
    token = token_for_bob(mail_room, Purpose.RESET_PASSWORD)
    assert bob.get(f"/reset-password{clicked.format(token)}").status_code == 404


@pytest.mark.parametrize("copied", ["{:.20}", "{}{}", "x{}", "{:.42}.", "", "3D" * 90])
def test_a_part_of_a_link_and_more_than_one_do_not_work(bob, mail_room, copied):
    path, _, token = link_in_newest(mail_room).partition("?")
    assert bob.get(path, query_string={"token": copied.format(token, token)}).status_code == 404


def test_only_the_newest_link_works_and_an_older_one_names_its_mail(
    accounts, bob, mail_room, clock
):
    old = link_in_newest(mail_room)
    clock.tick(minutes=7, seconds=9)
    bob.submit("/verify-email/again", {"email": BOB}, page="/verify-email/again")
    new = link_in_newest(mail_room)
    assert new != old
    answer = bob.get(old)
    assert answer.status_code == 410
    assert "There is a newer link" in answer.text
    assert "1 January 2026, 12:07:09 UTC" in answer.text
    assert bob.submit("/verify-email", {"token": old[-43:]}).status_code == 410
    assert not is_verified(accounts)
    assert confirm(bob, new).status_code == 303


def test_a_link_is_good_for_24_hours(accounts, bob, mail_room, clock):
    link = link_in_newest(mail_room)
    clock.tick(hours=23, minutes=59, seconds=59)
    assert bob.get(link).status_code == 200
    clock.tick(seconds=1)
    answer = bob.get(link)
    assert answer.status_code == 410
    assert "This link has expired" in answer.text
    assert 'href="/verify-email/again"' in answer.text
    assert not is_verified(accounts)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?token=",
        "?token=x",
        "?token=" + "A" * 43,
        "?token=" + "A" * 5000,
        "?token=%00",
        "?token=%ED%A0%80",
        "?token=<b>",
        "?token={0}&token={0}",
        "?token[]={0}",
        "?token={0}%0d%0aX: y",
    ],
)
def test_what_is_no_link_of_ours_is_refused(bob, mail_room, query):
    token = link_in_newest(mail_room)[-43:]
    answer = bob.get(f"/verify-email{query.format(token)}")
    assert answer.status_code == 404
    assert "This link does not work" in answer.text
    assert token not in answer.text
    assert "<b>" not in answer.text


def test_a_link_for_another_purpose_confirms_nothing(accounts, bob, mail_room):
    mail_room.deliver()
    bob.submit("/forgot-password", {"email": BOB}, page="/forgot-password")
    assert bob.get(link_in_newest(mail_room)).status_code == 404


@pytest.mark.parametrize("email", [BOB, EMAIL, "nobody@example.com"])
def test_sending_it_again_always_answers_the_same(accounts, bob, mail_room, email):
    mail_room.deliver()
    sent = len(mail_room.box.mails)
    visitor = Visitor(accounts)
    answer = visitor.submit("/verify-email/again", {"email": email}, page="/verify-email/again")
    assert (answer.status_code, answer.location) == (303, "/verify-email/sent")
    assert "If an account with that address" in visitor.get(answer.location).text
    mail_room.deliver()
    assert len(mail_room.box.mails) - sent == (email == BOB)


@pytest.mark.parametrize("email", [BOB, "nobody@example.com"])
def test_it_is_sent_again_three_times_an_hour(accounts, bob, clock, email):
    def send_again():
        visitor = Visitor(accounts)
        return visitor.submit("/verify-email/again", {"email": email}, page="/verify-email/again")

    for _ in range(3):
        assert send_again().status_code == 303
    clock.tick(minutes=59)
    answer = send_again()
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    assert problem(answer) == "Too many attempts. Try again in 60 seconds."
    clock.tick(minutes=1)
    assert send_again().status_code == 303


def test_whoever_is_signed_in_has_it_sent_by_one_press_on_the_home_page(bob, mail_room):
    mail_room.deliver()
    bob.sign_in(BOB, BOBS["password"])
    assert bob.submit("/verify-email/again", page="/").status_code == 303
    mail_room.deliver()
    assert mail_room.recipients() == [BOB, BOB]


def test_an_account_whose_address_is_confirmed_gets_no_link(accounts, bob, mail_room):
    confirm(bob, link_in_newest(mail_room))
    mail_room.enqueue(EmailKind.VERIFY_EMAIL, BOB)
    mail_room.deliver()
    assert len(mail_room.box.mails) == 1


def test_a_link_that_was_mailed_meanwhile_deletes_no_account_that_is_confirmed(
    accounts, bob, mail_room
):
    link = link_in_newest(mail_room)
    owner = Visitor(accounts)
    form, user = owner.get(link).text, accounts.find(BOB)
    with mail_room.database.writing() as connection:
        users.change(connection, user, email_verified=True)
    answer = owner.post("/verify-email/not-mine", {**hidden_fields(form), "word": "delete"})
    assert answer.status_code == 404
    assert is_verified(accounts)


def test_a_disabled_account_cannot_be_confirmed(accounts, bob, mail_room):
    link = link_in_newest(mail_room)
    accounts.disable(BOB)
    assert bob.get(link).status_code == 404


def test_no_page_on_the_way_is_kept_or_told_to_others(bob, mail_room):
    answer = bob.get(link_in_newest(mail_room))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] in {"no-referrer", "same-origin"}
    assert Purpose.VERIFY_EMAIL not in answer.headers.get("Set-Cookie", "")
    assert PASSWORD not in answer.text
