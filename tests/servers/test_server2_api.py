import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
from sqlalchemy import func, select

from server2.accounts import accounts
from server2.notes import LONGEST
from tests.servers.notes_program import (
    ALL,
    NOTES,
    READ,
    WRITE,
    Program,
    is_problem,
    shared_program,
)
from tests.servers.notes_visitor import BASE_URL, ISSUER
from tests.servers.test_handoff_cost import CALLS_ARE_KNOWN, calls_of

MOST_CALLS = 635  # of functions in Python and in C, for a list of notes
INTRUDER = "intruder-0d2f"
DESCRIPTION = f'<{BASE_URL}/api/openapi.json>; rel="service-desc"'


@pytest.fixture(params=["sqlite", "postgresql"])
def app_on(request, build_notes):
    """SERVER2 on either database."""
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else ""
    return build_notes(SERVER2_DATABASE_URL=url)


@pytest.fixture
def new_program(notes_app, issuer_key_ring, clock):
    return lambda scope=ALL, subject="ada": Program(
        notes_app, issuer_key_ring, clock, scope, subject
    )


@pytest.fixture
def program(new_program):
    return new_program()


@pytest.fixture
def program_on(app_on, issuer_key_ring, clock):
    return Program(app_on, issuer_key_ring, clock)


@pytest.fixture(scope="module")
def refused_program(tmp_path_factory, issuer_public_key, issuer_key_ring):
    """A program at one server of all tests that do nothing there but be refused."""
    instance = tmp_path_factory.mktemp("refusing")
    with shared_program(instance, issuer_public_key, issuer_key_ring) as program:
        yield program


def count_accounts(app):
    with app.extensions["database"].reading() as connection:
        return connection.execute(select(func.count()).select_from(accounts)).scalar_one()


def test_a_program_adds_reads_and_deletes_a_note(program_on, clock):
    answer = program_on.post('{"text": "bread\\r\\nand \\ud83e\\uddc2"}')
    assert answer.status_code == 201
    note = answer.json
    assert note == {
        "id": note["id"],
        "text": "bread\nand \U0001f9c2",
        "created_at": clock().isoformat(),
    }
    assert answer.headers["Location"] == f"{BASE_URL}{NOTES}/{note['id']}"
    assert program_on.ask(answer.headers["Location"]).json == note
    assert program_on.ask().json == {"notes": [note], "next": None}
    gone = program_on.ask(f"{NOTES}/{note['id']}", "DELETE")
    assert (gone.status_code, gone.data) == (204, b"")
    assert is_problem(program_on.ask(f"{NOTES}/{note['id']}"), 404)
    assert is_problem(program_on.ask(f"{NOTES}/{note['id']}", "DELETE"), 404)
    assert program_on.ask().json == {"notes": [], "next": None}


def test_who_was_never_here_has_no_notes_and_no_account(notes_app, program):
    assert program.ask().json == {"notes": [], "next": None}
    assert is_problem(program.ask(f"{NOTES}/1"), 404)
    assert is_problem(program.ask(f"{NOTES}/1", "DELETE"), 404)
    assert is_problem(program.post("{}"), 422)
    assert count_accounts(notes_app) == 0


def test_the_first_note_makes_the_users_account(app_on, program_on):
    program_on.add("first")
    program_on.add("second")
    assert count_accounts(app_on) == 1
    assert program_on.texts() == ["second", "first"]


def test_page_and_api_show_the_same_notes(visitor, notes_app, program):
    program.add("written by a program")
    visitor.arrive(name="Ada")
    visitor.add_note("written on the page")
    program.add("once more by a program")
    page = visitor.get("/notes").text
    assert "Signed in as </span><bdi>Ada</bdi>" in page
    shown = re.findall(r'<p class="text" dir="auto">([^<]+)</p>', page)
    assert shown == program.texts()
    assert len(shown) == 3
    assert count_accounts(notes_app) == 1


def test_an_account_made_by_a_program_keeps_the_name(visitor, program):
    visitor.arrive(name="Ada")
    program.add("a note")
    assert "<bdi>Ada</bdi>" in visitor.get("/notes").text


def test_a_user_sees_and_deletes_their_own_notes_only(program, new_program):
    note = program.add("of Ada")
    other = new_program(subject="bob")
    other.add("of Bob")
    assert other.texts() == ["of Bob"]
    for method in ("GET", "DELETE"):
        stolen = other.ask(f"{NOTES}/{note['id']}", method)
        unknown = other.ask(f"{NOTES}/123456", method)
        assert is_problem(stolen, 404)
        assert stolen.json.keys() == unknown.json.keys()
        assert stolen.json["detail"] == unknown.json["detail"]
    assert program.texts() == ["of Ada"]


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_the_pages_of_a_list_miss_none_and_repeat_none(program_on, limit):
    ids = [program_on.add(f"note {number}")["id"] for number in range(5)]
    found: list[list[int]] = []
    path = f"{NOTES}?limit={limit}"
    while path and len(found) < 10:
        answer = program_on.ask(path)
        found.append([note["id"] for note in answer.json["notes"]])
        path = answer.json["next"]
        links = answer.headers.getlist("Link")
        assert links == ([f'<{path}>; rel="next"'] if path else []) + [DESCRIPTION]
    assert list(chain(*found)) == sorted(ids, reverse=True)
    assert {len(page) for page in found[:-1]} <= {limit}
    assert found[-1]


