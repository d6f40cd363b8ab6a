import json
from urllib.parse import parse_qs

from itsdangerous import base64_decode

from tests.servers.notes_visitor import ISSUER

END_SESSION = f"{ISSUER}/end-session"


def sign_out(visitor, where="here"):
    return visitor.submit("/logout", {"where": where}, page="/logout")


def asked(answer):
    """Return what SERVER1 is asked for by the address to which an answer leads."""
    address, _, query = answer.location.partition("?")
    assert (answer.status_code, address) == (303, END_SESSION)
    return {name: one for name, (one,) in parse_qs(query).items()}


def test_signing_out_here_ends_the_session_and_says_what_does_not_end(visitor):
    visitor.arrive()
    answer = sign_out(visitor)
    assert (answer.status_code, answer.location) == (303, "/logout")
    assert visitor.get("/session").status_code == 303
    page = visitor.get("/logout").text
    assert "You are signed out here" in page
    assert "the next sign-in here may go\nwithout a password" in page
    assert f'href="{END_SESSION}?client_id=server2&amp;post_logout_redirect_uri=' in page


def test_signing_out_everywhere_ends_the_session_and_leads_to_server1(visitor):
    visitor.arrive(sid="a-sid-of-server1")
    before = asked(sign_out(visitor, "everywhere"))
    assert len(before.pop("state")) == 22
    assert before == {
        "client_id": "server2",
        "logout_hint": "a-sid-of-server1",
        "post_logout_redirect_uri": "http://127.0.0.1:5002/logout",
    }
    assert visitor.get("/session").status_code == 303


def test_only_who_comes_back_from_server1_is_told_that_all_has_ended(visitor, another_visitor):
    visitor.arrive()
    state = asked(sign_out(visitor, "everywhere"))["state"]
    everywhere = "You are signed out everywhere"
    for others in ("", "?state=", "?state=%C3%A4", f"?state={state[:-1]}"):
        assert everywhere not in visitor.get(f"/logout{others}").text
    assert everywhere in visitor.get(f"/logout?state={state}").text
    assert everywhere not in another_visitor.get(f"/logout?state={state}").text


def test_a_link_with_a_state_signs_nobody_out(visitor):
    visitor.arrive()
    assert "Sign out?" in visitor.get("/logout?state=x").text
    assert visitor.get("/session").status_code == 200


def test_without_a_session_server1_is_left_to_ask(visitor):
    visitor.arrive()
    token = visitor.csrf_token("/logout")
    visitor.log_out_at_server1(subject="ada")
    answer = visitor.post("/logout", {"csrf_token": token, "where": "everywhere"})
    assert "logout_hint" not in asked(answer)


def test_only_the_page_with_the_choice_may_lead_to_server1(visitor):
    visitor.arrive()
    for path, source in {"/logout": f"'self' {ISSUER}", "/notes": "'self'"}.items():
        policy = visitor.get(path).headers["Content-Security-Policy"]
        assert policy.endswith(f"form-action {source}")


def test_signing_out_everywhere_is_a_post_with_a_csrf_token(visitor):
    visitor.arrive()
    assert visitor.post("/logout", {"where": "everywhere"}).status_code == 403
    assert visitor.get("/logout?where=everywhere").status_code == 200
    assert visitor.get("/session").status_code == 200


def test_who_presses_twice_is_signed_out_at_server1_as_well(visitor):
    visitor.arrive()
    form = {"csrf_token": visitor.csrf_token("/logout"), "where": "everywhere"}
    first, second = visitor.post("/logout", form), visitor.post("/logout", form)
    assert (second.status_code, second.location) == (303, first.location)
    assert first.location.startswith(f"{ISSUER}/end-session?")


def test_a_new_arrival_forgets_the_sign_out_before(visitor):
    visitor.arrive()
    sign_out(visitor)
    visitor.arrive()
    visitor.log_out_at_server1(subject="ada")
    assert "There is no session of yours" in visitor.get("/logout").text


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
    other_tab = {"csrf_token": visitor.csrf_token("/logout")}
    visitor.submit("/logout")
    answer = visitor.post("/logout", other_tab)
    assert (answer.status_code, answer.location) == (303, "/logout")
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
    assert held.keys() == {"csrf_token", "signed_out"}
