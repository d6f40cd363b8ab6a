import re

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from flask_service.database import database_of
from tests.servers.notes_visitor import BASE_URL

FORMS = ["/notes", "/notes/1/delete", "/logout"]
TYPED = "A thought that must not get lost"


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", [None, "", "x", "IngiAAAA.aQ.AAAA"])
def test_a_form_without_its_csrf_token_is_refused(visitor, path, token):
    visitor.arrive()
    answer = visitor.post(path, {} if token is None else {"csrf_token": token})
    assert answer.status_code == 403
    assert visitor.get("/session").status_code == 200


def test_the_csrf_token_of_another_browser_is_refused(visitor, another_visitor):
    visitor.arrive()
    another_visitor.arrive(subject="mallory")
    data = {"csrf_token": another_visitor.csrf_token(), "text": "planted"}
    assert visitor.post("/notes", data).status_code == 403


def test_the_csrf_token_from_before_an_arrival_is_refused_after_it(visitor):
    visitor.arrive()
    token = visitor.csrf_token()
    visitor.arrive()
    assert visitor.post("/logout", {"csrf_token": token}).status_code == 403


class SignedThreeHoursAgo(TimestampSigner):
    def get_timestamp(self):
        return super().get_timestamp() - 3 * 60 * 60


def test_a_form_that_lies_open_for_hours_still_works(visitor):
    visitor.arrive()
    secret_key = visitor.app.secret_key
    token, _mark, _of_the_page = visitor.csrf_token().partition("~")
    value = URLSafeTimedSerializer(secret_key, salt="wtf-csrf-token").loads(token)
    old = URLSafeTimedSerializer(secret_key, salt="wtf-csrf-token", signer=SignedThreeHoursAgo)
    data = {"csrf_token": old.dumps(value), "text": "slowly"}
    assert visitor.post("/notes", data).status_code == 303


def test_signed_out_a_form_keeps_what_was_typed_and_links_to_the_sign_in(visitor, clock):
    visitor.arrive()
    token = visitor.csrf_token()
    clock.tick(hours=1)
    answer = visitor.post("/notes", {"csrf_token": token, "text": TYPED})
    assert answer.status_code == 403
    assert TYPED in answer.text
    assert 'href="/sso/login?target_link_uri=%2Fnotes"' in answer.text


def test_a_browser_that_lost_its_cookie_keeps_what_was_typed(visitor):
    answer = visitor.post("/notes", {"text": TYPED})
    assert answer.status_code == 403
    assert TYPED in answer.text
    assert "You are signed out" in answer.text


def test_what_was_typed_can_be_saved_after_signing_in_again(visitor, clock):
    visitor.arrive()
    token = visitor.csrf_token()
    clock.tick(hours=1)
    visitor.post("/notes", {"csrf_token": token, "text": TYPED})
    visitor.arrive()
    stale = visitor.post("/notes", {"csrf_token": token, "text": TYPED})
    assert stale.status_code == 403
    assert TYPED in stale.text
    assert visitor.add_note(TYPED).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_what_another_site_sends_is_refused_whatever_it_has_learnt_and_not_shown(visitor, headers):
    visitor.arrive()
    data = {"csrf_token": visitor.csrf_token(), "text": TYPED}
    for path in FORMS:
        answer = visitor.post(path, data, headers=headers)
        assert answer.status_code == 403
        assert TYPED not in answer.text
    assert TYPED not in visitor.get("/notes").text


def test_what_this_site_sends_is_shown(visitor):
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": BASE_URL}
    assert TYPED in visitor.post("/notes", {"text": TYPED}, headers=headers).text


def test_what_was_typed_is_shown_as_text_not_as_markup(visitor):
    page = visitor.post("/notes", {"text": "</textarea><script>x</script>"}).text
    assert "</textarea><script>" not in page


@pytest.mark.parametrize("path", FORMS)
def test_no_form_of_this_site_is_ever_answered_by_a_redirect_to_another(visitor, path):
    answer = visitor.post(path)
    assert answer.status_code == 403
    assert "Location" not in answer.headers


def test_the_handoffs_own_endpoints_ask_for_no_csrf_token(visitor):
    assert visitor.post("/sso/login", {"target_link_uri": "/notes"}).status_code == 303
    assert visitor.post("/sso/callback", {"id_token": "x", "state": "x" * 22}).status_code == 400
    fields = {"id_token": "x", "state": "x" * 22, "iss": "http://localhost:5001"}
    assert visitor.post("/sso/callback", fields).status_code == 200
    assert "<title>You are not signed in" in visitor.post("/sso/finish", fields).text


def test_without_a_database_what_was_typed_is_kept_and_can_be_saved_later(visitor):
    visitor.arrive()
    form = {"csrf_token": visitor.csrf_token(), "text": TYPED}
    with database_of(visitor.app).writing() as connection:
        connection.exec_driver_sql("ALTER TABLE notes RENAME TO lost")
    answer = visitor.post("/notes", form)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert TYPED in answer.text
    with database_of(visitor.app).writing() as connection:
        connection.exec_driver_sql("ALTER TABLE lost RENAME TO notes")
    token = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)[1]
    assert visitor.post("/notes", {"csrf_token": token, "text": TYPED}).status_code == 303
