import pytest
from flask import Flask, Response, redirect, url_for
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_service.application import Application

URL = "http://site.example.com/"


@pytest.fixture
def answer_to():
    """Returns what a browser gets from a view that makes this response."""

    def answer_to(make, method="GET"):
        app = Application("small", static_folder=None)
        app.add_url_rule("/", view_func=make)
        return app.test_client().open(URL, method=method)

    return answer_to


@pytest.mark.parametrize("status", [302, 303])
@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("/notes?before=1#note-1", "/notes?before=1#note-1"),
        ("https://a.example:8443/b?c=%2Fd", "https://a.example:8443/b?c=%2Fd"),
        ("/ä b", "/%C3%A4%20b"),
        ('/"<>', "/%22%3C%3E"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
    ],
)
def test_a_redirect_has_an_address_in_ascii(answer_to, status, address, sent):
    answer = answer_to(lambda: redirect(address, status))
    assert answer.location == sent
    assert answer.headers.get_all("Location") == [sent]


def test_each_response_tells_its_length_once(answer_to):
    for make in (lambda: "pägé", lambda: Response([b"ab", b"cde"]), lambda: redirect("/", 303)):
        answer = answer_to(make)
        assert answer.headers.get_all("Content-Length") == [str(len(answer.data))]


def test_head_is_told_the_length_and_gets_no_page(answer_to):
    answer = answer_to(lambda: "page", "HEAD")
    assert (answer.data, answer.content_length) == (b"", 4)


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_page_has_no_length(answer_to, status):
    answer = answer_to(lambda: Response("page", status))
    assert (answer.data, answer.content_length) == (b"", None)


def test_a_page_that_is_all_there_is_sent_at_once():
    app = Application("small", static_folder=None)
    app.add_url_rule("/", view_func=lambda: "pägé")
    environ = EnvironBuilder(base_url=URL).get_environ()
    assert app(environ, lambda *_: None) == ["pägé".encode()]


def test_what_waits_for_the_end_of_a_response_is_called(answer_to):
    def make():
        response = Response("page")
        response.call_on_close(lambda: ended.append("page"))
        return response

    ended: list[str] = []
    answer_to(make).close()
    assert ended == ["page"]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        *(
            {"HTTP_HOST": host}
            for host in ("Site.example:80", "a b", "a/b", "[::1]:1", "x" * 64, "")
        ),
        {"SCRIPT_NAME": "/under", "PATH_INFO": "//page/", "QUERY_STRING": "a=b"},
        {"REQUEST_METHOD": "PUT"},
        {"HTTP_CONNECTION": "Upgrade", "HTTP_UPGRADE": "websocket"},
    ],
)
def test_a_request_finds_the_page_that_flask_finds(sent):
    def found(app):
        app.add_url_rule("/", "root", lambda: url_for("page", _external=True))
        app.add_url_rule("/page", "page", lambda: url_for("root", _external=True))
        body, status, headers = run_wsgi_app(app, {**environ, **sent})
        return b"".join(body), status, [*headers]

    environ = EnvironBuilder(base_url=URL).get_environ()
    flask, ours = Flask("small"), Application("small")
    assert found(ours) == found(flask)
