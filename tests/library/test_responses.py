import base64
import hashlib
import re

import pytest
from flask import Blueprint, Flask
from werkzeug.wrappers import Response

from flask_handoff.web import PAGE_POLICY
from flask_handoff.web.responses import (
    TEMPLATES,
    error_page,
    landing_page,
    make_private,
    post_page,
    refuse_head,
)
from tests.minimal_pair import Form


@pytest.fixture
def app():
    app = Flask("answers")
    # As the extensions do it, so that the library's own templates are found.
    app.register_blueprint(Blueprint("ours", __name__, template_folder=TEMPLATES))
    with app.test_request_context():
        yield app


def sentence_page(**changed):
    asked = {
        "title": "A title",
        "sentence": "A sentence.",
        "again_url": "/x",
        "again_label": "Again",
    }
    return error_page("handoff/rejected.html", 403, **{**asked, **changed})


def text_of(answer):
    return answer.get_data(as_text=True)


def policy_of(answer):
    return dict(
        directive.strip().split(" ", 1)
        for directive in answer.headers["Content-Security-Policy"].split(";")
    )


def test_an_error_page_says_what_happened_and_where_to_go(app):
    page = sentence_page()
    assert page.status_code == 403
    for part in (
        "<h1>A title</h1>",
        "A sentence.",
        '<a class="button" href="/x">Again</a>',
        '<a href="/">Home</a>',
    ):
        assert part in text_of(page)


def test_an_error_page_may_have_no_way_to_begin_again(app):
    assert text_of(sentence_page(again_url=None, again_label=None)).count("<a ") == 1


def test_markup_on_an_error_page_stays_text(app):
    page = sentence_page(
        title="<b>", sentence="<script>", again_url='"><script>', again_label="<i>"
    )
    assert "<script>" not in text_of(page)
    assert "<b>" not in text_of(page)


@pytest.mark.parametrize("page", ["rejected", "denied", "unavailable", "request_refused"])
def test_each_error_page_is_in_the_library(app, page):
    asked = {"title": "T", "sentence": "S", "again_url": None, "again_label": None}
    assert "Reference: " in text_of(error_page(f"handoff/{page}.html", 400, **asked))


def test_a_page_allows_nothing_from_elsewhere():
    assert "default-src 'none'" in PAGE_POLICY
    assert "unsafe" not in PAGE_POLICY


@pytest.mark.parametrize(
    "make",
    [sentence_page, lambda: post_page("/sso/finish", {}), lambda: landing_page("/notes")],
    ids=["sentence", "post", "landing"],
)
def test_a_page_lets_its_own_style_in_and_no_other(app, make):
    page = make()
    _, style, _ = re.split("</?style>", text_of(page))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy_of(page)["style-src"].removeprefix("'self' ") == f"'sha256-{digest}'"
    assert "font:" in style


def test_a_page_that_posts_to_a_client_may_post_to_that_one_only(app):
    page = post_page("https://notes.example.com/sso/callback", {"state": "s"})
    assert policy_of(page)["form-action"] == "https://notes.example.com"
    assert policy_of(page)["default-src"] == "'none'"
    assert Form(text_of(page)).action == "https://notes.example.com/sso/callback"


def test_a_page_that_posts_to_this_site_may_post_to_this_site_only(app):
    assert policy_of(post_page("/sso/finish", {}))["form-action"] == "'self'"


@pytest.mark.parametrize(
    "value", ['"><script>alert(1)</script>', "' onload='x", "a\nb", "&amp;", "ß"]
)
def test_a_field_arrives_as_it_was_given(app, value):
    page = post_page("/sso/finish", {"state": value})
    assert Form(text_of(page)).fields == {"state": value}
    assert text_of(page).count("<script") == 1


def test_a_landing_page_leads_on_by_itself_and_by_a_link(app):
    page = landing_page("/notes?a=1&b=2")
    assert '<meta http-equiv="refresh" content="0; url=/notes?a=1&amp;b=2">' in text_of(page)
    assert 'href="/notes?a=1&amp;b=2">Continue</a>' in text_of(page)
    assert policy_of(page)["default-src"] == "'none'"


def test_what_is_private_is_kept_nowhere():
    response = make_private(Response(headers={"Cache-Control": "max-age=60"}))
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"


def test_what_is_public_stays_public():
    response = make_private(Response(headers={"Cache-Control": "public, max-age=60"}))
    assert response.headers["Cache-Control"] == "public, max-age=60"


@pytest.mark.parametrize(("path", "status"), [("/spends", 405), ("/shows", 200)])
def test_head_is_refused_where_a_get_spends_something(path, status):
    app = Flask("head")
    app.before_request(refuse_head("spends"))
    for name in ("spends", "shows"):
        app.add_url_rule(f"/{name}", name, lambda: "seen")
    assert app.test_client().head(path).status_code == status
    assert app.test_client().get(path).status_code == 200