def test_a_page_is_twenty_notes_where_nothing_is_said(program):
    for number in range(21):
        program.add(f"note {number}")
    assert len(program.ask().json["notes"]) == 20


def test_what_is_written_or_deleted_meanwhile_moves_no_page(program):
    first = [program.add(f"note {number}")["id"] for number in range(4)]
    page = program.ask(f"{NOTES}?limit=2").json
    program.add("written meanwhile")
    program.ask(f"{NOTES}/{page['notes'][-1]['id']}", "DELETE")
    following = program.ask(page["next"]).json
    assert [note["id"] for note in following["notes"]] == [first[1], first[0]]
    assert following["next"] is None


@pytest.mark.parametrize("name", ["limit", "before"])
@pytest.mark.parametrize(
    "value",
    ["", "0", "-1", "1.0", "x", " 1", "0x1", "\u0663", "9" * 19, "9" * 400, "%00", "1&{}=1"],
)
def test_a_page_that_cannot_be_meant_is_a_bad_request(refused_program, name, value):
    answer = refused_program.ask(f"{NOTES}?{name}={value.format(name)}")
    assert is_problem(answer, 400)
    assert answer.json["detail"].startswith(f"{name}: expected one whole number from 1 to ")


def test_at_most_a_hundred_notes_come_at_once(refused_program):
    assert refused_program.ask(f"{NOTES}?limit=100").status_code == 200
    assert is_problem(refused_program.ask(f"{NOTES}?limit=101"), 400)
    assert refused_program.ask(f"{NOTES}?before={2**63 - 1}").status_code == 200
    assert is_problem(refused_program.ask(f"{NOTES}?before={2**63}"), 400)


OPERATIONS = [
    (NOTES, "GET", READ),
    (NOTES, "POST", WRITE),
    (f"{NOTES}/1", "GET", READ),
    (f"{NOTES}/1", "DELETE", WRITE),
]


@pytest.mark.parametrize(("path", "method", "scope"), OPERATIONS)
def test_each_operation_needs_its_own_scope(new_program, path, method, scope):
    other = {READ: WRITE, WRITE: READ}[scope]
    answer = new_program(f"openid profile {other}").ask(path, method, json={"text": "x"})
    assert is_problem(answer, 403)
    assert (answer.json["error"], answer.json["scope"]) == ("insufficient_scope", scope)
    assert f'scope="{scope}"' in answer.headers["WWW-Authenticate"]
    assert new_program(scope).ask(path, method, json={"text": "x"}).status_code in {200, 201, 404}


@pytest.mark.parametrize(("path", "method", "scope"), OPERATIONS)
def test_a_session_of_a_browser_takes_no_tokens_place(visitor, program, path, method, scope):
    visitor.arrive()
    program.add("a note that is there")
    headers = {"Origin": BASE_URL, "Sec-Fetch-Site": "same-origin"}
    csrf_token = visitor.csrf_token()
    answer = visitor.client.open(
        path,
        method=method,
        base_url=BASE_URL,
        json={"text": "forged"},
        headers={**headers, "X-CSRFToken": csrf_token},
    )
    assert is_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="{BASE_URL}"'
    assert program.texts() == ["a note that is there"]


@pytest.mark.parametrize("audience", [ISSUER, "server2", f"{BASE_URL}/", f"{BASE_URL}/api"])
def test_a_token_for_somebody_else_is_refused(refused_program, audience):
    token = refused_program.mint(audience=audience)
    answer = refused_program.ask(headers={"Authorization": f"Bearer {token}"})
    assert is_problem(answer, 401)
    assert answer.json["error"] == "invalid_token"


def test_a_token_that_has_expired_is_refused(program, clock):
    clock.tick(seconds=605)
    assert is_problem(program.ask(), 401)


# What is no note, or no JSON that two readers read alike.

