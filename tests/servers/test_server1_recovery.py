from concurrent.futures import ThreadPoolExecutor

import pytest

from server1.accounts import throttles
from server1.accounts.passwords import PasswordHasher
from server1.accounts.throttles import Attempt
from server1.mail.queue import EmailKind
from tests.servers.accounts_visitor import EMAIL, PASSWORD, Visitor, problem
from tests.servers.mail_room import MailRoom, text_of, token_in

NEW_PASSWORD = "lilac engine 49 quarry"


@pytest.fixture
def mail_room(accounts, clock):
    return MailRoom(accounts, clock)


def ask(visitor, email=EMAIL):
    return visitor.submit("/forgot-password", {"email": email}, page="/forgot-password")


def link_in_newest(mail_room):
    mail_room.deliver()
    return f"/reset-password?{token_in(mail_room.box.mails[-1])}"


def reset(visitor, link, password=NEW_PASSWORD):
    return visitor.submit("/reset-password", {"password": password}, page=link)


@pytest.fixture
def link(browser1, mail_room):
    ask(browser1)
    return link_in_newest(mail_room)


def test_a_link_leads_to_a_new_password_and_the_old_one_is_dead(accounts, browser1, link):
    answer = reset(browser1, link)
    assert "Your new password is set" in browser1.get(answer.location).text
    assert Visitor(accounts).sign_in(password=PASSWORD).status_code == 403
    assert Visitor(accounts).sign_in(password=NEW_PASSWORD).status_code == 303


def test_every_session_ends_with_the_new_password(accounts, link):
    victim, attacker = Visitor(accounts), Visitor(accounts)
    for visitor in (victim, attacker):
        visitor.sign_in()
    reset(victim, link)
    assert not victim.is_signed_in
    assert not attacker.is_signed_in
    assert accounts.session_rows() == []


def test_the_owner_gets_a_notice(browser1, link, mail_room):
    reset(browser1, link)
    mail_room.deliver()
    assert mail_room.recipients() == [EMAIL, EMAIL]
    assert "/reset-password?" not in text_of(mail_room.box.mails[-1])


def test_a_new_password_by_mail_confirms_the_address(accounts, mail_room):
    accounts.run(
        "users", "create", "bob@example.com", "--unverified", "--password-stdin", input=PASSWORD
    )
    visitor = Visitor(accounts)
    ask(visitor, "bob@example.com")
    reset(visitor, link_in_newest(mail_room))
    assert accounts.user_row("bob@example.com").email_verified


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com", "ADA@example.com"])
def test_asking_always_answers_the_same_and_the_mail_goes_to_the_address_on_file(
    accounts, mail_room, email
):
    visitor = Visitor(accounts)
    answer = ask(visitor, email)
    assert (answer.status_code, answer.location) == (303, "/forgot-password/sent")
    assert "If there is an account" in visitor.get(answer.location).text
    mail_room.deliver()
    assert mail_room.recipients() == ([] if email == "nobody@example.com" else [EMAIL])


@pytest.mark.parametrize("email", ["", "ada", f"{EMAIL}, eve@example.com", f"{EMAIL}\nBcc: x@y.z"])
def test_what_is_no_address_is_refused(browser1, email):
    answer = ask(browser1, email)
    assert answer.status_code == 400
    assert "That is not an e-mail address" in problem(answer)


def test_a_disabled_account_gets_no_link_and_loses_the_one_it_had(accounts, browser1, link):
    accounts.disable()
    assert browser1.get(link).status_code == 404
    assert reset_without_page(browser1, link).status_code == 404


def reset_without_page(visitor, link):
    form = {"token": link[-43:], "password": NEW_PASSWORD}
    return visitor.submit("/reset-password", form, page="/forgot-password")


def test_an_operators_new_password_leaves_no_link_good(accounts, browser1, link):
    create = ("users", "create", EMAIL, "--replace-password", "--password-stdin")
    accounts.run(*create, input=NEW_PASSWORD)
    assert browser1.get(link).status_code == 404


def test_a_link_of_an_account_that_was_disabled_stays_dead_when_it_is_enabled(
    accounts, browser1, link
):
    accounts.disable()
    accounts.run("users", "enable", EMAIL)
    assert browser1.get(link).status_code == 404


def test_a_link_that_is_looked_at_is_still_good(accounts, browser1, link):
    for _ in range(3):
        assert browser1.get(link).status_code == 200
        assert browser1.client.head(link, base_url=accounts.issuer).status_code == 200
    assert reset(browser1, link).status_code == 303


def test_a_password_that_cannot_be_taken_leaves_the_link_good(browser1, link):
    for password, sentence in (
        ("short", "at least 8 characters"),
        ("password1", "among the first that are guessed"),
        (EMAIL, "among the first that are guessed"),
        ("x" * 1025, "at most 1024 bytes"),
    ):
        answer = reset(browser1, link, password)
        assert answer.status_code == 400
        assert sentence in problem(answer)
    assert reset(browser1, link).status_code == 303


def test_a_link_works_once(browser1, link):
    assert reset(browser1, link).status_code == 303
    assert browser1.get(link).status_code == 404
    assert reset_without_page(browser1, link).status_code == 404


def test_of_many_new_passwords_at_once_one_is_taken(accounts_on, clock):
    mail_room, visitor = MailRoom(accounts_on, clock), Visitor(accounts_on)
    ask(visitor)
    link = link_in_newest(mail_room)
    visitors = [Visitor(accounts_on) for _ in range(6)]
    passwords = [f"lilac engine {number} quarry" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(try_reset, visitors, passwords, [link] * 6))
    assert answers.count(303) == 1
    assert set(answers) == {303, 404}
    winner = passwords[answers.index(303)]
    assert Visitor(accounts_on).sign_in(password=winner).status_code == 303


