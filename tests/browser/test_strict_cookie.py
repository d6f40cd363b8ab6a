import pytest
from playwright.sync_api import expect

from tests.pair import running_pair


@pytest.fixture(scope="module")
def strict_form_post_pair(tmp_path_factory):
    settings = {"SERVER2_SESSION_SAMESITE": "Strict", "HANDOFF_RESPONSE_MODE": "form_post"}
    with running_pair(tmp_path_factory.mktemp("strict_form_post"), server2=settings) as pair:
        yield pair


@pytest.fixture(params=["strict_pair", "strict_form_post_pair"])
def pair(request):
    return request.getfixturevalue(request.param)


def test_the_session_is_there_on_arrival_and_when_the_page_is_loaded_again(tab):
    tab.arrive()
    expect(tab.page.get_by_label("New note")).to_be_visible()
    (session,) = [each for each in tab.context.cookies() if each["name"] == "s2_session"]
    assert session["sameSite"] == "Strict"
    tab.page.reload()
    expect(tab.page.get_by_label("New note")).to_be_visible()
    tab.write_note("Written with a strict cookie.")


def test_a_deep_link_is_reached_through_the_sign_in(tab):
    tab.page.goto(f"{tab.home2}session")
    tab.fill_in_sign_in()
    tab.page.wait_for_url(f"{tab.home2}session")
    tab.page.get_by_text("ada@example.com").first.wait_for()


def test_back_leads_to_server1_and_not_into_a_trap(tab):
    tab.arrive()
    tab.page.go_back()
    tab.page.wait_for_url(tab.home1)


def test_a_link_on_another_site_does_not_bring_the_session_along(tab):
    tab.arrive()
    tab.page.goto(tab.home1)
    with tab.page.expect_request(f"{tab.home2}session") as seen:
        tab.page.evaluate("(address) => { location.href = address }", f"{tab.home2}session")
    assert "s2_session" not in seen.value.all_headers().get("cookie", "")
    tab.page.wait_for_url(f"{tab.home2}session")
    tab.page.get_by_text("ada@example.com").first.wait_for()
