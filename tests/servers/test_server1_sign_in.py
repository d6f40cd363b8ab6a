import re

import pytest

from tests.servers.accounts_visitor import (
    EMAIL,
    PASSWORD,
    Visitor,
    hidden_fields,
    problem,
    running_accounts,
)


def cookie_attributes(answer):
    (header,) = answer.headers.getlist("Set-Cookie")
    value, *attributes = header.split("; ")
    return value.partition("=")[0], set(attributes)


def test_the_right_password_signs_in_and_leads_home(browser1):
    answer = browser1.sign_in()
    assert (answer.status_code, answer.location) == (303, "/")
    assert browser1.is_signed_in


def test_the_address_counts_in_whatever_case_it_is_written(browser1):
    browser1.sign_in(" ADA@Example.COM ")
    assert browser1.is_signed_in


def test_a_wrong_password_signs_nobody_in(browser1):
    answer = browser1.sign_in(password="another password")
    assert answer.status_code == 403
    assert problem(answer) == "Wrong e-mail address or password."
    assert not browser1.is_signed_in


@pytest.mark.parametrize("fields", [{"email": ""}, {"password": ""}, {"email": "", "password": ""}])
def test_an_empty_field_is_asked_for(browser1, fields):
    answer = browser1.submit("/login", {"email": EMAIL, "password": PASSWORD, **fields})
    assert answer.status_code == 400
    assert problem(answer) == "Enter your e-mail address and your password."


def test_a_password_of_1024_bytes_is_compared_and_one_of_1025_is_not(accounts, browser1):
    accounts.create("long@example.com", "é" * 512)
    assert browser1.sign_in("long@example.com", "é" * 512).status_code == 303
    answer = Visitor(accounts).sign_in("long@example.com", "é" * 512 + "x")
    assert answer.status_code == 400
    assert problem(answer) == "A password has at most 1024 bytes."


def test_no_character_of_a_password_is_ignored(accounts):
    accounts.create("long@example.com", "x" * 73)
    assert Visitor(accounts).sign_in("long@example.com", "x" * 72).status_code == 403
    assert Visitor(accounts).sign_in("long@example.com", "x" * 72 + "y").status_code == 403
    assert Visitor(accounts).sign_in("long@example.com", "x" * 73 + "\0").status_code == 403
    assert Visitor(accounts).sign_in("long@example.com", "x" * 73).status_code == 303


def test_each_sign_in_has_a_new_identifier_and_the_one_before_is_dead(accounts, browser1, clock):
    browser1.sign_in()
    clock.tick(hours=11)
    (first,), first_cookie = accounts.session_rows(), browser1.cookie
    browser1.sign_in(page=continue_page(browser1, prompt="login"))
    (second,) = accounts.session_rows()
    assert first.id_sha256 != second.id_sha256
    browser1.cookie = first_cookie
    assert not browser1.is_signed_in


def test_who_proves_again_who_they_are_stays_in_the_session_that_services_know(
    accounts, browser1, clock
):
    browser1.sign_in()
    (first,) = accounts.session_rows()
    clock.tick(minutes=29)
    browser1.sign_in(page=continue_page(browser1, prompt="login"))
    (second,) = accounts.session_rows()
    assert first.sid == second.sid
    assert second.auth_time == second.last_seen_at == clock()


def test_somebody_else_in_the_same_browser_has_a_session_of_their_own(accounts, browser1, clock):
    accounts.create("grace@example.com")
    browser1.sign_in()
    clock.tick(seconds=1)
    (first,) = accounts.session_rows()
    browser1.sign_in("grace@example.com", page=continue_page(browser1, prompt="login"))
    (second,) = accounts.session_rows()
    assert first.sid != second.sid
    assert first.id_sha256 != second.id_sha256


def test_a_planted_cookie_is_not_signed_in_afterwards(accounts, browser1):
    attacker = Visitor(accounts)
    attacker.get("/login")
    browser1.cookie = attacker.cookie
    browser1.sign_in()
    assert browser1.is_signed_in
    assert not attacker.is_signed_in


def test_the_csrf_value_changes_with_the_session(browser1):
    before = re.search(r'name="csrf_token" value="([^"]+)"', browser1.get("/login").text)[1]
    browser1.sign_in()
    assert browser1.post("/logout", {"csrf_token": before}).status_code == 403


def test_the_cookie_is_kept_from_scripts_and_other_sites(browser1):
    name, attributes = cookie_attributes(browser1.sign_in())
    assert name == "s1_session"
    assert attributes == {"HttpOnly", "Path=/", "SameSite=Lax"}


def test_over_https_the_cookie_is_bound_to_the_host(accounts_environment, clock):
    settings = {
        **accounts_environment,
        "HANDOFF_ISSUER": "https://accounts.example.com",
        "SERVER1_ARGON2_MEMORY_KIB": "19456",
    }
    with running_accounts(settings, clock) as accounts:
        name, attributes = cookie_attributes(Visitor(accounts).get("/login"))
    assert name == "__Host-s1_session"
    assert attributes == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}


def test_the_cookie_holds_the_identifier_and_the_csrf_value_only(accounts, browser1):
    browser1.sign_in()
    serializer = accounts.app.session_interface.signer
    assert serializer.loads(browser1.cookie).keys() == {"id", "csrf_token"}


def test_the_database_holds_no_session_identifier(accounts, browser1):
    browser1.sign_in()
    serializer = accounts.app.session_interface.signer
    session_id = serializer.loads(browser1.cookie)["id"]
    (row,) = accounts.session_rows()
    assert session_id not in [str(value) for value in row]
    assert len({session_id, row.id_sha256, row.sid}) == 3


