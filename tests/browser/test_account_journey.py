"""A new person's way: an account, a confirmed address, the notes, and a password that was lost."""

import secrets

import pytest
from playwright.sync_api import expect

from tests.browser.keyboard import fill_in, press
from tests.browser.mailbox import link_in, wait_for_mail

PASSWORD = "lilac engine 49 quarry"
NEW_PASSWORD = "quarry lilac 7 engine"


@pytest.fixture
def address():
    return f"bob-{secrets.token_hex(4)}@example.com"


def be_at(tab, heading):
    tab.page.get_by_role("heading", name=heading, level=1).wait_for()
    assert tab.violations() == []


def sign_up(tab, address):
    tab.page.goto(tab.home1)
    press(tab, "link", "Create an account")
    be_at(tab, "Create an account")
    fill_in(tab, "E-mail address", address)
    fill_in(tab, "Name", "Bob")
    fill_in(tab, "Password", PASSWORD)
    press(tab, "button", "Create account")
    be_at(tab, "Check your inbox")


def sign_in(tab, address, password):
    be_at(tab, "Sign in")
    fill_in(tab, "E-mail address", address)
    fill_in(tab, "Password", password)
    press(tab, "button", "Sign in")
    be_at(tab, "Hello, Bob")


def test_the_whole_way_can_be_gone_with_the_keyboard_alone(tab, new_person, address):
    sign_up(tab, address)
    press(tab, "link", "Sign in")
    sign_in(tab, address, PASSWORD)
    tab.page.get_by_role("heading", name="Confirm your e-mail address").wait_for()
    assert tab.page.get_by_role("link", name="Continue to Notes").count() == 0

    tab.page.goto(link_in(wait_for_mail(tab.pair, address)))
    be_at(tab, "Confirm your address")
    press(tab, "button", "Yes, confirm the address")
    be_at(tab, "Your address is confirmed")
    press(tab, "link", "Continue")
    be_at(tab, "Hello, Bob")
    press(tab, "link", "Continue to Notes")
    tab.page.wait_for_url(tab.notes)
    tab.write_note("Written by Bob.")

    phone = new_person()
    phone.page.goto(f"{phone.home1}login")
    press(phone, "link", "Forgot your password?")
    be_at(phone, "Forgot your password?")
    fill_in(phone, "E-mail address", address)
    press(phone, "button", "Send the mail")
    be_at(phone, "Check your inbox")
    phone.page.goto(link_in(wait_for_mail(phone.pair, address, 2)))
    be_at(phone, "Set a new password")
    fill_in(phone, "New password", NEW_PASSWORD)
    press(phone, "button", "Set password")
    be_at(phone, "Your new password is set")
    press(phone, "link", "Sign in")
    sign_in(phone, address, NEW_PASSWORD)

    tab.page.goto(tab.home1)
    be_at(tab, "One place for your password")
    wait_for_mail(tab.pair, address, 3)


def test_a_password_that_is_refused_is_said_and_the_rest_is_still_there(tab, address):
    tab.page.goto(f"{tab.home1}signup")
    tab.page.get_by_label("E-mail address").fill(address)
    tab.page.get_by_label("Name").fill("Bob")
    tab.page.get_by_label("Password").fill("password1")
    tab.page.get_by_role("button", name="Create account").click()
    tab.page.get_by_role("alert").filter(has_text="among the first that are guessed").wait_for()
    tab.expect_value("E-mail address", address)
    tab.expect_value("Name", "Bob")
    tab.expect_value("Password", "")
    assert tab.violations() == []


def test_what_was_typed_is_kept_from_the_next_person_at_this_browser(tab, address):
    tab.page.goto(f"{tab.home1}signup")
    tab.page.get_by_label("E-mail address").fill(address)
    tab.page.get_by_label("Name").fill("Bob")
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.page.get_by_role("button", name="Create account").click()
    be_at(tab, "Check your inbox")
    tab.page.goto(f"{tab.home1}signup")
    tab.expect_value("E-mail address", "")
    assert PASSWORD not in tab.page.evaluate("JSON.stringify({...sessionStorage})")


