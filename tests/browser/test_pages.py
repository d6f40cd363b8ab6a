"""The pages of both servers: for everybody, on small screens, by day and by night."""

import re
import secrets
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.mailbox import link_in, wait_for_mail

LONG_WORD = "Donaudampfschiffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3


def welcome(tab):
    tab.page.goto(tab.home1)


def sign_in(tab):
    tab.page.goto(f"{tab.home1}login")


def sign_in_for_notes(tab):
    tab.page.goto(f"{tab.notes}?before=9")


def wrong_password(tab):
    sign_in_for_notes(tab)
    # Nobody's account, or those who follow would have to wait for Ada's.
    tab.fill_in_sign_in("not the password", email="nobody@example.com")
    tab.page.get_by_role("alert").wait_for()


def spoil_form(tab):
    for field in tab.page.locator("[name=csrf_token]").all():
        field.evaluate("(field) => { field.value = '' }")


def sign_in_form_too_old(tab):
    sign_in(tab)
    spoil_form(tab)
    tab.fill_in_sign_in()
    tab.page.get_by_role("alert").filter(has_text="This form is too old").wait_for()


def no_such_page_at_server1(tab):
    tab.page.goto(f"{tab.home1}nowhere")


def refused_request(tab):
    tab.page.goto(f"{tab.home1}authorize?client_id=nobody")


def too_late(tab):
    tab.page.goto(f"{tab.home1}authorize?continue=x")


def create_account(tab):
    tab.page.goto(f"{tab.home1}signup")


def create_account_refused(tab):
    create_account(tab)
    tab.page.get_by_label("E-mail address").fill(newcomer())
    tab.page.get_by_label("Name").fill(LONG_WORD[:100])
    tab.page.get_by_label("Password").fill("password1")
    tab.page.get_by_role("button", name="Create account").click()
    tab.page.get_by_role("alert").wait_for()


def create_account_sent(tab):
    tab.page.goto(f"{tab.home1}signup/sent?strength=fair")


def sign_up(tab):
    """Sign up, and return the address."""
    address = newcomer()
    create_account(tab)
    tab.page.get_by_label("E-mail address").fill(address)
    tab.page.get_by_label("Name").fill(LONG_WORD[:100])
    tab.page.get_by_label("Password").fill("lilac engine 49 quarry")
    tab.page.get_by_role("button", name="Create account").click()
    tab.page.get_by_role("heading", name="Check your inbox").wait_for()
    return address


def newcomer():
    return f"{secrets.token_hex(8)}@example.com"


def confirm_address(tab):
    tab.page.goto(link_in(wait_for_mail(tab.pair, sign_up(tab))))


def confirm_address_in_another_browser(tab):
    address = sign_up(tab)
    tab.context.clear_cookies()
    tab.page.goto(link_in(wait_for_mail(tab.pair, address)))
    tab.page.get_by_label("Your password").wait_for()


def not_mine(tab):
    confirm_address(tab)
    tab.page.goto(tab.page.url.replace("/verify-email?", "/verify-email/not-mine?"))


def send_again(tab):
    tab.page.goto(f"{tab.home1}verify-email/again")


def sent_again(tab):
    tab.page.goto(f"{tab.home1}verify-email/sent")


def confirmed(tab):
    tab.page.goto(f"{tab.home1}verify-email/done")


def disowned(tab):
    tab.page.goto(f"{tab.home1}verify-email/not-mine/done")


def forgot_password(tab):
    tab.page.goto(f"{tab.home1}forgot-password")


def forgot_sent(tab):
    tab.page.goto(f"{tab.home1}forgot-password/sent")


def ask_for_reset(tab, address):
    forgot_password(tab)
    tab.page.get_by_label("E-mail address").fill(address)
    tab.page.get_by_role("button", name="Send the mail").click()
    tab.page.get_by_role("heading", name="Check your inbox").wait_for()


def set_new_password(tab):
    address = sign_up(tab)
    ask_for_reset(tab, address)
    tab.page.goto(link_in(wait_for_mail(tab.pair, address, 2)))


def reset_done(tab):
    tab.page.goto(f"{tab.home1}reset-password/done")


def older_link(tab):
    address = sign_up(tab)
    for number in (2, 3):
        ask_for_reset(tab, address)
        wait_for_mail(tab.pair, address, number)
    tab.page.goto(link_in(wait_for_mail(tab.pair, address, 2)))


