import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from server1.accounts import throttles
from server1.accounts.throttles import MAILS_FROM_ADDRESS
from server1.config import Config
from tests.servers.accounts_visitor import (
    EMAIL,
    PASSWORD,
    REQUEST,
    Visitor,
    problem,
    running_accounts,
    user_rows,
)
from tests.servers.mail_room import MailRoom, text_of

NEW = {"email": "Bob@Example.com", "name": "Bob", "password": "lilac engine 49 quarry"}


@pytest.fixture
def mail_room(accounts, clock):
    return MailRoom(accounts, clock)


def count_requests(accounts, number):
    with accounts.database.writing() as connection:
        for _ in range(number):
            throttles.count_request(
                connection, MAILS_FROM_ADDRESS, "sign-up", "127.0.0.1", now=accounts.clock()
            )


def sign_up(visitor, **fields):
    return visitor.submit("/signup", {**NEW, **fields}, page="/signup")


def test_whoever_signs_up_gets_an_account_and_a_mail_with_a_link(accounts, browser1, mail_room):
    answer = sign_up(browser1)
    assert answer.status_code == 303
    assert "Check your inbox" in browser1.get(answer.location).text
    row = accounts.user_row("bob@example.com")
    assert (row.email, row.name, row.email_verified) == ("Bob@Example.com", "Bob", False)
    assert row.password_hash.startswith("$argon2id$")
    mail_room.deliver()
    assert mail_room.recipients() == ["Bob@Example.com"]
    assert f"{accounts.issuer}/verify-email?" in text_of(mail_room.box.mails[0])


def test_signing_up_signs_nobody_in(browser1):
    sign_up(browser1)
    assert not browser1.is_signed_in


def test_whoever_signed_up_can_sign_in_and_sees_what_to_do(browser1):
    sign_up(browser1)
    assert browser1.sign_in(NEW["email"], NEW["password"]).status_code == 303
    page = browser1.get("/").text
    assert "Confirm your e-mail address" in page
    assert "you cannot continue to any service" in page


@pytest.mark.parametrize("email", [EMAIL, "ADA@Example.COM"])
def test_an_address_that_has_an_account_gets_a_mail_and_the_account_stays(
    accounts, browser1, mail_room, email
):
    before = accounts.user_row()
    sign_up(browser1, email=email)
    assert accounts.user_row() == before
    mail_room.deliver()
    assert mail_room.recipients() == [EMAIL]
    assert "token=" not in text_of(mail_room.box.mails[0])
    assert mail_room.link_rows() == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": ""}, "That is not an e-mail address"),
        ({"email": "bob@example.com, eve@example.com"}, "That is not an e-mail address"),
        ({"email": "Bob <bob@example.com>"}, "That is not an e-mail address"),
        ({"email": "bob@example.com\r\nBcc: eve@example.com"}, "That is not an e-mail address"),
        ({"email": "x" * 400 + "@example.com"}, "That is not an e-mail address"),
        ({"name": ""}, "A name has 1 to 100 characters"),
        ({"name": "B" * 101}, "A name has 1 to 100 characters"),
        ({"name": "Bob\nBcc: eve@example.com"}, "A name has 1 to 100 characters"),
        ({"name": "B\u202eob"}, "A name has 1 to 100 characters"),
        ({"password": ""}, "The password needs at least 8 characters."),
        ({"password": "x" * 1025}, "A password has at most 1024 bytes."),
        ({"password": "password1"}, "among the first that are guessed"),
        ({"password": "bob@example.com"}, "among the first that are guessed"),
    ],
)
def test_a_form_that_cannot_be_taken_says_why_and_makes_no_account(
    accounts, browser1, fields, sentence
):
    answer = sign_up(browser1, **fields)
    assert answer.status_code == 400
    assert sentence in problem(answer)
    for value in fields.values():
        assert not value or value not in answer.text
    assert len(user_rows(accounts)) == 1


def test_many_who_sign_up_at_once_with_one_address_get_one_account(accounts_on, clock):
    visitors = [Visitor(accounts_on) for _ in range(6)]
    with ThreadPoolExecutor(len(visitors)) as pool:
        answers = list(pool.map(sign_up, visitors))
    assert {answer.status_code for answer in answers} == {303}
    assert len(user_rows(accounts_on)) == 2
    kinds = sorted(job.topic for job in MailRoom(accounts_on, clock).waiting())
    # Its owner gets three mails in an hour, and no more.
    assert kinds == ["account-exists"] * 2 + ["verify-email"]


