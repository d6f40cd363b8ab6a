import pytest


@pytest.fixture
def tab(new_person):
    return new_person(java_script_enabled=False)


@pytest.fixture(params=["query_pair", "form_post_pair", "strict_pair"])
def pair(request):
    return request.getfixturevalue(request.param)


def test_the_journey_works_without_javascript(tab, pair):
    tab.sign_in_at_server1()
    tab.start()
    if "form_post" in pair.server2.environment.values():
        # SERVER1's page, then SERVER2's, each with a button beside its script.
        for path in ("/authorize?", "/sso/callback"):
            tab.page.wait_for_url(f"**{path}*")
            step = tab.page.get_by_role("main")
            step.get_by_role("heading", name="One moment", level=1).wait_for()
            step.get_by_role("button", name="Continue").click()
    tab.page.wait_for_url(tab.notes)
    tab.write_note("Written without a script.")
    tab.sign_out_of_notes()


def test_the_answer_to_a_wrong_password_works_without_javascript(tab):
    tab.page.goto(tab.notes)
    tab.fill_in_sign_in("not the password")
    tab.page.get_by_role("alert").wait_for()
