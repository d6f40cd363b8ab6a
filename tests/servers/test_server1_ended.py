"""What can act for an account, one service at a time; and what was ended lately, and why."""

import re

import pytest

from server1.accounts import links, users
from server1.accounts.ended import Ended
from server1.accounts.mail_links import Purpose
from server1.audit import EndReason, Event
from server1.pages.ended_words import REASONS, in_words
from tests.servers.accounts_visitor import EMAIL, PASSWORD, Visitor, user_rows
from tests.servers.audit_log import record, rows, writing
from tests.servers.test_server1_withdrawn_access import give_new_address
from tests.servers.told_services import Told, running_services

GRACE = "grace@example.com"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
BYE = "http://127.0.0.1:5002/server2/bye"


@pytest.fixture
def services(made_environment, clock):
    with running_services(made_environment, clock) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def services_on(request, made_environment, clock):
    settings = dict(made_environment)
    if request.param == "postgresql":
        settings["SERVER1_DATABASE_URL"] = request.getfixturevalue("server1_postgresql_url")
    with running_services(settings, clock) as running:
        yield running


def end_service(visitor, sid, client_id="server2", page="/account"):
    fields = {"sid": sid, "client_id": client_id}
    return visitor.submit("/account/services/end", fields, page=page)


def listed(visitor):
    """Return the list of what ended lately: of each what, its kind, why, and when."""
    page = visitor.get("/account").text
    entries = re.findall(r"<li>(.*?)</li>", page.partition('id="ended"')[2], re.DOTALL)
    texts = [re.sub(r"<[^>]+>", "\n", entry) for entry in entries]
    return [tuple(line.strip() for line in text.split("\n") if line.strip()) for text in texts]


# One service.


def test_one_session_ends_at_one_service_and_goes_on(services_on, clock):
    services, ada = services_on, services_on.accounts.find().subject
    other = services.visitor("server2")
    clock.tick(seconds=1)
    visitor = services.visitor("server2", "photos")
    sid = services.sid()
    done = end_service(visitor, sid)
    now = int(clock().timestamp())
    assert services.told() == [Told("server2", sid, ada, now, now + 1)]
    page = visitor.get(done.location).text
    assert "You stay signed in here." in page
    assert (page.count("Signed in to SERVER2"), page.count("Signed in to PHOTOS")) == (1, 1)
    assert other.is_signed_in
    clock.tick(seconds=1)
    services.enter(visitor)
    assert visitor.get("/account").text.count("Signed in to SERVER2") == 2


def test_what_has_ended_at_a_service_ends_once(services):
    visitor = services.visitor("server2")
    for _ in range(2):
        done = end_service(visitor, services.sid(), page="/account/name")
        assert done.status_code == 303
    assert len(services.waiting()) == 1
    assert len(rows(services.accounts, Event.CLIENT_SESSION_ENDED)) == 1


@pytest.mark.parametrize(
    ("sid", "client_id"), [("", ""), ("\0", "server2"), (None, "\0"), ("x" * 22, "server2")]
)
def test_what_is_no_session_at_a_service_ends_nothing(services, sid, client_id):
    visitor = services.visitor("server2")
    end_service(visitor, services.sid() if sid is None else sid, client_id)
    assert services.waiting() == []


def test_nobody_ends_a_service_of_another_account(services, clock):
    services.accounts.create(GRACE)
    grace = services.visitor(email=GRACE)
    clock.tick(seconds=1)
    services.visitor("server2")
    end_service(grace, services.sid(), page="/account/name")
    assert services.waiting() == []


# What was ended lately.


def end_it(services, _visitor, sid):
    services.visitor().submit("/account/sessions/end", {"sid": sid}, page="/account")


def sign_out_at_service(_services, visitor, sid):
    asked = f"client_id=server2&logout_hint={sid}&post_logout_redirect_uri={BYE}"
    assert visitor.get(f"/end-session?{asked}").location == BYE


def sign_in_as_grace(services, visitor, _sid):
    services.accounts.create(GRACE)
    visitor.sign_in(GRACE, page="/logout")


def change_password(_services, visitor, _sid):
    fields = {"password": PASSWORD, "new_password": "lilac engine 49 quarry"}
    visitor.submit("/account/password", fields, page="/account/password")
    fields = {"password": "lilac engine 49 quarry", "new_password": PASSWORD}
    visitor.submit("/account/password", fields, page="/account/password")