def try_reset(visitor, password, link):
    form = {"token": link[-43:], "password": password}
    return visitor.submit("/reset-password", form, page="/forgot-password").status_code


def test_only_the_newest_link_works_and_an_older_one_names_its_mail(
    browser1, link, mail_room, clock
):
    clock.tick(minutes=3)
    ask(browser1)
    new = link_in_newest(mail_room)
    answer = browser1.get(link)
    assert answer.status_code == 410
    assert "1 January 2026, 12:03:00 UTC" in answer.text
    assert reset_without_page(browser1, link).status_code == 410
    assert reset(browser1, new).status_code == 303


def test_a_link_is_good_for_an_hour(browser1, link, clock):
    clock.tick(minutes=59, seconds=59)
    assert browser1.get(link).status_code == 200
    clock.tick(seconds=1)
    answer = browser1.get(link)
    assert answer.status_code == 410
    assert 'href="/forgot-password"' in answer.text


def test_a_link_of_somebody_else_changes_nothing_here(accounts, mail_room):
    accounts.create("eve@example.com")
    eve = Visitor(accounts)
    ask(eve, "eve@example.com")
    page = eve.get(link_in_newest(mail_room)).text
    assert "eve@example.com" in page
    reset(eve, link_in_newest(mail_room))
    assert Visitor(accounts).sign_in().status_code == 303


def test_a_new_password_leaves_no_other_link_good(accounts, browser1, link, mail_room):
    browser1.sign_in()
    change = {"email": "new@example.com", "password": PASSWORD}
    browser1.submit("/account/email", change, page="/account/email")
    mail_room.deliver()
    to_new_address = f"/change-email?token={token_in(mail_room.box.mails[-1])}"
    assert browser1.get(to_new_address).status_code == 200
    reset(Visitor(accounts), link)
    assert browser1.get(to_new_address).status_code == 404
    assert mail_room.link_rows() == []


def test_another_password_meanwhile_makes_the_link_useless(browser1, link):
    browser1.sign_in()
    change = {"password": PASSWORD, "new_password": "quarry lilac 7 engine"}
    assert browser1.submit("/account/password", change, page="/account/password").status_code == 303
    assert reset_without_page(browser1, link).status_code == 404


def test_a_thief_who_changes_the_name_without_end_keeps_the_owner_out_of_nothing(accounts, link):
    owner, thief = Visitor(accounts), Visitor(accounts)
    renamed: list[str] = []
    thief.sign_in()

    def rename_meanwhile():
        renamed.append(f"Mallory {len(renamed)}")
        answer = thief.submit("/account/name", {"name": renamed[-1]}, page="/account/name")
        assert answer.status_code == 303

    busy = BusyHasher(accounts.config.hashing, rename_meanwhile)
    accounts.install(hasher=busy)
    assert owner.sign_in().status_code == 303
    assert reset(owner, link).status_code == 303
    assert len(renamed) == 2
    assert not thief.is_signed_in


class BusyHasher(PasswordHasher):
    """Does something else as well before it hashes and compares."""

    def __init__(self, config, meanwhile):
        super().__init__(config)
        self.meanwhile = meanwhile

    def hash(self, password, **options):
        self.meanwhile()
        return super().hash(password, **options)

    def check(self, password_hash, password, **options):
        self.meanwhile()
        return super().check(password_hash, password, **options)


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_a_mail_is_sent_three_times_an_hour(accounts, clock, email):
    for _ in range(3):
        assert ask(Visitor(accounts), email).status_code == 303
    clock.tick(minutes=50)
    answer = ask(Visitor(accounts, "203.0.113.9"), email)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "600"
    assert problem(answer) == "Too many attempts. Try again in 10 minutes."
    clock.tick(minutes=10)
    assert ask(Visitor(accounts), email).status_code == 303


def test_many_addresses_are_not_written_to_from_one_place(accounts):
    with accounts.database.writing() as connection:
        for number in range(120):
            attempt = Attempt(f"user{number}@example.com", "127.0.0.1")
            throttles.count_mail(connection, EmailKind.RESET_PASSWORD, attempt, accounts.clock())
    assert ask(Visitor(accounts), "one.more@example.com").status_code == 429
    assert ask(Visitor(accounts, "203.0.113.9"), "one.more@example.com").status_code == 303


def test_an_owner_whom_guesses_keep_out_elsewhere_gets_in_by_mail(accounts, mail_room):
    with accounts.database.writing() as connection:
        for number in range(100):
            attempt = Attempt(EMAIL, f"198.51.100.{number}")
            counted = throttles.count_failure(connection, attempt, accounts.clock())
            throttles.keep(connection, counted)
    owner = Visitor(accounts, "203.0.113.9")
    assert owner.sign_in().status_code == 429
    ask(owner)
    reset(owner, link_in_newest(mail_room))
    assert owner.sign_in(password=NEW_PASSWORD).status_code == 303


def test_no_usable_token_ever_lies_in_the_database(accounts, browser1, mail_room):
    ask(browser1)
    waiting = mail_room.waiting()
    token = link_in_newest(mail_room)[-43:]
    payloads = [job.payload for job in [*waiting, *mail_room.waiting()]]
    assert token not in repr([waiting, payloads, mail_room.link_rows()])
    assert EmailKind.RESET_PASSWORD in {job.topic for job in waiting}
