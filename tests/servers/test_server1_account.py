import re

import pytest

from server1.mail.queue import EmailKind
from tests.servers.accounts_visitor import EMAIL, PASSWORD, Visitor, problem, user_rows
from tests.servers.mail_room import MailRoom, text_of, token_in

NEW_PASSWORD = "lilac engine 49 quarry"
NEW_EMAIL = "Ada.New@example.com"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def mail_room(accounts, clock):
    return MailRoom(accounts, clock)


@pytest.fixture
def ada(browser1):
    browser1.sign_in()
    return browser1


@pytest.mark.parametrize(
    "path",
    ["/account", "/account/name", "/account/password", "/account/email", "/account/delete"],
)
def test_whoever_is_not_signed_in_signs_in_and_comes_back(browser1, path):
    answer = browser1.get(path)
    assert (answer.status_code, answer.location) == (303, f"/login?next={path}")
    assert browser1.sign_in(page=answer.location).location == path
    assert browser1.get(answer.location).location == path  # in another tab, a moment later


@pytest.mark.parametrize("elsewhere", ["https://evil.example/account", "//evil.example", "/outbox"])
def test_a_sign_in_leads_back_to_pages_of_the_account_alone(browser1, elsewhere):
    answer = browser1.submit("/login", {"email": EMAIL, "password": PASSWORD, "next": elsewhere})
    assert (answer.status_code, answer.location) == (303, "/")


def test_the_page_shows_what_is_on_file(ada):
    page = ada.get("/account").text
    assert "Ada" in page
    assert EMAIL in page
    head, _, main = page.partition("</header>")
    assert head.count('<form method="post" action="/logout">') == 1
    assert main.count('href="/logout"') == 1, "beside this session"
    assert "not confirmed" not in page


def test_the_name_is_changed_without_a_password(accounts, ada):
    answer = ada.submit("/account/name", {"name": "Ada L."}, page="/account/name")
    assert answer.status_code == 303
    assert accounts.user_row().name == "Ada L."


@pytest.mark.parametrize("name", ["", " ", "A" * 101, "Ada\0", "A\u202eda", "A\r\nB"])
def test_a_name_that_cannot_be_used_is_refused(accounts, ada, name):
    answer = ada.submit("/account/name", {"name": name}, page="/account/name")
    assert answer.status_code == 400
    assert "A name has 1 to 100" in problem(answer)
    assert accounts.user_row().name == "Ada"


def change_password(visitor, password=PASSWORD, new_password=NEW_PASSWORD):
    form = {"password": password, "new_password": new_password}
    return visitor.submit("/account/password", form, page="/account/password")


def test_the_password_is_changed_by_whoever_knows_it(accounts, ada, mail_room):
    assert change_password(ada).status_code == 303
    assert Visitor(accounts).sign_in().status_code == 403
    assert Visitor(accounts).sign_in(password=NEW_PASSWORD).status_code == 303
    mail_room.deliver()
    assert mail_room.recipients() == [EMAIL]


def test_without_the_current_password_it_stays(accounts, ada):
    for password in ("", "a guess"):
        answer = change_password(ada, password=password)
        assert answer.status_code == 403
        assert problem(answer) == "The current password is not right."
    assert Visitor(accounts).sign_in().status_code == 303


@pytest.mark.parametrize("new_password", ["", "short", "password1", EMAIL, "x" * 1025])
def test_a_password_that_cannot_be_taken_is_refused(accounts, ada, new_password):
    assert change_password(ada, new_password=new_password).status_code == 400
    assert Visitor(accounts).sign_in().status_code == 303


def test_a_new_password_ends_every_other_session_and_renews_this_ones_cookie(accounts, ada):
    thief, other = Visitor(accounts), Visitor(accounts)
    thief.cookie = ada.cookie
    other.sign_in()
    assert thief.is_signed_in
    change_password(ada)
    assert ada.is_signed_in
    assert not thief.is_signed_in
    assert not other.is_signed_in


def test_guesses_at_the_current_password_are_throttled(ada):
    for _ in range(5):
        assert change_password(ada, password="a guess").status_code == 403
    assert change_password(ada).status_code == 429


def ask_for_change(visitor, email=NEW_EMAIL, password=PASSWORD):
    form = {"email": email, "password": password}
    return visitor.submit("/account/email", form, page="/account/email")


def link_in_newest(mail_room):
    mail_room.deliver()
    return f"/change-email?{token_in(mail_room.box.mails[-1])}"