NOT_JSON = {
    "empty": b"",
    "cut off": b'{"text": "x"',
    "two documents": b'{"text": "x"}{"text": "y"}',
    "a member twice": b'{"text": "x", "text": "y"}',
    "a member twice, one escaped": b'{"text": "x", "\\u0074ext": "y"}',
    "NaN": b'{"text": NaN}',
    "Infinity": b'{"text": -Infinity}',
    "too large a number": b'{"text": 1e999}',
    "5,000 digits": b'{"text": ' + b"9" * 5000 + b"}",
    "nested 16,000 deep": b"[" * 16_000,
    "nested in objects": b'{"text":' * 1_500 + b"0" + b"}" * 1_500,
    "nine levels": b'{"text": ' + b"[" * 8 + b"]" * 8 + b"}",
    "half of a pair": b'{"text": "\\ud800"}',
    "half of a pair in a name": b'{"\\udfff": "x"}',
    "a byte order mark": b'\xef\xbb\xbf{"text": "x"}',
    "UTF-16": '{"text": "x"}'.encode("utf-16"),
    "Latin-1": '{"text": "\xe9"}'.encode("latin-1"),
    "half of a pair in UTF-8": b'{"text": "\xed\xa0\x80"}',
    "a bare NUL": b'{"text": "a\x00b"}',
    "a bare line end": b'{"text": "a\nb"}',
    "single quotation marks": b"{'text': 'x'}",
    "a comma too many": b'{"text": "x",}',
    "a comment": b'/* a note */ {"text": "x"}',
    "form fields": b"text=x",
}
NO_NOTE = {
    "null": b"null",
    "a list": b"[]",
    "a list with a note": b'[{"text": "x"}]',
    "text": b'"x"',
    "a number": b"1",
    "true": b"true",
    "an empty object": b"{}",
    "a name in capitals": b'{"Text": "x"}',
    "a member too many": b'{"text": "x", "id": 1}',
    "another member": b'{"account_id": 1}',
    **{
        f"text: {value}": b'{"text": %s}' % value.encode()
        for value in ("null", "1", "1.5", "true", "[]", '["x"]', "{}", '{"text": "x"}')
    },
    "no text": b'{"text": ""}',
    "blank": b'{"text": " \\n\\t\\u00a0"}',
    "NUL": b'{"text": "a\\u0000b"}',
    "an escape character": b'{"text": "\\u001b[31m"}',
    "delete": b'{"text": "\\u007f"}',
    "next line": b'{"text": "\\u0085"}',
    "too long": json.dumps({"text": "x" * (LONGEST + 1)}).encode(),
}


def refusals(cases, status):
    return [pytest.param(body, status, id=name) for name, body in cases.items()]


@pytest.mark.parametrize(("body", "status"), refusals(NOT_JSON, 400) + refusals(NO_NOTE, 422))
def test_what_is_no_note_is_refused_and_not_repeated(refused_program, body, status):
    body = body.replace(b'"x"', f'"{INTRUDER}"'.encode())
    answer = refused_program.post(body)
    assert is_problem(answer, status)
    assert INTRUDER not in answer.text
    if status == 422:
        (error,) = answer.json["errors"]
        assert error["pointer"] in {"#", "#/text"}
        assert error["detail"] == answer.json["detail"]
    assert refused_program.texts() == []


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "a\x00b",
        "\ud800",
        "\udfff\ud800",
        "\ufffe",
        "\U0010ffff",
        "e\u0301" * 1000,
        "\u202e",
    ],
    ids=ascii,
)
def test_no_character_is_an_error_of_either_database(program_on, text):
    answer = program_on.post(json.dumps({"text": text}))
    if answer.status_code == 201:
        assert program_on.texts() == [text]
    else:
        assert is_problem(answer, 400 if "\ud800" in text else 422)
        assert program_on.texts() == []


def test_two_thousand_characters_of_any_script_are_kept(program):
    for text in ("\U0001f4dd" * LONGEST, "x" * LONGEST, "\u0439" * LONGEST):
        assert program.add(text)["text"] == text
    assert is_problem(program.post(json.dumps({"text": "\U0001f4dd" * LONGEST})), 413)


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "text/plain", "text/json", "application/x-www-form-urlencoded", "application/jsonx"),
        *("multipart/form-data; boundary=x", "application/problem+json", "application/json-seq"),
    ],
)
def test_another_kind_of_content_is_refused(refused_program, content_type):
    assert is_problem(refused_program.post('{"text": "x"}', content_type), 415)
    assert refused_program.texts() == []


def test_a_compressed_body_is_refused(refused_program):
    answer = refused_program.post('{"text": "x"}', headers={"Content-Encoding": "gzip"})
    assert is_problem(answer, 415)


