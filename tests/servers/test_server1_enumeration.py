import re

import pytest

from tests.servers import statements
from tests.servers.accounts_visitor import EMAIL, PASSWORD, Visitor, running_accounts
from tests.stopwatch import ratio_of_quickest

NOBODY = "bob@example.com"
DISABLED = "eve@example.com"
UNVERIFIED = "new@example.com"


@pytest.fixture
def accounts(accounts):
    accounts.create(DISABLED)
    accounts.disable(DISABLED)
    return accounts


def attempt(accounts, email, password):
    answer = Visitor(accounts).sign_in(email, password)
    body = re.sub(r'(name="csrf_token" value=")[^"]+', r"\1", answer.text)
    headers = {name: value for name, value in answer.headers if name != "Set-Cookie"}
    return answer.status_code, headers, body


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (NOBODY, "a wrong password"),
        (DISABLED, "a wrong password"),
        (DISABLED, PASSWORD),
        ("not an address", "a wrong password"),
        ("nul\0@example.com", "a wrong password"),
        ("\u212ada@example.com", "a wrong password"),
        ("x" * 5000 + "@example.com", "a wrong password"),
        (f"{EMAIL}, {NOBODY}", "a wrong password"),
    ],
)
def test_the_answer_does_not_tell_whether_there_is_an_account(accounts, email, password):
    assert attempt(accounts, email, password) == attempt(accounts, EMAIL, "a wrong password")


def test_throttling_does_not_tell_whether_there_is_an_account(accounts):
    for _ in range(5):
        attempt(accounts, EMAIL, "a wrong password")
        attempt(accounts, NOBODY, "a wrong password")
    known = attempt(accounts, EMAIL, "a wrong password")
    assert known[0] == 429
    assert known == attempt(accounts, NOBODY, "a wrong password")


FORMS = {
    "/signup": {"name": "Ada", "password": "lilac engine 49 quarry"},
    "/forgot-password": {},
    "/verify-email/again": {},
}


def answers(accounts, path, email):
    """Send a form in a browser of its own, and follow it; return all that its owner sees."""
    visitor = Visitor(accounts)
    answer = visitor.submit(path, {**FORMS[path], "email": email}, page=path)
    pages = [answer] if answer.location is None else [answer, visitor.get(answer.location)]
    return [(page.status_code, without_cookie(page), without_token(page)) for page in pages]


def without_cookie(answer):
    return {name: value for name, value in answer.headers if name != "Set-Cookie"}


def without_token(answer):
    return re.sub(r'(name="csrf_token" value=")[^"]+', r"\1", answer.text)


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("known", [EMAIL, DISABLED, UNVERIFIED])
def test_no_form_tells_whether_there_is_an_account(accounts, path, known):
    accounts.run("users", "create", UNVERIFIED, "--unverified", "--password-stdin", input=PASSWORD)
    for _ in range(5):  # the last of them may be refused, and then in the same way
        assert answers(accounts, path, known) == answers(accounts, path, NOBODY)


@pytest.mark.parametrize("path", ["/forgot-password", "/verify-email/again"])
def test_a_form_that_sends_mail_asks_the_database_the_same_for_everybody(accounts, path):
    def asked(email):
        with statements.noted(accounts.database) as noted:
            answers(accounts, path, email)
        return noted

    assert asked(EMAIL) == asked(NOBODY) == asked(DISABLED) != []


def test_the_time_does_not_tell_whether_there_is_an_account(accounts_environment, clock):
    dear = {"SERVER1_ARGON2_MEMORY_KIB": "16384"}
    with running_accounts({**accounts_environment, **dear}, clock) as accounts:

        def sign_in_as(email):
            def sign_in():
                clock.tick(minutes=1)
                assert Visitor(accounts).sign_in(email, "a wrong password").status_code == 403

            return sign_in

        ratio = ratio_of_quickest(sign_in_as(NOBODY), sign_in_as(EMAIL), tries=15)
    # Without a hash to compare with, the unknown one takes a fifth.
    assert ratio == pytest.approx(1, rel=0.4)
