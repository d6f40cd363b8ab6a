"""Access tokens that end before their time, at a service of each strategy."""

from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import create_engine

from flask_handoff import HandoffAPI, MemoryReplayStore
from flask_handoff.api.revocation import Allowlist, RevocationCopy
from flask_handoff.errors import (
    ConfigurationError,
    IntrospectionUnavailableError,
    TokenRevokedError,
)
from flask_handoff.stores import MemoryRevocationList
from flask_handoff.stores.sql import SQLRevocationList
from tests.library.revocation_service import Service

STRATEGIES = ["valid-after", "blocklist"]


@pytest.fixture
def build(key_ring, clock):
    def build_service(strategy="blocklist", entries=None, **settings):
        return Service(key_ring, clock, entries, HANDOFF_REVOCATION=strategy, **settings)

    return build_service


@pytest.fixture(params=STRATEGIES)
def service(request, build):
    return build(request.param)


OTHERS = {
    "session_id": {"session_id": "another"},
    "subject": {"subject": "bob"},
    "client_id": {"client_id": "writer"},
    "family_id": {"jwt_id": "g" * 43},
}


@pytest.mark.parametrize(
    "named",
    [{"session_id": "s"}, {"subject": "ada"}, {"client_id": "reader"}, {"family_id": "j" * 24}],
    ids=str,
)
def test_a_cut_ends_what_it_names_and_nothing_else(service, named):
    [name] = named
    token, other = service.mint(), service.mint(**OTHERS[name])
    assert service.call(token) == 200
    assert service.revoke(service.cut(**named)) == 202
    assert (service.call(token), service.call(other)) == (401, 200)


def test_everything_ends_at_once(service):
    tokens = [service.mint(), service.mint(subject="bob", session_id=None, client_id="c")]
    assert service.revoke(service.cut()) == 202
    assert [service.call(token) for token in tokens] == [401, 401]


def test_what_was_minted_from_the_date_on_lives(service, clock):
    dead = service.mint()
    service.revoke(service.cut(subject="ada"))
    clock.tick(seconds=1)
    assert (service.call(dead), service.call(service.mint())) == (401, 200)


def test_of_two_cuts_the_later_one_counts_whichever_comes_first(service, clock):
    late, early = service.cut(subject="ada", ahead=5), service.cut(subject="ada", ahead=1)
    clock.tick(seconds=2)
    token = service.mint()
    for notice in (late, early):
        service.revoke(notice)
    assert service.call(token) == 401


def test_a_blocklist_ends_one_token_and_no_other(build):
    service = build("blocklist")
    token, other = service.mint(), service.mint(jwt_id="k" * 43)
    assert service.revoke(service.token_notice()) == 202
    assert (service.call(token), service.call(other)) == (401, 200)


def test_a_date_cannot_end_one_token_and_says_so(build, caplog):
    service = build("valid-after")
    assert service.revoke(service.token_notice()) == 400
    assert "code=revocation_unsupported" in caplog.text
    assert service.call(service.mint()) == 200


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_restart_forgets_nothing(build, strategy, database, tmp_path, request):
    url = f"sqlite:///{tmp_path / 'revocations.sqlite3'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    engine = create_engine(url)
    entries = SQLRevocationList(engine)
    entries.create_tables()
    service = build(strategy, entries)
    token = service.mint()
    service.revoke(service.cut(session_id="s"))
    assert build(strategy, SQLRevocationList(engine)).call(token) == 401
    engine.dispose()


def test_a_list_that_fails_lets_nobody_in(build, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'revocations.sqlite3'}")
    service = build("blocklist", SQLRevocationList(engine))  # it has no table
    assert service.call(service.mint()) == 503
    assert service.revoke(service.cut()) == 503
    engine.dispose()


def test_without_a_strategy_a_token_lives_its_ten_minutes(build):
    service = build("none")
    token = service.mint()
    assert service.revoke(service.cut()) == 404
    assert service.call(token) == 200


class Issuer:
    """What ``/introspect`` would say, and how often it was asked."""

    active = True
    asked = 0

    def __call__(self, token):
        self.asked += 1
        if self.active is None:
            raise IntrospectionUnavailableError("no answer")
        return self.active


