import re

import pytest

INTRUDER = "<script>alert(1)</script>"


def test_an_unknown_page_is_answered_in_the_sites_look_with_a_reference(visitor):
    answer = visitor.get("/no/such/page")
    assert answer.status_code == 404
    assert "<title>There is no such page · Notes</title>" in answer.text
    assert re.search(r"Reference .*<code>[0-9a-f]{16}</code>", answer.text)


def test_the_reference_on_the_page_is_the_one_in_the_log(visitor, caplog):
    answer = visitor.get("/no/such/page")
    (reference,) = re.findall(r"<code>([0-9a-f]{16})</code>", answer.text)
    assert f"request_id={reference}" in caplog.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_a_wrong_method_is_told_the_right_ones(visitor, method):
    answer = visitor.client.open("/notes", method=method, base_url=visitor.base_url)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert "Not like this" in answer.text


def test_a_body_without_a_length_is_refused(visitor):
    answer = visitor.post("/notes", headers={"Transfer-Encoding": "chunked"})
    assert answer.status_code == 411
    assert "The length is missing" in answer.text


def test_a_body_that_is_too_large_is_refused_before_it_is_read(visitor):
    answer = visitor.post("/notes", {"text": "x" * 20_000})
    assert answer.status_code == 413
    assert "too much at once" in answer.text


def test_another_host_is_refused(visitor):
    answer = visitor.client.get("/", base_url="http://evil.example")
    assert answer.status_code == 400
    assert "evil.example" not in answer.text


def test_another_name_of_this_machine_is_led_to_the_right_one(visitor):
    answer = visitor.client.get("/notes?before=3", base_url="http://localhost:5002")
    assert (answer.status_code, answer.location) == (
        303,
        "http://127.0.0.1:5002/notes?before=3",
    )
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("debug", ["0", "1"])
def test_a_programming_error_is_a_page_without_details(build_notes, monkeypatch, debug):
    monkeypatch.setenv("FLASK_DEBUG", debug)
    app = build_notes()
    app.testing = False
    app.add_url_rule("/broken", "broken", lambda: int("a secret detail"))
    answer = app.test_client().get("/broken", base_url="http://127.0.0.1:5002")
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text
    assert "a secret detail" not in answer.text


@pytest.mark.parametrize(
    ("path", "options"),
    [
        (f"/{INTRUDER}", {}),
        ("/notes", {"query_string": {"before": INTRUDER}}),
        ("/sso/login", {"query_string": {"iss": INTRUDER}}),
        ("/sso/callback", {"query_string": {"id_token": INTRUDER, "state": INTRUDER}}),
        ("/notes", {"headers": {"Cookie": f"s2_session={INTRUDER}"}}),
        ("/no/such/page", {"headers": {"X-Request-ID": INTRUDER, "User-Agent": INTRUDER}}),
    ],
)
def test_nothing_of_what_was_sent_is_on_an_error_page(visitor, path, options):
    visitor.arrive()
    answer = visitor.get(path, **options)
    assert answer.status_code < 500
    assert "alert(1)" not in answer.text


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (403, {"id_token": "x", "state": "x" * 22, "iss": "http://localhost:5001"}),
        (400, {"id_token": "x"}),
    ],
)
def test_a_refused_handoff_is_told_in_the_sites_look(visitor, status, fields):
    answer = visitor.get("/sso/callback", query_string=fields)
    assert answer.status_code == status
    assert 'href="/static/notes.css"' in answer.text
    assert "Start again" in answer.text


def test_a_handoff_that_the_issuer_denied_is_told_in_the_sites_look(visitor):
    begun = visitor.get("/sso/login")
    state = re.search(r"state=([\w-]+)", begun.location)[1]
    fields = {"error": "access_denied", "state": state, "iss": "http://localhost:5001"}
    answer = visitor.get("/sso/callback", query_string=fields)
    assert answer.status_code == 403
    assert "has no access to this service" in answer.text
    assert 'href="/static/notes.css"' in answer.text


def test_head_is_answered_like_get_without_a_body(visitor):
    for path, status in [("/", 200), ("/notes", 303), ("/no/such/page", 404)]:
        answer = visitor.client.head(path, base_url=visitor.base_url)
        assert (answer.status_code, answer.data) == (status, b"")
