import json

from itsdangerous import base64_decode


def test_signing_out_ends_the_session_and_leads_home(visitor):
    visitor.arrive()
    answer = visitor.submit("/logout")
    assert (answer.status_code, answer.location) == (303, "/")
    assert visitor.get("/session").status_code == 303


def test_a_stolen_cookie_is_dead_after_the_sign_out(visitor, another_visitor):
    visitor.arrive()
    stolen = visitor.cookies()["s2_session"]
    another_visitor.client.set_cookie("s2_session", stolen, domain="127.0.0.1")
    assert another_visitor.get("/session").status_code == 200
    visitor.submit("/logout")
    assert another_visitor.get("/session").status_code == 303


def test_signing_out_replaces_the_cookie_and_does_not_merely_delete_it(visitor):
    visitor.arrive()
    before = visitor.cookies()["s2_session"]
    (cookie,) = visitor.submit("/logout").headers.getlist("Set-Cookie")
    assert "Expires=" not in cookie
    assert "Max-Age=" not in cookie
    assert visitor.cookies()["s2_session"] not in {"", before}


def test_a_link_to_the_sign_out_only_asks(visitor):
    visitor.arrive()
    page = visitor.get("/logout")
    assert page.status_code == 200
    assert 'method="post" action="/logout"' in page.text
    assert visitor.get("/session").status_code == 200


def test_signing_out_twice_is_no_error(visitor):
    visitor.arrive()
    visitor.submit("/logout")
    assert "You are signed out" in visitor.get("/logout").text
    assert "<form" not in visitor.get("/logout").text


def test_signing_out_in_one_browser_leaves_the_other_signed_in(visitor, another_visitor):
    visitor.arrive()
    another_visitor.arrive()
    visitor.submit("/logout")
    assert another_visitor.get("/session").status_code == 200


def test_after_the_sign_out_the_cookie_holds_no_session_any_more(visitor):
    visitor.arrive()
    visitor.submit("/logout")
    held = json.loads(base64_decode(visitor.cookies()["s2_session"].split(".")[0]))
    assert held.keys() == {"csrf_token"}