@pytest.fixture
def listed(clock):
    """An allowlist of one process, and others that share its list."""
    issuer, entries = Issuer(), MemoryRevocationList()

    def build_list():
        time = SimpleNamespace(now=0.0)
        copy = RevocationCopy(entries, "i", clock=clock, monotonic=lambda: time.now)
        return SimpleNamespace(issuer=issuer, time=time, copy=copy, allows=Allowlist(copy, issuer))

    return build_list


def claims(clock, jwt_id="j" * 43):
    return SimpleNamespace(
        subject="ada", client_id="reader", session_id="s", jwt_id=jwt_id, issued_at=clock()
    )


def test_an_allowlist_asks_the_issuer_once_for_all_processes(listed, clock):
    one, another = listed(), listed()
    for each in (one, one, another):
        each.allows.check_not_revoked(claims(clock), "token")
    assert one.issuer.asked == 1


def test_an_allowlist_asks_again_when_a_minute_has_passed(listed, clock):
    one = listed()
    one.allows.check_not_revoked(claims(clock), "token")
    clock.tick(seconds=59)
    one.allows.check_not_revoked(claims(clock), "token")
    assert one.issuer.asked == 1
    one.issuer.active = False
    clock.tick(seconds=1)
    with pytest.raises(TokenRevokedError):
        one.allows.check_not_revoked(claims(clock), "token")


@pytest.mark.parametrize(("back", "asked"), [(5, 1), (6, 2), (300, 2)])
def test_a_clock_that_is_set_back_prolongs_no_listing(listed, clock, back, asked):
    one = listed()
    one.allows.check_not_revoked(claims(clock), "token")
    clock.tick(seconds=-back)
    one.allows.check_not_revoked(claims(clock), "token")
    assert one.issuer.asked == asked


@pytest.mark.parametrize("active", [False, None])
def test_what_the_issuer_does_not_call_active_is_not_listed(listed, clock, active):
    one = listed()
    one.issuer.active = active
    with pytest.raises((TokenRevokedError, IntrospectionUnavailableError)):
        one.allows.check_not_revoked(claims(clock), "token")
    one.issuer.active = True
    one.allows.check_not_revoked(claims(clock), "token")
    assert one.issuer.asked == 2


def test_a_notice_takes_a_token_off_the_allowlist_everywhere(listed, clock):
    one, another = listed(), listed()
    for each in (one, another):
        each.allows.check_not_revoked(claims(clock), "token")
    one.copy.note("jti", "j" * 43, one.copy.now() + 600)
    for each in (one, another):
        each.time.now += 0.5
        with pytest.raises(TokenRevokedError):
            each.allows.check_not_revoked(claims(clock), "token")


def test_an_answer_from_before_a_notice_brings_nothing_back(listed, clock):
    """The issuer said active, then the notice came, then the answer was listed."""
    one = listed()
    one.copy.note("sub", "ada", one.copy.now() + 1)
    one.copy.note("active", "j" * 43, one.copy.now() + 60)
    with pytest.raises(TokenRevokedError):
        one.allows.check_not_revoked(claims(clock), "token")
    assert one.issuer.asked == 0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"HANDOFF_REVOCATION": "denylist"}, "Use one of: allowlist, blocklist, none"),
        ({"HANDOFF_CLIENT_ID": ""}, "HANDOFF_CLIENT_ID is not set"),
        ({"HANDOFF_REVOCATION": "allowlist"}, "HANDOFF_SERVICE_KEY_FILE is not set"),
    ],
)
def test_a_service_that_could_not_revoke_does_not_start(build, settings, told):
    with pytest.raises(ConfigurationError, match=told):
        build(**{"strategy": settings.pop("HANDOFF_REVOCATION", "blocklist"), **settings})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"replay_store": None}, "nowhere to keep it"),
        ({"revocation_list": None}, "nowhere to keep it"),
        ({"revocations": SimpleNamespace(check_not_revoked=print)}, "was given revocations"),
    ],
)
def test_what_it_asks_is_given_once(build, given, told):
    app = Flask("another")
    app.config.update(build().app.config)
    stores = {"revocation_list": MemoryRevocationList(), "replay_store": MemoryReplayStore()}
    with pytest.raises(ConfigurationError, match=told):
        HandoffAPI().init_app(app, **{**stores, **given})
