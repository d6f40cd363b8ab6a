import pytest
from flask import Flask
from flask.blueprints import Blueprint
from flask_wtf.csrf import generate_csrf

from flask_service import csrf, session_cookie

BASE_URL = "http://localhost:5001"


def small_service(base_url):
    """Build a service with one form, and one address that anybody may post to."""
    app = Flask("small")
    app.secret_key = "of the tests, and of no use elsewhere"
    app.add_url_rule("/form", "form", generate_csrf)
    app.add_url_rule("/form", "sent", lambda: "taken", methods=["POST", "PUT"])
    for_all = Blueprint("for_all", __name__)
    for_all.add_url_rule("/for-all", "post", lambda: "taken", methods=["POST"])
    app.register_blueprint(for_all)
    session_cookie.init_app(app, name="small", https=base_url.startswith("https:"))
    csrf.init_app(app, base_url=base_url, exempt=["for_all"])
    return app


@pytest.fixture
def client():
    return small_service(BASE_URL).test_client()


def send(client, token=None, *, method="POST", **options):
    token = client.get("/form", base_url=BASE_URL).text if token is None else token
    data = options.pop("data", {"csrf_token": token})
    return client.open("/form", method=method, base_url=BASE_URL, data=data, **options).status_code


def test_a_form_of_this_site_is_taken(client):
    ours = {"Origin": BASE_URL, "Sec-Fetch-Site": "same-origin"}
    assert send(client) == 200
    assert send(client, headers=ours) == 200


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("token", ["", "x", b"\xed\xa0\x80", "é", "a.b.c", "\0", "IngiAAAA.aQ.AA"])
def test_a_form_without_a_good_token_is_refused(client, token, method):
    assert send(client, token, method=method) == 400  # a CSRFError, which has a page at the servers


@pytest.mark.parametrize(
    "origin",
    ["", "Null", "http://127.0.0.1:5001", "https://localhost:5001", "http://localhost:5001.evil"],
)
def test_a_form_from_another_origin_is_refused(client, origin):
    assert send(client, headers={"Origin": origin}) == 403


@pytest.mark.parametrize("referrer", [{}, {"Referer": f"{BASE_URL}/form"}, {"Referer": BASE_URL}])
@pytest.mark.parametrize("origin", [{}, {"Origin": "null"}])
def test_without_an_origin_the_form_s_token_decides(client, origin, referrer):
    headers = {**origin, **referrer}
    assert send(client, headers=headers) == 200
    assert send(client, "no token", headers=headers) == 400
    for site, status in (("same-origin", 200), ("cross-site", 403), ("same-site", 403)):
        assert send(client, headers={**headers, "Sec-Fetch-Site": site}) == status


@pytest.mark.parametrize("origin", [{}, {"Origin": "null"}])
@pytest.mark.parametrize(
    "referrer", ["https://evil.example/form", f"{BASE_URL}.evil/", f"{BASE_URL}@evil/", "", "x"]
)
def test_a_referrer_of_another_origin_is_refused(client, origin, referrer):
    assert send(client, headers={**origin, "Referer": referrer}) == 403


def test_over_https_a_browser_may_send_no_referrer():
    app = small_service("https://localhost")
    client = app.test_client()
    token = client.get("/form", base_url="https://localhost").text
    answer = client.post("/form", base_url="https://localhost", data={"csrf_token": token})
    assert answer.status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "Same-Origin"])
def test_a_form_from_another_site_is_refused(client, site):
    assert send(client, headers={"Sec-Fetch-Site": site}) == 403


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/xml"])
def test_another_kind_of_content_is_refused(client, content_type):
    headers = {"X-CSRFToken": client.get("/form", base_url=BASE_URL).text}
    answer = send(client, data="a=b", content_type=content_type, headers=headers)
    assert answer == 415


def test_a_field_without_a_name_is_refused(client):
    token = client.get("/form", base_url=BASE_URL).text
    part = "--b\r\nContent-Disposition: form-data"
    body = f'{part}; name="csrf_token"\r\n\r\n{token}\r\n{part}\r\n\r\nx\r\n--b--\r\n'
    assert send(client, data=body, content_type="multipart/form-data; boundary=b") == 400


def test_anybody_may_post_to_what_is_exempt(client):
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = client.post("/for-all", base_url=BASE_URL, headers=foreign, json={})
    assert answer.text == "taken"


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("https://Notes.example.com:443", "https://notes.example.com"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("https://notes.example.com:8443", "https://notes.example.com:8443"),
    ],
)
def test_the_origin_is_compared_as_browsers_write_it(base_url, origin):
    assert csrf._origin(base_url) == origin
