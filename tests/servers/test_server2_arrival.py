import pytest
from sqlalchemy import func, select, text

from server2.accounts import accounts
from server2.sessions import sessions
from tests.servers.notes_visitor import Visitor


def count(app, table):
    with app.extensions["database"].reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_who_arrives_is_signed_in_and_goes_on_to_the_page_they_wanted(visitor):
    answer = visitor.arrive(target="/notes?before=12")
    assert (answer.status_code, answer.location) == (303, "/notes?before=12")
    assert "Signed in as" in visitor.get("/notes").text


def test_a_deep_link_leads_through_the_sign_in_and_back(visitor):
    answer = visitor.get("/notes?before=7")
    assert answer.status_code == 303
    begun = visitor.get(answer.location)
    assert visitor.get(visitor.callback(begun)).location == "/notes?before=7"


def test_a_deep_link_that_is_no_plain_path_leads_to_the_default_page(visitor):
    begun = visitor.get("/sso/login?target_link_uri=//evil.example/notes")
    assert visitor.get(visitor.callback(begun)).location == "/notes"


@pytest.mark.parametrize(
    ("query", "kept"), [("filter[a]=b|c", "filter%5Ba%5D=b%7Cc"), ("q=%0A%E9", "q=%0A%E9")]
)
def test_a_deep_link_as_a_browser_sends_it_is_kept(visitor, query, kept):
    begun = visitor.get(visitor.get(f"/notes?{query}").location)
    assert visitor.get(visitor.callback(begun)).location == f"/notes?{kept}"


def test_the_same_person_keeps_one_account(visitor, another_visitor, notes_app):
    visitor.arrive(subject="ada")
    visitor.add_note("from the first browser")
    another_visitor.arrive(subject="ada")
    assert "from the first browser" in another_visitor.get("/notes").text
    assert count(notes_app, accounts) == 1


def test_an_equal_email_address_is_not_an_equal_person(visitor, another_visitor):
    visitor.arrive(subject="ada", email="ada@example.com")
    visitor.add_note("only for one of us")
    another_visitor.arrive(subject="somebody-else", email="ada@example.com")
    assert "only for one of us" not in another_visitor.get("/notes").text


def test_name_and_email_are_kept_as_last_told(visitor):
    visitor.arrive(name="Ada", email="ada@example.com")
    visitor.arrive(name="Ada Lovelace", email=None)
    page = visitor.get("/session").text
    assert "Ada Lovelace" in page
    assert "ada@example.com" in page


def test_another_person_arriving_in_the_same_browser_ends_the_session_that_was_there(
    visitor, notes_app
):
    visitor.arrive(subject="ada", name="Ada")
    of_ada = visitor.cookies()["s2_session"]
    visitor.arrive(subject="bob", name="Bob")
    assert "Bob" in visitor.get("/session").text
    assert count(notes_app, sessions) == 1
    visitor.client.set_cookie("s2_session", of_ada, domain="127.0.0.1")
    assert visitor.get("/session").status_code == 303


def test_the_session_of_another_browser_goes_on(visitor, another_visitor):
    visitor.arrive()
    another_visitor.arrive()
    assert visitor.get("/session").status_code == 200


def test_the_id_changes_with_every_arrival(visitor):
    visitor.arrive()
    before = visitor.cookies()["s2_session"]
    visitor.arrive()
    assert visitor.cookies()["s2_session"] != before


def test_an_id_planted_before_the_arrival_is_worth_nothing(visitor, another_visitor):
    visitor.get("/logout")
    another_visitor.arrive()
    planted = another_visitor.cookies()["s2_session"]
    another_visitor.submit("/logout")
    visitor.client.set_cookie("s2_session", planted, domain="127.0.0.1")
    visitor.arrive()
    another_visitor.client.set_cookie("s2_session", planted, domain="127.0.0.1")
    assert another_visitor.get("/session").status_code == 303


def test_landing_twice_with_one_token_goes_to_the_same_page_and_changes_nothing(visitor, notes_app):
    landing = visitor.callback(visitor.get("/sso/login?target_link_uri=/session"))
    visitor.get(landing)
    again = visitor.get(landing)
    assert (again.status_code, again.location) == (303, "/session")
    assert count(notes_app, sessions) == 1


def test_a_token_that_was_used_is_refused_in_another_browser(visitor, another_visitor):
    landing = visitor.callback(visitor.get("/sso/login"))
    visitor.get(landing)
    answer = another_visitor.get(landing)
    assert answer.status_code == 403
    assert "<title>You are not signed in · Notes</title>" in answer.text
    assert another_visitor.get("/session").status_code == 303


def test_with_a_strict_cookie_the_arrival_lands_on_a_page_that_goes_on_by_itself(
    build_notes, issuer_key_ring, clock
):
    strict = Visitor(build_notes(SERVER2_SESSION_SAMESITE="Strict"), issuer_key_ring, clock)
    answer = strict.arrive()
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/notes">' in answer.text
    (cookie,) = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("s2_session=")]
    assert "SameSite=Strict" in cookie


def test_account_and_session_are_written_together_or_not_at_all(visitor, notes_app):
    database = notes_app.extensions["database"]
    with database.writing() as connection:
        sessions.drop(connection)
    landing = visitor.callback(visitor.get("/sso/login"))
    assert visitor.get(landing).status_code == 503
    assert count(notes_app, accounts) == 0
    assert "s2_session" not in visitor.cookies()


@pytest.mark.parametrize("page", ["/notes", "/session", "/logout", "/"])
def test_a_signed_in_page_says_who_is_signed_in(visitor, page):
    visitor.arrive(name="Ada Lovelace")
    assert "Ada Lovelace" in visitor.get(page).text


# A row that refers to nothing, which SQLite notices when the transaction is committed.
FAIL_AT_COMMIT = """
CREATE TABLE lost (account INTEGER REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TRIGGER refer_to_nothing AFTER INSERT ON sessions BEGIN INSERT INTO lost VALUES (-1); END
"""


def run(app, *statements):
    with app.extensions["database"].writing() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_an_arrival_that_cannot_be_committed_leaves_nothing_behind(visitor, notes_app):
    run(notes_app, *FAIL_AT_COMMIT.split(";\n", 1))
    begun = visitor.get("/sso/login?target_link_uri=/notes")
    callback = visitor.callback(begun)
    answer = visitor.get(callback)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "s2_session" not in visitor.cookies()
    assert (count(notes_app, accounts), count(notes_app, sessions)) == (0, 0)
    run(notes_app, "DROP TRIGGER refer_to_nothing")
    assert visitor.get(callback).location == "/notes"
    assert visitor.is_signed_in()
