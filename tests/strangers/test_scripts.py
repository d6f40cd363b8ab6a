"""A script in a page, which asks SERVER1 from another origin: a real browser decides if it may."""

import pytest

from tests.chromium import PATIENCE
from tests.end_to_end.journey import EMAIL
from tests.pair import PASSWORD


@pytest.fixture
def page(chromium):
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def test_a_script_in_a_page_learns_who_signed_in(page, page_with_script):
    page.goto(page_with_script.base_url)
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Allow", exact=True).click()
    page.wait_for_function("document.querySelector('output')?.textContent")
    told = page.text_content("output")
    assert f'"name":"Ada","email":"{EMAIL}","email_verified":true' in told