def test_a_link_opened_on_another_device_asks_for_the_password(tab, new_person, address):
    sign_up(tab, address)
    phone = new_person()
    phone.page.goto(link_in(wait_for_mail(tab.pair, address)))
    be_at(phone, "Confirm your address")
    fill_in(phone, "Your password", PASSWORD)
    press(phone, "button", "Yes, confirm the address")
    be_at(phone, "Hello, Bob")
    phone.page.get_by_role("link", name="Continue to Notes").wait_for()


def test_the_account_page_changes_everything_by_keyboard(tab, new_person, address):
    sign_up(tab, address)
    press(tab, "link", "Sign in")
    sign_in(tab, address, PASSWORD)
    other = new_person()
    other.page.goto(f"{other.home1}login")
    sign_in(other, address, PASSWORD)

    press(tab, "link", "Your account")
    be_at(tab, "Your account")
    press(tab, "button", "End session")
    tab.page.get_by_role("status").filter(has_text="That session has ended.").wait_for()
    other.page.reload()
    be_at(other, "One place for your password")

    press(tab, "link", "Change the name")
    be_at(tab, "Change your name")
    tab.page.get_by_label("Name").select_text()
    tab.page.keyboard.type("Robert")
    press(tab, "button", "Change name")
    be_at(tab, "Your account")
    expect(tab.page.get_by_role("main").get_by_text("Robert")).to_be_visible()

    press(tab, "link", "Change the password")
    be_at(tab, "Change your password")
    fill_in(tab, "Current password", PASSWORD)
    fill_in(tab, "New password", NEW_PASSWORD)
    press(tab, "button", "Change password")
    tab.page.get_by_role("status").filter(has_text="Your password is changed.").wait_for()

    new_address = f"new-{address}"
    press(tab, "link", "Change the e-mail address")
    be_at(tab, "Change your address")
    fill_in(tab, "New e-mail address", new_address)
    fill_in(tab, "Your password", NEW_PASSWORD)
    press(tab, "button", "Send the link")
    be_at(tab, "Check the inbox of your new address")
    tab.page.goto(link_in(wait_for_mail(tab.pair, new_address)))
    be_at(tab, "Confirm your new address")
    press(tab, "button", "Confirm the address")
    be_at(tab, "Your address is changed")
    press(tab, "link", "Your account")
    be_at(tab, "Your account")
    expect(tab.page.get_by_text(new_address)).to_be_visible()

    press(tab, "link", "Delete the account …")
    be_at(tab, "Delete your account")
    fill_in(tab, "Your password", NEW_PASSWORD)
    press(tab, "button", "Delete the account permanently")
    be_at(tab, "Your account is deleted")
    tab.page.goto(f"{tab.home1}account")
    be_at(tab, "Sign in")
    wait_for_mail(tab.pair, new_address, 2)


@pytest.mark.parametrize("path", ["/verify-email", "/reset-password", "/change-email"])
def test_a_link_that_does_not_work_says_what_to_do(tab, path):
    tab.page.goto(f"{tab.home1[:-1]}{path}?{'A' * 43}")
    be_at(tab, "This link does not work")


def test_whoever_tries_the_demo_finds_its_mails_with_the_keyboard_alone(tab, address):
    sign_up(tab, address)
    press(tab, "link", "outbox")
    be_at(tab, "Outbox")
    link = link_in(wait_for_mail(tab.pair, address))
    with tab.page.expect_navigation():  # to the same page, where the same links are
        press(tab, "link", "Refresh")
    subject = f"Confirm your e-mail address for {tab.pair.server1.host}"
    press(tab, "link", subject)
    be_at(tab, subject)
    press(tab, "link", link)
    be_at(tab, "Confirm your address")


def test_one_service_is_ended_on_a_page_for_everybody(tab):
    tab.arrive()
    tab.page.goto(f"{tab.home1}account")
    press(tab, "button", "End this")
    tab.page.get_by_role("status").filter(has_text="You stay signed in here.").wait_for()
    ended = tab.page.get_by_role("region", name="Ended lately").get_by_role("listitem").first
    expect(ended).to_contain_text("Notes")
    expect(ended).to_contain_text("You ended it on this page.")
    assert tab.violations() == []
    tab.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert tab.violations(runOnly=["color-contrast"]) == []
    tab.page.set_viewport_size({"width": 320, "height": 800})
    assert not tab.scrolls_sideways()