def test_an_owner_is_told_three_times_an_hour_and_the_answer_stays_the_same(
    accounts, mail_room, clock
):
    answers = [sign_up(Visitor(accounts), email=EMAIL) for _ in range(5)]
    assert {(answer.status_code, answer.location) for answer in answers} == {(303, "/signup/sent")}
    assert len(mail_room.waiting()) == 3
    clock.tick(hours=1)
    sign_up(Visitor(accounts), email=EMAIL)
    assert len(mail_room.waiting()) == 4


def test_one_address_may_sign_up_so_often_an_hour(accounts, clock):
    count_requests(accounts, 119)
    assert sign_up(Visitor(accounts), email="eve@example.com").status_code == 303
    answer = sign_up(Visitor(accounts))
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "3600"
    assert problem(answer) == "Too many attempts. Try again in 60 minutes."
    assert sign_up(Visitor(accounts, "203.0.113.9")).status_code == 303
    clock.tick(hours=1)
    assert sign_up(Visitor(accounts)).status_code == 303


@pytest.mark.parametrize(
    ("password", "hints"),
    [
        ("mk4kitchen", ["Your password is fair."]),
        ("lilac engine 49 quarry", []),
    ],
)
def test_a_password_that_is_easily_guessed_is_said_to_be_so(browser1, password, hints):
    page = browser1.get(sign_up(browser1, password=password).location).text
    assert re.findall("Your password is (?:weak|fair|good|strong)[.]", page) == hints


@pytest.mark.parametrize("told", ["<b>", "good", "WEAK", "%00"])
def test_no_other_word_about_a_password_is_shown(browser1, told):
    assert "It was accepted, but" not in browser1.get(f"/signup/sent?strength={told}").text


def test_whoever_came_from_a_service_is_led_on_to_it(browser1):
    login = browser1.authorize().location
    page = browser1.get(login).text
    signup = re.search(r'href="(/signup\?continue=[^"]+)"', page)[1]
    assert "to continue to <strong>Notes</strong>" in browser1.get(signup).text
    answer = browser1.submit("/signup", NEW, page=signup)
    sent = browser1.get(answer.location).text
    back = re.search(r'href="(/login\?continue=[^"]+)"', sent)[1]
    assert "to continue to <strong>Notes</strong>" in browser1.get(back).text
    assert REQUEST["redirect_uri"] not in sent


def test_whoever_is_signed_in_needs_no_second_account(browser1):
    browser1.sign_in()
    assert browser1.get("/signup").location == "/"


def test_where_an_operator_makes_the_accounts_nobody_can_sign_up(accounts_environment, clock):
    closed = {**accounts_environment, "SERVER1_SIGNUP": "0"}
    with running_accounts(closed, clock) as accounts:
        visitor = Visitor(accounts)
        assert visitor.get("/signup").status_code == 404
        assert visitor.submit("/signup", NEW).status_code == 404
        for page in ("/", "/login"):
            assert "/signup" not in visitor.get(page).text
        assert len(user_rows(accounts)) == 1


def test_a_password_stands_in_no_answer(browser1):
    answer = sign_up(browser1)
    assert NEW["password"] not in answer.text + str(answer.headers)
    assert PASSWORD not in browser1.get(answer.location).text


@pytest.mark.parametrize(
    "name", ["\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "ക്രിസ്\u200d", "Ada\u00a0B", "👩\u200d💻"]
)
def test_a_name_of_any_script_is_taken_everywhere(accounts, browser1, name):
    sign_up(browser1, name=f"\u3000{name}\ufeff")
    accounts.run("users", "create", "eve@example.com", "--name", name)
    assert [row.name for row in user_rows(accounts) if row.email != EMAIL] == [name, name]
    settings = {"SERVER1_CONTACT": name, "SERVER1_MAIL_FROM": f"{name} <a@b.example>"}
    config = Config.from_environment(settings)
    assert (config.contact, config.mail.sender.display_name) == (name, name)
