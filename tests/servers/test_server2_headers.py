import pytest

from server2.headers import CONTENT_SECURITY_POLICY
from tests.servers.notes_visitor import Visitor

PAGES = ["/", "/notes", "/session", "/logout", "/no/such/page", "/healthz", "/static/notes.css"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("signed_in", [True, False], ids=["signed in", "signed out"])
def test_every_answer_carries_the_security_headers(visitor, path, signed_in):
    if signed_in:
        visitor.arrive()
    with visitor.get(path) as answer:
        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/static/nothing", *(path for path in PAGES if not path.startswith("/static/"))]
)
def test_no_page_is_kept_by_a_cache(visitor, path):
    visitor.arrive()
    assert visitor.get(path).headers["Cache-Control"] == "no-store"


def test_a_stylesheet_may_be_kept_by_a_cache(visitor):
    with visitor.get("/static/notes.css") as answer:
        assert "no-store" not in answer.headers["Cache-Control"]


def test_over_https_browsers_are_told_to_stay_there(build_notes, issuer_key_ring, clock):
    base_url = "https://notes.example.com"
    app = build_notes(HANDOFF_BASE_URL=base_url)
    answer = Visitor(app, issuer_key_ring, clock, base_url).get("/")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_headers_that_a_page_of_the_handoff_sets_are_left_alone(visitor):
    fields = {"id_token": "x", "state": "x" * 22, "iss": "http://localhost:5001"}
    repost = visitor.post("/sso/callback", fields)
    assert "nonce-" in repost.headers["Content-Security-Policy"]
    assert repost.headers["Referrer-Policy"] == "no-referrer"
    assert len(repost.headers.getlist("Content-Security-Policy")) == 1


@pytest.mark.parametrize("path", ["/", "/notes", "/session", "/logout"])
def test_no_page_holds_inline_script_or_style(visitor, path):
    visitor.arrive()
    visitor.add_note("something")
    page = visitor.get(path).text
    assert "<style" not in page
    assert " style=" not in page
    assert page.count("<script") == page.count('<script src="/static/page.js" defer></script>') == 1
