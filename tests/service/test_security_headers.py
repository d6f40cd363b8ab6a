import pytest
from flask import Flask, Response

from flask_service import security_headers
from flask_service.security_headers import content_security_policy

ORDINARY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
PATHS = ["/", "/logout", "/no-such-page", "/healthz", "/readyz", "/static/no-such-file"]
FILES = {"server1": "/static/style.css", "server2": "/static/notes.css"}
SHARED_FILE = "/static/base.css"


def test_every_response_tells_the_browser_what_it_may_do(server, app):
    for path in (*PATHS, FILES[server.name], SHARED_FILE):
        with server.get(app, path) as answer:
            assert answer.headers.getlist("Content-Security-Policy") == [ORDINARY], path
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert answer.headers["Referrer-Policy"] == "same-origin"
            assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
def test_no_page_is_kept_by_a_cache(server, app, path):
    assert server.get(app, path).headers["Cache-Control"] == "no-store"


def test_a_file_may_be_kept_by_a_cache(server, app):
    for path in (FILES[server.name], SHARED_FILE):
        with server.get(app, path) as answer:
            assert answer.status_code == 200
            assert "no-store" not in answer.headers["Cache-Control"]


def test_over_https_the_browser_is_told_to_stay_there(server):
    server.base_url = "https://site.example.com"
    costly = {"SERVER1_ARGON2_MEMORY_KIB": "19456"}
    server.environment |= {server.base_url_setting: server.base_url, **costly}
    answer = server.get(server.build(), "/")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_what_a_view_sets_itself_is_left_alone():
    app = Flask("small")
    security_headers.init_app(app, https=False)
    own = {"Content-Security-Policy": content_security_policy("https://a.example")}
    app.add_url_rule("/", view_func=lambda: Response("", headers=own))
    policies = app.test_client().get("/").headers.getlist("Content-Security-Policy")
    assert policies == [ORDINARY.replace("form-action 'self'", "form-action https://a.example")]
