import re

import pytest

from tests.servers.accounts_visitor import Visitor, running_accounts


def test_the_form_of_the_sign_in_page_leads_to_the_client_that_waits(accounts_environment, clock):
    settings = {**accounts_environment, "HANDOFF_CLIENTS": CLIENTS}
    with running_accounts(settings, clock) as accounts:
        visitor = Visitor(accounts)
        waits = visitor.authorize(client_id="a", redirect_uri="https://a.example/1").location
        for page, sources in (("/login", ""), (waits, " https://a.example https://b.example:8443")):
            for answer in (visitor.get(page), visitor.sign_in(password="wrong", page=page)):
                policy = answer.headers["Content-Security-Policy"]
                assert policy.endswith(f"form-action 'self'{sources}")


CLIENTS = """[
    {"client_id": "a", "name": "A", "initiate_login_uri": "https://login.example/",
     "redirect_uris": ["https://a.example/1", "https://a.example/2", "https://b.example:8443/"],
     "response_modes": ["query"]},
    {"client_id": "c", "name": "C", "initiate_login_uri": "https://login.example/",
     "redirect_uris": ["https://c.example/"]}
]"""


@pytest.mark.parametrize("path", ["/", "/login", "/logout", "/no-such-page"])
def test_no_page_holds_a_script_or_a_style_of_its_own(browser1, path):
    browser1.sign_in()
    page = browser1.get(path).text
    assert "<style" not in page
    assert " style=" not in page
    assert not re.search(r"\son\w+=", page)
    assert page.count("<script src=") == page.count("<script")
