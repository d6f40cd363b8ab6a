import re

import pytest
from sqlalchemy import text

from tests.servers.accounts_visitor import EMAIL, PASSWORD, Visitor


def test_a_user_is_created_with_the_password_from_standard_input(accounts):
    done = accounts.run(
        *("users", "create", "bob@example.com", "--name", "Bob", "--password-stdin"),
        input="\ufeffanother password\r\n",  # as Windows writes a line
    )
    assert done.output == "Created the account of bob@example.com.\n"
    assert Visitor(accounts).sign_in("bob@example.com", "another password").status_code == 303
    assert accounts.find("bob@example.com").name == "Bob"


def test_a_user_is_created_with_a_password_that_is_asked_for_twice(accounts):
    done = accounts.run(
        "users", "create", "bob@example.com", "--password-prompt", input=f"{PASSWORD}\n" * 2
    )
    assert PASSWORD not in done.output
    assert Visitor(accounts).sign_in("bob@example.com").status_code == 303


def test_a_user_is_created_with_a_random_password_that_is_printed(accounts):
    done = accounts.run("users", "create", "bob@example.com")
    password = re.search("^Password: (.{16})$", done.output, re.MULTILINE)[1]
    assert Visitor(accounts).sign_in("bob@example.com", password).status_code == 303
    assert accounts.find("bob@example.com").name == "bob"


def test_the_password_of_an_account_is_replaced(accounts):
    arguments = ("users", "create", EMAIL, "--replace-password", "--password-stdin")
    subject = accounts.find().subject
    done = accounts.run(*arguments, input="another password")
    assert done.output == f"The account of {EMAIL} has this password.\n"
    assert Visitor(accounts).sign_in().status_code == 403
    assert Visitor(accounts).sign_in(password="another password").status_code == 303
    assert accounts.find().subject == subject


def test_replacing_the_password_of_nobody_creates_them(accounts):
    accounts.run(
        *("users", "create", "bob@example.com", "--replace-password", "--password-stdin"),
        input=PASSWORD,
    )
    assert Visitor(accounts).sign_in("bob@example.com").status_code == 303


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (["users", "create", EMAIL], None, "There is an account for ada@example.com already."),
        (
            ["users", "create", "ADA@example.com"],
            None,
            "There is an account for ADA@example.com already.",
        ),
        (["users", "create", "ada"], None, "That is not an e-mail address"),
        (
            ["users", "create", "b@example.com", "--password-stdin"],
            b"short\n",
            "at least 8 characters.",
        ),
        (["users", "create", "b@example.com", "--password-stdin"], b"\xff" * 9, "is not UTF-8."),
        (
            ["users", "create", "b@example.com", "--password-stdin"],
            b"cobalt saddle 71 fern\ncobalt saddle 71 fern\n",
            "is more than one line.",
        ),
        (["users", "create", "b@example.com", "--password-stdin"], b"", "at least 8 characters."),
        (["users", "create", "b@example.com", "--name", ""], None, "A name has 1 to 100"),
        (["users", "create", "b@example.com", "--name", "a\nb"], None, "A name has 1 to 100"),
        (["users", "create", "b@example.com", "--name", "x" * 101], None, "A name has 1 to 100"),
        (
            ["users", "create", "b@example.com", "--password-stdin", "--password-prompt"],
            None,
            "Use one of",
        ),
        (["users", "disable", "b@example.com"], None, "There is no account for b@example.com."),
        (["users", "enable", "b@example.com"], None, "There is no account for b@example.com."),
        (["users", "create", "b"], None, "That is not an e-mail address"),
        (
            ["grants", "set", EMAIL, "nobody", "openid"],
            None,
            "There is no client of this name: 'nobody'.",
        ),
        (["clients", "disable", "\udcff"], None, "Give arguments in UTF-8; one of these is not."),
        (["grants", "set", "b@example.com", "server2", "openid"], None, "There is no account"),
        (["grants", "set", EMAIL, "server2"], None, "or --none."),
        (["grants", "set", EMAIL, "server2", "openid", "--none"], None, "or --none."),
        (["grants", "set", EMAIL, "server2", "two words"], None, "A scope value is"),
        (
            ["grants", "set", EMAIL, "server2", *(f"{n:064}" for n in range(20))],
            None,
            "at most 1000",
        ),
        (["grants", "clear", "b@example.com", "server2"], None, "There is no account"),
        (["grants", "clear", EMAIL, "nobody"], None, "There is no client of this name: 'nobody'."),
    ],
)
def test_a_command_that_cannot_be_done_says_why(accounts, arguments, stdin, sentence):
    result = accounts.try_to_run(*arguments, input=stdin)
    assert result.exit_code != 0
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_users_are_listed(accounts):
    accounts.create("zoe@example.com")
    accounts.disable("zoe@example.com")
    first, ada, zoe = accounts.run("users", "list").output.splitlines()
    assert first.split() == ["EMAIL", "NAME", "VERIFIED", "STATE", "CREATED"]
    assert ada.split() == [EMAIL, "Ada", "yes", "enabled", "2026-01-01", "12:00", "UTC"]
    assert "disabled" in zoe


def test_grants_are_listed_where_they_differ_from_the_default(accounts):
    accounts.run("grants", "set", EMAIL, "server2", "notes:read")
    accounts.create("zoe@example.com")
    accounts.run("grants", "set", "zoe@example.com", "server2", "--none")
    lines = accounts.run("grants", "list").output.splitlines()
    assert "what its API knows, and: email notes:read" in lines[0]
    assert lines[2].split() == [EMAIL, "server2", "notes:read", "openid"]
    assert lines[3].split() == ["zoe@example.com", "server2", "no", "access"]


@pytest.mark.parametrize(
    ("scope", "doubted"), [("notes:raed", True), ("notes:read", False), ("offline_access", False)]
)
def test_a_scope_that_no_api_knows_is_doubted(accounts, scope, doubted):
    done = accounts.run("grants", "set", EMAIL, "server2", "openid", scope)
    assert ("No API that is registered knows: notes:raed." in done.output) is doubted


def test_a_database_that_fails_is_said_in_a_sentence(accounts):
    with accounts.database.writing() as connection:
        connection.execute(text("DROP TABLE users"))
    result = accounts.try_to_run("users", "list")
    assert result.exit_code == 1
    assert result.output == "Error: The database failed (a table is missing: SQLITE_ERROR).\n"


def test_no_password_is_taken_from_the_command_line(accounts):
    assert "--password TEXT" not in accounts.run("users", "create", "--help").output