def outbox(tab):
    address = sign_up(tab)
    wait_for_mail(tab.pair, address)
    tab.page.goto(f"{tab.home1}outbox")
    mail = tab.page.get_by_role("listitem").filter(has_text=address)
    mail.wait_for()
    return mail


def mail_in_outbox(tab):
    outbox(tab).get_by_role("link").click()


def link_that_does_not_work(tab):
    tab.page.goto(f"{tab.home1}reset-password?token=x")


def deleted(tab):
    tab.page.goto(f"{tab.home1}account/deleted")


def front_page(tab):
    tab.page.goto(tab.home2)


def no_such_page_at_server2(tab):
    tab.page.goto(f"{tab.home2}nowhere")


def not_signed_in_after_all(tab):
    forged = f"id_token=a.b.c&state={'x' * 43}&iss={tab.pair.server1.base_url}"
    tab.page.goto(f"{tab.home2}sso/callback?{forged}")


def incomplete_callback(tab):
    tab.page.goto(f"{tab.home2}sso/callback")


def denied(tab):
    begun = tab.page.request.get(f"{tab.home2}sso/login", max_redirects=0)
    (state,) = parse_qs(urlsplit(begun.headers["location"]).query)["state"]
    told = urlencode({"error": "login_required", "state": state, "iss": tab.pair.server1.base_url})
    tab.page.goto(f"{tab.home2}sso/callback?{told}")


def not_confirmed(tab):
    tab.page.goto(f"{tab.home2}sso/login?prompt=none")


def signed_out_already(tab):
    tab.page.goto(f"{tab.home2}logout")


def unsaved_text(tab):
    tab.page.goto(tab.home2)
    tab.page.evaluate(
        """(text) => {
            const form = document.createElement("form");
            Object.assign(form, {method: "post", action: "/notes"});
            const field = document.createElement("input");
            form.append(Object.assign(field, {name: "text", value: text}));
            document.body.append(form);
            form.submit();
        }""",
        LONG_WORD,
    )
    tab.page.get_by_label("Your text, not saved yet").wait_for()


def home(tab):
    tab.page.goto(tab.home1)


def account(tab):
    tab.page.goto(f"{tab.home1}account?done=password")


def change_name(tab):
    tab.page.goto(f"{tab.home1}account/name")


def change_password(tab):
    tab.page.goto(f"{tab.home1}account/password")


def change_address(tab):
    tab.page.goto(f"{tab.home1}account/email")


def change_address_sent(tab):
    tab.page.goto(f"{tab.home1}account/email/sent")


def address_changed(tab):
    tab.page.goto(f"{tab.home1}change-email/done")


def delete_account(tab):
    tab.page.goto(f"{tab.home1}account/delete")


def sign_out_of_server1(tab):
    tab.page.goto(f"{tab.home1}logout")


def signed_out_of_server1(tab):
    tab.page.goto(f"{tab.home1}logout")


def notes(tab):
    tab.page.goto(tab.notes)


def no_older_notes(tab):
    tab.page.goto(f"{tab.notes}?before=1")


def empty_note(tab):
    tab.page.goto(tab.notes)
    tab.page.get_by_label("New note").fill("   ")
    tab.page.get_by_role("button", name="Add note").click()
    tab.page.get_by_role("alert").wait_for()


def note_form_too_old(tab):
    tab.page.goto(tab.notes)
    spoil_form(tab)
    tab.page.get_by_label("New note").fill(LONG_WORD)
    tab.page.get_by_role("button", name="Add note").click()
    tab.page.get_by_role("button", name="Save this note").wait_for()


def session(tab):
    tab.page.goto(f"{tab.home2}session")


def sign_out_of_server2(tab):
    tab.page.goto(f"{tab.home2}logout")


