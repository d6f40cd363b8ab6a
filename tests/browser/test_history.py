import time

import pytest

from tests.end_to_end.journey import Browser, fields_of


@pytest.fixture(scope="module")
def remembering_chromium(launch):
    """Keeps pages for the back button as people's browsers do; Playwright switches that off."""
    return launch(ignore_default_args=["--disable-back-forward-cache"])


@pytest.fixture
def tab(new_person, remembering_chromium):
    return new_person(remembering_chromium)


def sign_out_of_server1(tab):
    other = tab.another()
    other.page.goto(tab.home1)
    other.page.get_by_role("button", name="Sign out").click()
    other.page.get_by_role("link", name="Sign in").wait_for()
    other.page.close()


def sign_out_with_a_copy_of_the_cookies(tab):
    """End the session at SERVER2 so that this browser's own cookies stay as they are."""
    with Browser(tab.home1[:-1], tab.home2[:-1]) as copy:
        copy.take_cookies(
            {cookie["name"]: cookie["value"] for cookie in tab.context.cookies(tab.home2)}
        )
        page = copy.get(f"{copy.server2}/logout")
        assert copy.post(f"{copy.server2}/logout", fields_of(page)).status_code == 303


def go_to_session(tab):
    tab.page.get_by_role("link", name="Signed in as Ada").click()
    tab.page.wait_for_url(f"{tab.home2}session")


def shown(tab):
    return tab.page.locator("body").inner_text()


def test_signing_out_at_server1_signs_out_at_server2_as_well(tab):
    tab.arrive()
    sign_out_of_server1(tab)
    ends_at = time.monotonic() + 60
    while tab.page.url == tab.notes:
        assert time.monotonic() < ends_at, "the session at SERVER2 goes on"
        tab.page.reload()
    assert tab.page.url.startswith(f"{tab.home1}login?")


def test_what_becomes_of_the_services_is_said_before_the_sign_out(tab):
    tab.arrive()
    tab.page.goto(tab.home1)
    tab.page.get_by_text("This also signs you out of Notes.").wait_for()


def test_this_browser_does_keep_pages(tab):
    # Told by a cookie: a driver loses sight of a page that comes back without being loaded. Nothing
    # here depends on the script with which our own pages answer to that.
    tab.context.add_init_script(
        'addEventListener("pageshow", (event) => {'
        '  if (event.persisted) document.cookie = "kept=yes";'
        "})"
    )
    tab.arrive()
    go_to_session(tab)
    tab.page.evaluate("setTimeout(() => history.back())")
    ends_at = time.monotonic() + 60
    while "kept" not in {cookie["name"] for cookie in tab.context.cookies(tab.home2)}:
        assert time.monotonic() < ends_at, "the page before was loaded anew"
        time.sleep(0.05)


@pytest.mark.parametrize("script", [True, False])
def test_back_after_the_sign_out_shows_nothing_protected(new_person, remembering_chromium, script):
    tab = new_person(remembering_chromium, java_script_enabled=script)
    tab.arrive()
    tab.write_note(f"Only for those who are signed in, {script}.")
    tab.sign_out_of_notes()
    tab.page.go_back()
    tab.expect_heading("You are signed out here")  # the page that had asked
    tab.page.go_back()
    tab.page.wait_for_url(f"{tab.home1}login?*")
    assert "Only for those" not in shown(tab)


def test_back_after_the_session_ended_elsewhere_shows_nothing_protected(tab):
    tab.arrive()
    tab.write_note("Not while the session is over.")
    go_to_session(tab)
    sign_out_with_a_copy_of_the_cookies(tab)
    sign_out_of_server1(tab)
    tab.page.go_back()
    tab.page.wait_for_url(f"{tab.home1}login?*")
    assert "Not while" not in shown(tab)


def test_back_after_the_session_at_server1_ended_elsewhere_does_not_show_who_was_there(tab):
    tab.sign_in_at_server1()
    tab.page.goto(f"{tab.home1}nowhere")
    with Browser(tab.home1[:-1], tab.home2[:-1]) as copy:
        (held,) = tab.context.cookies(tab.home1)
        copy.http.cookies.set(held["name"], held["value"], path="/")
        fields = fields_of(copy.get(f"{copy.server1}/logout"))
        assert copy.post(f"{copy.server1}/logout", fields).status_code == 303
    tab.page.go_back()
    tab.page.get_by_role("heading", name="One place for your password").wait_for()
    assert "Hello, Ada" not in shown(tab)


def test_back_after_a_sign_out_in_another_tab_shows_nothing_protected(tab):
    tab.arrive()
    tab.write_note("Not for those who come later.")
    tab.page.goto(f"{tab.home2}favicon.ico")
    other = tab.another()
    other.page.goto(tab.notes)
    other.sign_out_of_notes()
    tab.page.go_back()
    tab.page.wait_for_url(f"{tab.home1}login?*")
    assert "Not for those" not in shown(tab)


def test_back_after_the_sign_out_at_server1_does_not_show_who_was_there(tab):
    tab.sign_in_at_server1()
    tab.page.get_by_role("button", name="Sign out").click()
    tab.page.get_by_role("link", name="Sign in").wait_for()
    tab.page.go_back()
    tab.page.get_by_label("Password").or_(
        tab.page.get_by_role("link", name="Sign in")
    ).first.wait_for()
    assert "Hello, Ada" not in shown(tab)


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def waiting_text(request, new_person, remembering_chromium):
    """A text on SERVER2's page "You are signed out", and the tab in which its writer is back."""
    script = request.param
    tab = new_person(remembering_chromium, java_script_enabled=script)
    tab.arrive()
    tab.page.get_by_label("New note").fill(f"Typed for a long time, {script}.")
    other = tab.another()
    other.page.goto(tab.notes)
    other.sign_out_of_notes()
    tab.page.get_by_role("button", name="Add note").click()
    tab.page.get_by_role("heading", name="You are signed out").wait_for()
    with tab.context.expect_page() as opened:
        tab.page.get_by_role("link", name="Sign in with SERVER1").click()
    other.page.close()
    again = tab.beside(opened.value)
    again.fill_in_sign_in()
    again.page.wait_for_url(tab.notes)
    return tab, script


def test_a_form_from_before_the_sign_out_keeps_its_text_until_one_is_back(waiting_text):
    tab, script = waiting_text
    save = tab.page.get_by_role("button", name="Save this note")
    if script:
        # The tab of the sign-in has told this one: one press is enough.
        told = tab.page.get_by_role("status")
        told.filter(has_text="You are signed in as Ada. Save your text now.").wait_for()
    else:
        save.click()
        tab.page.get_by_role("heading", name="That page was too old").wait_for()
    save.click()
    tab.page.get_by_role("listitem").filter(has_text=f"a long time, {script}.").wait_for()


def test_an_attempt_that_took_too_long_can_be_started_again(tab):
    begun_at = time.time()
    tab.page.goto(tab.notes)
    (attempt,) = [each for each in tab.context.cookies() if each["name"].startswith("s2_tx_")]
    assert begun_at + 599 < attempt["expires"] <= time.time() + 600
    tab.context.clear_cookies(name=attempt["name"])  # as the browser does by then
    tab.fill_in_sign_in()
    tab.page.get_by_role("heading", name="You are not signed in").wait_for()
    tab.page.get_by_role("link", name="Start again").click()
    tab.page.wait_for_url(tab.notes)