def test_the_session_notes_the_browser(accounts):
    visitor = Visitor(accounts, "203.0.113.7")
    visitor.sign_in(headers={"User-Agent": "Lynx\x1b[31m\x07 " + "x" * 500})
    (row,) = accounts.session_rows()
    assert row.address == "203.0.113.7"
    assert row.user_agent.startswith("Lynx[31m xxx")
    assert len(row.user_agent) == 200


def test_whoever_is_signed_in_is_led_home_from_the_sign_in_page(browser1):
    browser1.sign_in()
    answer = browser1.get("/login")
    assert (answer.status_code, answer.location) == (303, "/")


def continue_page(visitor, **parameters):
    """Ask for a handoff that needs a sign-in, and return the address of the sign-in page."""
    answer = visitor.authorize(**parameters)
    assert answer.status_code == 303
    assert answer.location.startswith("/login?continue=")
    return answer.location


def test_the_sign_in_page_names_the_client_that_asked(browser1):
    page = browser1.get(continue_page(browser1)).text
    assert "to continue to <strong>Notes</strong>" in page


def test_the_sign_in_page_is_shown_again_when_the_client_wants_a_fresh_sign_in(browser1, clock):
    browser1.sign_in()
    clock.tick(seconds=1)
    assert browser1.get(continue_page(browser1, prompt="login")).status_code == 200


def test_the_sign_in_page_is_filled_with_the_hint(browser1):
    page = browser1.get(continue_page(browser1, login_hint='"><b>@example.com')).text
    assert 'value="&#34;&gt;&lt;b&gt;@example.com"' in page


def test_signing_in_continues_to_the_client(browser1):
    answer = browser1.sign_in(page=continue_page(browser1))
    assert answer.location.startswith("/authorize?continue=")
    landing = browser1.get(answer.location)
    assert landing.status_code == 303
    assert landing.location.startswith("http://127.0.0.1:5002/sso/callback?id_token=")


def test_signing_in_continues_also_after_a_wrong_password(browser1):
    page = continue_page(browser1)
    failed = browser1.sign_in(page=page, password="another password")
    carried = re.search(r'name="continue" value="([^"]+)"', failed.text)[1]
    assert page.endswith(carried)


def test_a_sign_in_page_that_is_too_old_still_leads_on(browser1, clock):
    page = continue_page(browser1, target_link_uri="/session")
    clock.tick(minutes=11)
    assert "to continue to <strong>Notes</strong>" in browser1.get(page).text
    for answer in (browser1.sign_in(page=page), browser1.get(page)):  # and loaded once more
        late = browser1.get(answer.location)
        assert late.status_code == 400
        assert "Continue to Notes" in late.text
        assert "target_link_uri=%2Fsession" in late.text


def test_a_second_tab_goes_on_to_its_client_when_the_first_has_signed_in(browser1):
    state = "of-the-second-tab-0123"
    first, second = continue_page(browser1), continue_page(browser1, state=state)
    form = hidden_fields(browser1.get(second).text)
    browser1.sign_in(page=first)
    answer = browser1.post("/login", {**form, "email": EMAIL, "password": "whatever it is"})
    landing = browser1.get(answer.location)
    assert landing.location.startswith("http://127.0.0.1:5002/sso/callback?id_token=")
    assert landing.location.endswith(f"&state={state}")


def test_a_waiting_handoff_does_not_make_a_foreign_form_good(browser1):
    form = hidden_fields(browser1.get(continue_page(browser1)).text)
    form["csrf_token"] = "foreign"
    answer = browser1.post("/login", {**form, "email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 403
    assert not browser1.is_signed_in


@pytest.mark.parametrize("carried", ["https://example.com/", "//example.com", "x" * 9000, "\r\n"])
def test_nothing_but_a_request_carried_by_us_is_continued(browser1, carried):
    page = browser1.get("/login", query_string={"continue": carried}).text
    assert 'name="continue"' not in page
    answer = browser1.submit("/login", {"email": EMAIL, "password": PASSWORD, "continue": carried})
    assert answer.status_code == 303
    assert answer.location.startswith("/authorize?continue=")
    assert browser1.get(answer.location).status_code == 400


def test_the_demo_shows_its_password_and_others_do_not(accounts_environment, accounts, clock):
    assert "This is a demo" not in Visitor(accounts).get("/login").text
    demo = {**accounts_environment, "SERVER1_DEMO": "1", "DEMO_PASSWORD": "correct horse"}
    with running_accounts(
        demo | {"SERVER1_INSTANCE": demo["SERVER1_INSTANCE"] + "d"}, clock
    ) as one:
        page = Visitor(one).get("/login").text
    assert "This is a demo" in page
    assert "correct horse" in page


def test_without_demo_mode_no_password_is_shown(accounts_environment, clock):
    with running_accounts({**accounts_environment, "DEMO_PASSWORD": "correct horse"}, clock) as one:
        page = Visitor(one).get("/login").text
    assert "This is a demo" not in page
    assert "correct horse" not in page


@pytest.mark.parametrize("blank", ["\t", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u202c"])
def test_blanks_around_an_address_do_no_harm_on_any_form(accounts, blank):
    address = f"{blank}{EMAIL}{blank}"
    for page in ("/forgot-password", "/verify-email/again"):
        answer = Visitor(accounts).submit(page, {"email": address}, page=page)
        assert answer.status_code == 303
    fields = {"email": address, "name": "Ada", "password": "lilac engine 49 quarry"}
    assert Visitor(accounts).submit("/signup", fields, page="/signup").status_code == 303
    visitor = Visitor(accounts)
    assert visitor.sign_in(address).status_code == 303
    change = {"email": f"{blank}new@example.com", "password": PASSWORD}
    assert visitor.submit("/account/email", change, page="/account/email").status_code == 303
