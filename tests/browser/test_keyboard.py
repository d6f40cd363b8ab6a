from playwright.sync_api import expect

from tests.browser.keyboard import press_tab_until


def test_the_whole_journey_can_be_made_with_the_keyboard_alone(tab):
    keyboard = tab.page.keyboard
    tab.page.goto(tab.home1)
    press_tab_until(tab, "link", "Sign in")
    keyboard.press("Enter")
    press_tab_until(tab, "textbox", "E-mail address")
    keyboard.type("ada@example.com")
    press_tab_until(tab, "textbox", "Password")
    keyboard.type(tab.pair.password)
    keyboard.press("Enter")
    press_tab_until(tab, "link", "Continue to Notes")
    keyboard.press("Enter")
    tab.page.wait_for_url(tab.notes)
    press_tab_until(tab, "textbox", "New note")
    keyboard.type("Written by keyboard.")
    press_tab_until(tab, "button", "Add note")
    keyboard.press("Enter")
    tab.page.get_by_role("listitem").filter(has_text="Written by keyboard.").wait_for()
    tab.page.goto(tab.notes)
    press_tab_until(tab, "link", "Sign out")
    keyboard.press("Enter")
    press_tab_until(tab, "button", "Sign out everywhere")
    keyboard.press("Space")
    tab.expect_heading("You are signed out everywhere")


def test_the_first_tab_leads_past_the_navigation(tab):
    for home in (tab.home1, tab.home2):
        tab.page.goto(home)
        tab.page.keyboard.press("Tab")
        link = tab.page.get_by_role("link", name="Skip to the content")
        expect(link).to_be_focused()
        assert link.bounding_box()["y"] >= 0
        tab.page.keyboard.press("Enter")
        expect(tab.page).to_have_url(home + link.get_attribute("href"))
