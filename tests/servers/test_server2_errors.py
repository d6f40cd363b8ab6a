import re

import pytest

INTRUDER = "<script>alert(1)</script>"


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
    assert "your account has no access to this service, or you did not agree" in answer.text
    assert 'href="http://localhost:5001/">Go to SERVER1' in answer.text
    assert 'href="/static/notes.css"' in answer.text


def test_head_is_answered_like_get_without_a_body(visitor):
    for path, status in [("/", 200), ("/notes", 303), ("/no/such/page", 404)]:
        answer = visitor.client.head(path, base_url=visitor.base_url)
        assert (answer.status_code, answer.data) == (status, b"")
