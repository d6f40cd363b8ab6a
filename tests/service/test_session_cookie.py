import hashlib
from datetime import timedelta

import pytest
from flask import Flask, session
from flask_wtf.csrf import generate_csrf, validate_csrf
from itsdangerous import TimestampSigner
from wtforms import ValidationError

from flask_service import session_cookie
from flask_service.session_cookie import give_session_id, held_session_id, replace_cookie

HTTPS = "https://site.example.com"
COSTLY = {"SERVER1_ARGON2_MEMORY_KIB": "19456"}


def signed(app, **content):
    return app.session_interface.signer.dumps(content)


def id_read_from(app, base_url, header):
    with app.test_request_context("/", base_url=base_url, headers={"Cookie": header}):
        return session.get("id")


def set_cookie(app, base_url):
    """Return the attributes of the cookie that a response gives."""
    with app.test_request_context("/", base_url=base_url):
        session["id"] = "x"
        response = app.process_response(app.response_class())
    (cookie,) = response.headers.getlist("Set-Cookie")
    pair, *attributes = cookie.split("; ")
    return pair.partition("=")[0], sorted(attributes)


def test_the_cookie_is_guarded_over_plain_http(server, app):
    name, attributes = set_cookie(app, server.base_url)
    assert name == server.cookie
    assert attributes == ["HttpOnly", "Path=/", "SameSite=Lax"]


def test_over_https_the_cookie_is_of_this_host_only(server):
    server.environment |= {server.base_url_setting: HTTPS, **COSTLY}
    app = server.build()
    name, attributes = set_cookie(app, HTTPS)
    assert name == f"__Host-{server.cookie}"
    assert attributes == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]
    cookie = signed(app, id="x")
    assert id_read_from(app, HTTPS, f"{name}={cookie}") == "x"
    assert id_read_from(app, HTTPS, f"{server.cookie}={cookie}") is None


@pytest.mark.parametrize(
    "header",
    [
        "{name}={own}; {name}={own}",
        "{name}={own}; {name}=x",
        "{name}=x; {name}={own}",
        "{name}={own};{name}=x",
        "{name} ={own}",
        "{name}=x; {name} ={own}",
        "{name}={own}; {name} =x",
        "other=1;  {name}={own}",
        "\t{name}={own}",
    ],
)
def test_a_cookie_that_is_not_sent_exactly_once_is_nobodys(server, app, header):
    header = header.format(name=server.cookie, own=signed(app, id="x"))
    assert id_read_from(app, server.base_url, header) is None


def test_other_cookies_beside_the_session_are_no_matter(server, app):
    own = signed(app, id="x")
    header = f"s3_session=x; {server.cookie}={own};x{server.cookie}=y; ={server.cookie}"
    assert id_read_from(app, server.base_url, header) == "x"


@pytest.mark.parametrize("value", ["x", "e30.x.x", "eyJpZCI6MX0.aQ.AAAA", "", "\xff", '"'])
def test_a_forged_cookie_is_nobodys(server, app, value):
    assert id_read_from(app, server.base_url, f"{server.cookie}={value}") is None


@pytest.fixture
def small_app():
    return make_small_app()


def make_small_app(**settings):
    app = Flask("small")
    app.secret_key = "of the tests, and of no use elsewhere"
    app.config.update(settings)
    session_cookie.init_app(app, name="small", https=False, samesite="Strict")
    return app


def test_what_another_version_signed_is_nobodys(server, app):
    signer = app.session_interface.signer
    for content in ["text", 1, None, ["id"]]:
        assert (
            id_read_from(app, server.base_url, f"{server.cookie}={signer.dumps(content)}") is None
        )
    for text in [b"no base64!", b"bm8", b"_w=="]:
        cookie = signer._signer.sign(text).decode()
        assert id_read_from(app, server.base_url, f"{server.cookie}={cookie}") is None


@pytest.mark.parametrize(("lifetime", "found"), [(1000, "x"), (-1, None)])
def test_a_cookie_signed_too_long_ago_is_nobodys(lifetime, found):
    app = make_small_app(PERMANENT_SESSION_LIFETIME=timedelta(seconds=lifetime))
    assert id_read_from(app, "http://localhost", f"small={signed(app, id='x')}") == found


class SignerAhead(TimestampSigner):
    ahead = 0

    def get_timestamp(self):
        return super().get_timestamp() + self.ahead


def signed_ahead(app, ahead):
    signer = app.session_interface.signer._signer
    there = SignerAhead(signer.secret_keys, key_derivation="none", digest_method=hashlib.sha256)
    there.ahead = ahead
    return there.sign(signer.unsign(signed(app, id="x"))).decode()


@pytest.mark.parametrize(
    ("ahead", "found", "line"),
    [(0, "x", ""), (4, "x", " s ahead of this clock:"), (90, None, ", and is refused:")],
)
def test_a_cookie_of_a_clock_ahead_is_good_for_a_minute(small_app, caplog, ahead, found, line):
    header = f"small={signed_ahead(small_app, ahead)}"
    assert id_read_from(small_app, "http://localhost", header) == found
    assert line in caplog.text
    assert bool(caplog.text) is bool(line)


@pytest.mark.parametrize("ahead", [0, 3600], ids=["no session", "a clock that was put back"])
def test_who_is_told_that_they_are_signed_out_stays_so(server, app, ahead):
    held = f"{server.cookie}={signed_ahead(app, ahead)}"
    client = app.test_client(use_cookies=False)
    answer = client.get("/logout", base_url=server.base_url, headers={"Cookie": held})
    assert "You are signed out" in answer.text
    (replaced,) = answer.headers.getlist("Set-Cookie")
    assert id_read_from(app, server.base_url, held) == (None if ahead else "x")
    assert id_read_from(app, server.base_url, replaced.partition(";")[0]) is None


def test_the_cookie_is_strict_where_that_is_asked_for(small_app):
    assert "SameSite=Strict" in set_cookie(small_app, HTTPS)[1]


def test_a_new_session_keeps_nothing_of_what_the_cookie_held(small_app):
    with small_app.test_request_context("/"):
        session["planted"] = "x"
        replace_cookie()
        before = session["csrf_token"]
        give_session_id("new")
        assert held_session_id() == "new"
        assert session.keys() == {"id", "csrf_token"}
        assert session["csrf_token"] != before


def test_a_form_beside_a_replaced_cookie_is_good(small_app):
    with small_app.test_request_context("/"):
        first = generate_csrf()
        replace_cookie()
        second = generate_csrf()
        assert first != second
        validate_csrf(second)
        with pytest.raises(ValidationError):
            validate_csrf(first)


@pytest.mark.parametrize("held", [None, 1, ["x"], {}])
def test_what_is_no_text_is_no_session_id(small_app, held):
    with small_app.test_request_context("/"):
        session["id"] = held
        assert held_session_id() is None
