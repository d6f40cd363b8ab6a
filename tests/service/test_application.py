import pytest
from flask import Response, redirect

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