# Each with its heading, which tells that it is the page that is meant.
STRANGERS = {
    welcome: "One place for your password",
    sign_in: "Sign in",
    sign_in_for_notes: "Sign in",
    wrong_password: "Sign in",
    sign_in_form_too_old: "Sign in",
    no_such_page_at_server1: "There is no such page",
    refused_request: "This request cannot be answered",
    too_late: "Too late",
    create_account: "Create an account",
    create_account_refused: "Create an account",
    create_account_sent: "Check your inbox",
    confirm_address: "Confirm your address",
    confirm_address_in_another_browser: "Confirm your address",
    not_mine: "Delete this account?",
    send_again: "Send the mail again",
    sent_again: "Check your inbox",
    confirmed: "Your address is confirmed",
    disowned: "The account is deleted",
    forgot_password: "Forgot your password?",
    forgot_sent: "Check your inbox",
    set_new_password: "Set a new password",
    reset_done: "Your new password is set",
    older_link: "There is a newer link",
    link_that_does_not_work: "This link does not work",
    outbox: "Outbox",
    mail_in_outbox: re.compile("Confirm your e-mail address for localhost:[0-9]+"),
    deleted: "Your account is deleted",
    signed_out_of_server1: "You are signed out",
    front_page: "A quiet place for short notes",
    no_such_page_at_server2: "There is no such page",
    not_signed_in_after_all: "You are not signed in",
    incomplete_callback: "This request is not complete",
    denied: "You are not signed in here",
    not_confirmed: "You are signed out",
    signed_out_already: "You are signed out",
    unsaved_text: "You are signed out",
}
MEMBERS = {
    home: "Hello, Ada",
    account: "Your account",
    change_name: "Change your name",
    change_password: "Change your password",
    change_address: "Change your address",
    change_address_sent: "Check the inbox of your new address",
    address_changed: "Your address is changed",
    delete_account: "Delete your account",
    sign_out_of_server1: "Sign out?",
    front_page: "A quiet place for short notes",
    notes: "Your notes",
    no_older_notes: "Your notes",
    empty_note: "Your notes",
    note_form_too_old: "That page was too old",
    session: "Who you are here",
    sign_out_of_server2: "Sign out?",
}
PAGES = [
    pytest.param((who, page, heading), id=f"{who}-{page.__name__}")
    for who, pages in (("stranger", STRANGERS), ("member", MEMBERS))
    for page, heading in pages.items()
]


@pytest.fixture(scope="module")
def stranger(new_profile, query_pair):
    with new_profile(query_pair) as tab:
        yield tab


@pytest.fixture(scope="module")
def member(new_profile, query_pair):
    with new_profile(query_pair) as tab:
        tab.arrive()
        for text in (LONG_WORD, "<b>not bold</b>", "مرحبا بالعالم", "Ein\nMehrzeiler"):
            tab.write_note(text)
        yield tab


@pytest.fixture(scope="module", params=PAGES)
def tab(request):
    """A tab with the page open; opened once for all tests."""
    who, page, heading = request.param
    tab = request.getfixturevalue(who)
    set_screen(tab)
    page(tab)
    expect(tab.page.locator("h1")).to_have_text([heading])
    # What a click has led to may be there without its style sheet.
    tab.page.wait_for_load_state()
    return tab


def set_screen(tab, *, width=1000, color_scheme="light"):
    tab.page.set_viewport_size({"width": width, "height": 800})
    # A colour that is on its way to another one has no contrast of its own.
    tab.page.emulate_media(color_scheme=color_scheme, reduced_motion="reduce")


def test_everybody_can_use_the_page(tab):
    set_screen(tab)
    assert tab.violations() == []


def test_the_page_can_be_read_at_night(tab):
    set_screen(tab, color_scheme="dark")
    assert tab.violations(runOnly=["color-contrast"]) == []


@pytest.mark.parametrize("width", [390, 320])
def test_the_page_fits_a_small_screen(tab, width):
    set_screen(tab, width=width)
    assert not tab.scrolls_sideways()


def test_the_page_has_a_title_of_its_own(tab):
    assert re.fullmatch(".{4,} [\N{EN DASH}·] (?:SERVER1|Notes)", tab.page.title())


def test_times_are_told_in_the_readers_own_zone(new_person):
    tab = new_person(timezone_id="Asia/Tokyo", locale="en-GB")
    tab.arrive()
    tab.write_note("When was this?")
    written = tab.page.locator("time").first
    utc = written.get_attribute("datetime")
    hour = (int(utc[11:13]) + 9) % 24
    # The page's own script writes the time, a moment after the page has come.
    expect(written).to_contain_text(f"{hour:02}:{utc[14:16]} GMT+9")
    tab.page.goto(tab.home1)
    expect(tab.page.locator("time")).to_contain_text("GMT+9")