def test_the_address_changes_when_the_link_in_the_new_mailbox_is_opened(accounts, ada, mail_room):
    assert ask_for_change(ada).location == "/account/email/sent"
    link = link_in_newest(mail_room)
    assert mail_room.recipients() == [NEW_EMAIL]
    assert accounts.user_row().email == EMAIL
    assert NEW_EMAIL in ada.get(link).text
    assert accounts.user_row().email == EMAIL
    ada.submit("/change-email", page=link)
    assert accounts.user_row(NEW_EMAIL.lower()).email == NEW_EMAIL
    assert Visitor(accounts).sign_in(NEW_EMAIL).status_code == 303
    assert Visitor(accounts).sign_in(EMAIL).status_code == 403


def test_the_old_address_gets_a_notice(ada, mail_room):
    ask_for_change(ada)
    ada.submit("/change-email", page=link_in_newest(mail_room))
    mail_room.deliver()
    assert mail_room.recipients() == [NEW_EMAIL, EMAIL]
    assert "/change-email?" not in text_of(mail_room.box.mails[-1])


def test_the_account_stays_the_same_person_for_services(accounts, ada, mail_room):
    before = accounts.user_row().subject
    ask_for_change(ada)
    ada.submit("/change-email", page=link_in_newest(mail_room))
    assert accounts.user_row(NEW_EMAIL.lower()).subject == before


def test_without_the_password_no_link_is_sent(ada, mail_room):
    assert ask_for_change(ada, password="a guess").status_code == 403
    assert mail_room.waiting() == []


@pytest.mark.parametrize("email", ["", "ada", "a@b, c@d", f"{NEW_EMAIL}\r\nBcc: x@y.z"])
def test_what_is_no_address_is_refused(ada, mail_room, email):
    assert ask_for_change(ada, email).status_code == 400
    assert mail_room.waiting() == []


def test_the_address_on_file_is_no_change(ada):
    answer = ask_for_change(ada, EMAIL)
    assert problem(answer) == "That is the address of this account already."


def test_another_way_to_write_the_same_address_is_a_change(accounts, ada, mail_room):
    ask_for_change(ada, "Ada@Example.com")
    ada.submit("/change-email", page=link_in_newest(mail_room))
    assert accounts.user_row().email == "Ada@Example.com"


def test_an_address_of_another_account_answers_the_same_and_its_owner_is_told(
    accounts, ada, mail_room
):
    accounts.create("eve@example.com")
    assert ask_for_change(ada, "eve@example.com").location == ask_for_change(ada).location
    mail_room.deliver()
    assert sorted(mail_room.recipients()) == [NEW_EMAIL, "eve@example.com"]
    (to_eve,) = [mail for mail in mail_room.box.mails if mail["To"] == "eve@example.com"]
    assert "/change-email?" not in text_of(to_eve)


def test_an_address_that_was_taken_meanwhile_is_refused(accounts, ada, mail_room):
    ask_for_change(ada)
    link = link_in_newest(mail_room)
    accounts.create(NEW_EMAIL)
    answer = ada.submit("/change-email", page=link)
    assert answer.status_code == 409
    assert problem(answer) == "Another account has this address by now."
    assert accounts.user_row().email == EMAIL


def test_in_another_browser_the_link_alone_changes_nothing(accounts, ada, mail_room):
    ask_for_change(ada)
    link, other = link_in_newest(mail_room), Visitor(accounts)
    assert other.submit("/change-email", page=link).status_code == 403
    assert accounts.user_row().email == EMAIL
    assert other.submit("/change-email", {"password": PASSWORD}, page=link).status_code == 303
    assert accounts.user_row(NEW_EMAIL.lower()).email_verified


def test_links_that_went_to_the_old_address_are_void(accounts, ada, mail_room):
    stranger = Visitor(accounts)
    stranger.submit("/forgot-password", {"email": EMAIL}, page="/forgot-password")
    mail_room.deliver()
    reset = f"/reset-password?token={token_in(mail_room.box.mails[-1])}"
    assert stranger.get(reset).status_code == 200
    ask_for_change(ada)
    ada.submit("/change-email", page=link_in_newest(mail_room))
    assert stranger.get(reset).status_code == 404


def test_a_new_address_is_written_to_three_times_an_hour(ada):
    for _ in range(3):
        assert ask_for_change(ada).status_code == 303
    assert ask_for_change(ada).status_code == 429


def list_entries(visitor):
    page = visitor.get("/account").text
    return [re.sub(r"\s+", " ", entry) for entry in page.split('<h3 id="session-')[1:]]


def test_the_sessions_are_listed_with_device_address_and_services(accounts, ada, clock):
    clock.tick(minutes=5)
    phone = Visitor(accounts, "203.0.113.9")
    phone.sign_in(headers={"User-Agent": PHONE})
    clock.tick(minutes=10)
    ada.authorize()
    first, second = list_entries(ada)
    assert "this browser" in first
    assert "Signed in to Notes" in first
    assert "last seen on" in first
    assert "1 January, 12:15 UTC" in first
    assert "Safari on iPhone" in second
    assert "203.0.113.9" in second
    assert "1 January 2026, 12:05 UTC" in second
    assert "Signed in to no service." in second
    assert "End session" in second
    assert "End session" not in first
    assert first.count("End this") == 1
    assert "End this" not in second


