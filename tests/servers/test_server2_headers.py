import re

import pytest


def test_the_headers_that_a_page_of_the_handoff_sets_are_left_alone(visitor):
    fields = {"id_token": "x", "state": "x" * 22, "iss": "http://localhost:5001"}
    repost = visitor.post("/sso/callback", fields)
    assert "nonce-" in repost.headers["Content-Security-Policy"]
    assert repost.headers["Referrer-Policy"] == "no-referrer"
    assert len(repost.headers.getlist("Content-Security-Policy")) == 1


@pytest.mark.parametrize("path", ["/", "/notes", "/session", "/logout"])
def test_no_page_holds_inline_script_or_style(visitor, path):
    visitor.arrive()
    visitor.add_note("something")
    page = visitor.get(path).text
    assert "<style" not in page
    assert " style=" not in page
    scripts = re.findall('<script src="/static/[a-z]+[.]js" defer></script>', page)
    assert page.count("<script") == len(scripts) == 2
