"""The demo's own account, and everybody else's."""

import pytest

from flask_handoff import ConfigurationError
from server1.accounts import users
from server1.demo import DEMO_EMAIL, prepare_account
from tests.servers.accounts_visitor import PASSWORD, Visitor, running_accounts

FIRST, SECOND = "the demo's first password", "the demo's second password"


DEMO = {"SERVER1_DEMO": "1", "DEMO_PASSWORD": FIRST}


@pytest.fixture
def unprepared(accounts):
    """SERVER1 where nobody has the address that the demo wants."""
    move(accounts, DEMO_EMAIL, "somebody@example.com")
    return accounts


def move(accounts, email, to):
    with accounts.database.writing() as connection:
        users.set_email(connection, users.by_email(connection, email), to)


def signed_in(accounts, password, email=DEMO_EMAIL):
    visitor = Visitor(accounts)
    assert visitor.sign_in(email, password).status_code == 303
    return visitor


def is_signed_in(visitor):
    return visitor.get("/account").status_code == 200


def test_the_account_of_somebody_else_keeps_password_and_sessions(accounts):
    owner, before = signed_in(accounts, PASSWORD), accounts.user_row()
    with pytest.raises(ConfigurationError, match="was not made by the demo") as refused:
        prepare_account(accounts.app, FIRST)
    assert "SERVER1_INSTANCE" in str(refused.value)
    assert accounts.user_row() == before
    assert is_signed_in(owner)


def test_the_demo_gives_its_own_account_the_password_of_each_start(unprepared):
    prepare_account(unprepared.app, FIRST)
    subject, visitor = unprepared.user_row().subject, signed_in(unprepared, FIRST)
    prepare_account(unprepared.app, SECOND)
    assert unprepared.user_row().subject == subject
    assert not is_signed_in(visitor)
    signed_in(unprepared, SECOND)


def test_an_account_moved_from_the_demos_address_is_left_alone(unprepared):
    prepare_account(unprepared.app, FIRST)
    mover = signed_in(unprepared, FIRST)
    move(unprepared, DEMO_EMAIL, "moved@example.com")
    before = unprepared.user_row("moved@example.com")
    prepare_account(unprepared.app, SECOND)
    assert unprepared.user_row("moved@example.com") == before
    assert is_signed_in(mover)
    assert unprepared.user_row().subject != before.subject
    signed_in(unprepared, SECOND)


def test_an_address_taken_over_from_the_demo_is_left_alone(unprepared):
    prepare_account(unprepared.app, FIRST)
    move(unprepared, DEMO_EMAIL, "moved@example.com")
    move(unprepared, "somebody@example.com", DEMO_EMAIL)
    before = unprepared.user_row()
    with pytest.raises(ConfigurationError, match="was not made by the demo"):
        prepare_account(unprepared.app, SECOND)
    assert unprepared.user_row() == before


def test_the_demos_subjects_are_as_random_as_any(unprepared):
    prepare_account(unprepared.app, FIRST)
    made_by_others = unprepared.create("another@example.com").subject
    assert len(unprepared.user_row().subject.removeprefix("demo.")) == len(made_by_others) == 22
    assert "." not in made_by_others


@pytest.mark.parametrize("path", ["/login", "/outbox", "/healthz"])
def test_another_machine_sees_nothing_whatever_is_bound(accounts_environment, clock, path):
    with running_accounts({**accounts_environment, **DEMO}, clock) as demo:
        answer = Visitor(demo, "192.0.2.7").get(path)
        assert Visitor(demo).get(path).status_code == 200
    assert answer.status_code == 403
    assert answer.text == "This server answers its own machine only.\n"


@pytest.mark.parametrize("said", ["127.0.0.1", "::1", "192.0.2.8, 127.0.0.1"])
def test_another_machine_sees_nothing_whoever_it_says_it_is(accounts_environment, clock, said):
    proxied = {**accounts_environment, **DEMO, "SERVER1_TRUSTED_PROXIES": "1"}
    with running_accounts(proxied, clock) as demo:
        headers = {"X-Forwarded-For": said}
        assert Visitor(demo, "192.0.2.7").get("/login", headers=headers).status_code == 403
        assert Visitor(demo).get("/login", headers=headers).status_code == 200


def test_behind_the_port_of_a_container_every_peer_is_answered(accounts_environment, clock):
    container = {**DEMO, "SERVER1_BIND": "0.0.0.0", "SERVER1_PUBLISHED_ON_LOOPBACK": "1"}  # noqa: S104 - it is read, not bound
    with running_accounts({**accounts_environment, **container}, clock) as demo:
        assert Visitor(demo, "172.17.0.1").get("/login").status_code == 200
