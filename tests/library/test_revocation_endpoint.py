"""``POST /sso/revocations``: who may be heard there, and what is answered."""

import pytest

from flask_handoff import Revocation, revocation_accepted, revocation_rejected
from tests.library.revocation_service import PATH, Service
from tests.minimal_pair import RECEIVER
from tests.token_trial import RecordingStore


@pytest.fixture
def replay_store():
    return RecordingStore()


@pytest.fixture
def service(key_ring, clock, replay_store):
    return Service(
        key_ring,
        clock,
        replay_store=replay_store,
        HANDOFF_REVOCATION="blocklist",
        HANDOFF_INTERNAL_HOSTS="inside:5002",
    )


def is_refused(answer):
    assert answer.mimetype == "application/json"
    assert answer.json.keys() == {"err", "description"}
    assert answer.headers["Cache-Control"] == "no-store"
    return (answer.status_code, answer.json["err"]) == (400, "invalid_request")


def test_a_notice_is_accepted_and_the_log_names_what_ended(service, caplog):
    caplog.set_level("INFO")
    heard = []
    with revocation_accepted.connected_to(lambda _, **facts: heard.append(facts["revocation"])):
        answer = service.post(notice := service.cut(subject="ada"))
    assert (answer.status_code, answer.data) == (202, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert [revocation.subject for revocation in heard] == ["ada"]
    assert "revocation accepted: sub=ada date=2026-01-01T12:00:01+00:00" in caplog.text
    assert not any(part in caplog.text for part in notice.split("."))


def test_a_notice_is_heard_once(service):
    notice = service.cut(subject="ada")
    assert service.revoke(notice) == 202
    assert is_refused(service.post(notice))


@pytest.mark.parametrize(
    "spoiled",
    ["wrong audience", "another kind", "forged", "no token", "not ascii", "empty", "huge token"],
)
def test_what_is_no_good_notice_is_refused_and_ends_nothing(service, caplog, spoiled):
    revocation = Revocation(subject="ada", valid_after=service._clock())
    good = service.notice(revocation)
    body = {
        "wrong audience": service.notice(revocation, audience="another"),
        "another kind": service.mint(),
        "forged": good[:-8] + "AAAAAAAA",
        "no token": "a notice",
        "not ascii": "é".encode("latin-1"),
        "empty": b"",
        "huge token": "a" * 5000,
    }[spoiled]
    heard = []
    with revocation_rejected.connected_to(lambda _, **facts: heard.append(facts["error"])):
        answer = service.post(body)
    assert is_refused(answer)
    assert len(heard) == 1
    assert f"request_id={answer.json['description'].rpartition(' ')[2]}" in caplog.text
    assert "revocation rejected: " in caplog.text
    service.later()
    assert service.call(service.mint()) == 200


@pytest.mark.parametrize(
    "options",
    [
        {"content_type": "application/jwt"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "application/secevent+jwt; charset=utf-8"},
        {"content_type": None},
        {"path": f"{PATH}?a=b"},
    ],
    ids=str,
)
def test_a_notice_of_another_form_is_refused(service, options):
    assert is_refused(service.post(service.cut(subject="ada"), **options))


def test_a_body_without_bound_is_refused_unread(service):
    assert service.post("a" * (16 * 1024 + 1)).status_code == 413
    chunked = {"Transfer-Encoding": "chunked"}
    assert service.post("a", headers=chunked).status_code == 411


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_only_a_post_is_heard(service, method):
    answer = getattr(service.app.test_client(), method)(PATH, base_url=RECEIVER)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


@pytest.mark.parametrize(
    ("host", "status"),
    [("http://inside:5002", 202), ("http://inside:5003", 400), ("http://evil.example", 400)],
)
def test_it_answers_to_its_own_name_and_to_internal_ones(service, host, status):
    assert service.post(service.cut(subject="ada"), base_url=host).status_code == status


def test_other_routes_of_the_application_answer_to_any_name(service):
    answer = service.app.test_client().get("/notes", base_url="http://evil.example")
    assert answer.status_code == 401


def test_without_a_replay_store_no_notice_is_heard(service, replay_store):
    replay_store.out_of_reach = True
    answer = service.post(service.cut(subject="ada"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    replay_store.out_of_reach = False
    assert service.call(service.mint()) == 200