def test_the_name_of_the_charset_changes_nothing(program):
    answer = program.post('{"text": "\xe9"}', "application/json; charset=utf-8")
    assert answer.json["text"] == "\xe9"


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"path": "/api/nothing"}, 404),
        ({"path": "/api/"}, 404),
        ({"path": f"{NOTES}/"}, 404),
        ({"path": f"{NOTES}/x"}, 404),
        ({"path": f"{NOTES}/{2**63}"}, 404),
        ({"path": f"{NOTES}/{2**63}", "method": "DELETE"}, 404),
        ({"path": f"{NOTES}/-1"}, 404),
        ({"path": f"{NOTES}/%00"}, 404),
        ({"method": "PUT"}, 405),
        ({"path": f"{NOTES}/1", "method": "PATCH"}, 405),
        ({"method": "POST", "data": b"x" * 20_000}, 413),
        ({"method": "POST", "headers": {"Transfer-Encoding": "chunked"}}, 411),
        ({"headers": {"Host": "evil.example"}}, 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_every_error_is_a_problem_in_json(refused_program, options, status):
    answer = refused_program.ask(**options)
    assert is_problem(answer, status)
    assert "page" not in answer.json["detail"].lower()
    if status == 405:
        one = {"GET", "HEAD", "OPTIONS", "DELETE"}
        expected = one if "path" in options else {"GET", "HEAD", "OPTIONS", "POST"}
        assert set(answer.headers["Allow"].split(", ")) == expected


def test_a_database_out_of_reach_is_a_problem_in_json(notes_app, program):
    with notes_app.extensions["database"].writing() as connection:
        connection.exec_driver_sql("ALTER TABLE notes RENAME TO lost")
    answer = program.ask()
    assert is_problem(answer, 503)
    assert answer.headers["Retry-After"] == "5"


def test_an_error_of_ours_is_a_problem_without_details(notes_app, program):
    # A view that fails stands in for a fault that nobody knows of yet.
    def fail(**_values):
        raise ZeroDivisionError("a secret of the database")

    notes_app.view_functions["api.list_notes"] = fail
    answer = program.ask()
    assert is_problem(answer, 500)
    assert "secret" not in answer.text


def test_head_answers_as_get_does_without_a_body(program):
    note = program.add("a note")
    for path in (NOTES, f"{NOTES}/{note['id']}", "/api/openapi.json"):
        answer = program.ask(path, "HEAD")
        assert (answer.status_code, answer.data) == (200, b"")
    program.token = "x"
    assert program.ask(method="HEAD").status_code == 401


def test_a_script_of_another_site_may_read_nothing(notes_app, program):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    anonymous = notes_app.test_client()
    answers = [
        program.ask(headers=headers),
        anonymous.options(NOTES, base_url=BASE_URL, headers=headers),
        anonymous.get(NOTES, base_url=BASE_URL, headers=headers),
        anonymous.get("/api/openapi.json", base_url=BASE_URL, headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 401, 200]
    for answer in answers:
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_no_answer_sets_a_cookie_or_is_kept(program):
    answers = [program.ask(), program.post('{"text": "x"}'), program.ask(f"{NOTES}/99")]
    for answer in answers:
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_log_holds_the_token(program, capfd):
    program.ask()
    program.token = program.mint(audience="somebody else")
    program.ask()
    program.ask(f"{NOTES}?access_token={program.token}")
    assert program.token.rpartition(".")[2] not in "".join(capfd.readouterr())


def test_browser_and_program_verify_with_one_set_of_keys(build_notes):
    app = build_notes(HANDOFF_PINNED_KEYS="")
    keys = app.extensions["handoff_receiver"].verifier.keys
    assert app.extensions["handoff_api"].verifier.keys is keys


def test_a_key_that_is_out_of_reach_is_a_problem_in_json(
    build_notes, free_port, issuer_key_ring, clock
):
    nobody = f"http://127.0.0.1:{free_port}/jwks.json"
    app = build_notes(HANDOFF_PINNED_KEYS="", HANDOFF_JWKS_URI=nobody)
    answer = Program(app, issuer_key_ring, clock).ask()
    assert is_problem(answer, 503)
    assert answer.json["error"] == "temporarily_unavailable"


def test_two_first_notes_at_once_make_one_account(app_on, program_on):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(program_on.post, ['{"text": "x"}'] * 8))
    assert [answer.status_code for answer in answers] == [201] * 8
    assert count_accounts(app_on) == 1
    assert program_on.texts() == ["x"] * 8


def test_the_page_leads_to_the_description(visitor):
    visitor.arrive()
    for path in ("/", "/notes"):
        page = visitor.get(path).text
        assert '<a href="/api/openapi.json">API</a>' in page
        assert 'rel="service-desc" type="application/json" href="/api/openapi.json"' in page


def test_random_bodies_are_no_error_of_ours(refused_program):
    for _ in range(50):
        assert refused_program.post(secrets.token_bytes(64)).status_code == 400


@CALLS_ARE_KNOWN
def test_a_bearer_request_takes_no_more_calls_than_before(notes_app, program):
    assert calls_of(notes_app, program.ask) <= MOST_CALLS