def test_a_user_agent_is_shown_as_a_name_of_ours_only(accounts, ada):
    hostile = Visitor(accounts)
    hostile.sign_in(headers={"User-Agent": "<script>alert(1)</script>"})
    entries = list_entries(ada)
    assert "<script>alert" not in "".join(entries)
    assert "Unknown browser" in entries[1]


def test_one_session_is_ended_and_the_others_go_on(accounts, ada):
    lost, kept = Visitor(accounts), Visitor(accounts)
    lost.sign_in(headers={"User-Agent": FIREFOX})
    kept.sign_in()
    (entry,) = [entry for entry in list_entries(ada) if "Firefox on Linux" in entry]
    sid = re.search(r'name="sid" value="([^"]+)"', entry)[1]
    answer = ada.submit("/account/sessions/end", {"sid": sid}, page="/account")
    assert answer.status_code == 303
    assert not lost.is_signed_in
    assert kept.is_signed_in
    assert ada.is_signed_in


def test_all_other_sessions_are_ended_at_once(accounts, ada):
    others = [Visitor(accounts) for _ in range(3)]
    for other in others:
        other.sign_in()
    ada.submit("/account/sessions/end-others", page="/account")
    assert not any(other.is_signed_in for other in others)
    assert ada.is_signed_in
    assert "End all other sessions" not in ada.get("/account").text


@pytest.mark.parametrize("sid", ["", "\0", "x" * 22, "' OR 1=1 --", b"\xed\xa0\x80", "x" * 9000])
def test_what_is_no_session_of_the_account_ends_nothing(accounts, ada, sid):
    assert (
        ada.submit("/account/sessions/end", {"sid": sid}, page="/account/name").status_code == 303
    )
    assert len(accounts.session_rows()) == 1


def test_nobody_ends_the_session_of_another_account(accounts, ada):
    accounts.create("eve@example.com")
    eve = Visitor(accounts)
    eve.sign_in("eve@example.com")
    (sid,) = [row.sid for row in accounts.session_rows() if row.subject == accounts.find().subject]
    eve.submit("/account/sessions/end", {"sid": sid}, page="/account/name")
    assert ada.is_signed_in


def close(visitor, password=PASSWORD):
    return visitor.submit("/account/delete", {"password": password}, page="/account/delete")


def test_a_deleted_account_is_gone_with_all_that_belongs_to_it(accounts, ada, mail_room):
    other = Visitor(accounts)
    other.sign_in()
    ada.authorize()
    answer = close(ada)
    assert "s1_session=" in answer.headers["Set-Cookie"], "replaced, for the pages of before"
    assert "Your account is deleted" in ada.get(answer.location).text
    assert user_rows(accounts) == []
    assert accounts.session_rows() == []
    assert not ada.is_signed_in
    assert not other.is_signed_in
    assert Visitor(accounts).sign_in().status_code == 403
    mail_room.deliver()
    assert mail_room.recipients() == [EMAIL]


def test_an_account_is_not_deleted_without_its_password(accounts, ada):
    assert close(ada, "a guess").status_code == 403
    assert ada.is_signed_in


def test_whoever_signs_up_again_is_somebody_else_for_services(accounts, ada):
    before = accounts.user_row().subject
    close(ada)
    accounts.create(EMAIL)
    assert accounts.user_row().subject != before


def test_password_managers_find_the_form_for_a_new_password(ada):
    answer = ada.get("/.well-known/change-password")
    assert (answer.status_code, answer.location) == (303, "/account/password")
    assert ada.get("/.well-known/resource-that-should-not-exist").status_code == 404


def test_each_form_with_a_password_says_whose_it_is(ada, accounts, mail_room):
    mail_room.enqueue(EmailKind.RESET_PASSWORD)
    mail_room.enqueue(EmailKind.CHANGE_EMAIL, NEW_EMAIL, subject=accounts.find().subject)
    mail_room.deliver()
    reset, change = (token_in(mail) for mail in mail_room.box.mails)
    pages = [
        *((ada, f"/account/{form}") for form in ("password", "email", "delete")),
        (Visitor(accounts), f"/reset-password?token={reset}"),
        (Visitor(accounts), f"/change-email?token={change}"),
    ]
    for visitor, path in pages:
        (field,) = re.findall(r'<input[^>]*autocomplete="username"[^>]*>', visitor.get(path).text)
        assert f'value="{EMAIL}"' in field
        assert "readonly" in field