def confirm_address(services, _visitor, _sid):
    user = services.accounts.find()
    with writing(services.accounts) as connection:
        users.change(connection, user, email_verified=False)
        about = {"address": user.email, "browser_sha256": None, "now": services.clock()}
        token = links.make(connection, purpose=Purpose.VERIFY_EMAIL, user=user, **about)
    services.visitor().submit("/verify-email", page=f"/verify-email?token={token}")


def disable_and_enable(services, _visitor, _sid):
    services.accounts.disable()
    services.accounts.run("users", "enable", EMAIL)


BROWSER, SERVICE = ("Firefox on Linux", "browser"), ("SERVER2", "service")
ENDS = {
    "signed out": (
        lambda _services, visitor, _sid: visitor.sign_out(),
        (*BROWSER, "You signed out."),
    ),
    "signed out at the service": (
        sign_out_at_service,
        (*BROWSER, "You signed out everywhere, at SERVER2."),
    ),
    "another account": (
        sign_in_as_grace,
        (*BROWSER, "Another account signed in, in the same browser."),
    ),
    "session ended": (end_it, (*BROWSER, "You ended it on this page.")),
    "service ended": (
        lambda _services, *whose: end_service(*whose),
        (*SERVICE, "You ended it on this page."),
    ),
    "address confirmed": (confirm_address, (*BROWSER, "The e-mail address was confirmed.")),
    "new password": (change_password, (*SERVICE, "The password was changed.")),
    "new address": (
        lambda services, visitor, _sid: give_new_address(services, visitor),
        (*SERVICE, "The e-mail address was changed."),
    ),
    "less granted": (
        lambda services, _visitor, _sid: services.accounts.run(
            *("grants", "set", EMAIL, "server2", "profile")
        ),
        (*SERVICE, "An administrator changed what you may do there."),
    ),
    "account disabled": (
        disable_and_enable,
        (*BROWSER, "An administrator disabled the account."),
    ),
}


@pytest.mark.parametrize(("end", "words"), ENDS.values(), ids=ENDS)
def test_the_account_page_says_what_ended_and_why(services, end, words):
    visitor = Visitor(services.accounts)
    visitor.sign_in(headers={"User-Agent": FIREFOX})
    services.enter(visitor)
    subject = services.accounts.find().subject
    end(services, visitor, services.sid())
    (email,) = [row.email for row in user_rows(services.accounts) if row.subject == subject]
    assert listed(services.visitor(email=email))[0] == (*words, "1 January 2026, 12:00 UTC")


def test_ten_are_listed_of_thirty_days_the_newest_first(services, clock):
    def end():
        visitor = Visitor(services.accounts)
        visitor.sign_in(headers={"User-Agent": FIREFOX})
        visitor.sign_out()

    end()
    clock.tick(days=30)
    assert listed(services.visitor()) == []
    for _ in range(11):
        clock.tick(minutes=1)
        end()
    assert [entry[3] for entry in listed(services.visitor())] == [
        f"31 January 2026, 12:{minute:02} UTC" for minute in range(11, 1, -1)
    ]


def test_what_expired_or_is_of_others_is_not_listed(services, clock):
    services.accounts.create(GRACE)
    services.visitor("server2", email=GRACE).sign_out()
    services.visitor("server2")
    clock.tick(minutes=30)
    assert "Ended lately" not in services.visitor().get("/account").text


def test_an_alarm_stays_though_much_ended_after_it(services, clock):
    subject = services.accounts.find().subject
    about = {"subject": subject, "client_id": "photos", "reason": EndReason.TOKEN_REUSED}
    record(services.accounts, Event.REFRESH_TOKEN_REUSED, **about)
    for _ in range(10):
        clock.tick(seconds=1)
        services.visitor().sign_out()
    visitor = services.visitor()
    assert "The access of PHOTOS was ended on" in visitor.get("/account").text
    assert {entry[1] for entry in listed(visitor)} == {"browser"}
    clock.tick(days=14)
    assert 'role="alert"' not in services.visitor().get("/account").text


@pytest.mark.parametrize("reason", EndReason)
def test_every_reason_has_words(reason, clock):
    ended = Ended(Event.APP_ACCESS_ENDED, reason, clock(), "a-client", None)
    words = in_words(ended, {"a-client": "Name"})
    assert (words.what, words.kind) == ("Name", "app or device")
    assert words.why.startswith(REASONS[reason][:20])
