"""What the API's description says, held against what the API does."""

import re

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode

from flask_service.human_text import trimmed
from server2.api_description import describe
from tests.servers.notes_program import ALL, shared_program
from tests.servers.notes_visitor import BASE_URL, ISSUER

EXAMPLES = 50  # good requests to each operation, and as many bad ones
# A body over 16 KiB is refused before it is read, whether it would be a good one or not.
TOO_LARGE = {
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "413"]},
        "negative_data_rejection": {"expected-statuses": ["400", "404", "413", "415", "422"]},
    }
}
DESCRIPTION = describe(BASE_URL, ISSUER)
OPERATIONS = [
    (path, method)
    for path, item in DESCRIPTION["paths"].items()
    for method in item
    if method != "parameters"
]


@pytest.fixture(scope="module")
def program(tmp_path_factory, issuer_public_key, issuer_key_ring):
    instance = tmp_path_factory.mktemp("described")
    with shared_program(instance, issuer_public_key, issuer_key_ring) as shared:
        yield shared


@pytest.fixture(scope="module")
def schema(program):
    return schemathesis.openapi.from_wsgi(
        "/api/openapi.json",
        program.app,
        base_url=BASE_URL,
        config=SchemathesisConfig.from_dict(TOO_LARGE),
    )


def test_the_description_is_good_openapi(schema):
    assert DESCRIPTION["openapi"].startswith("3.1.")
    schema.validate()


def test_every_route_is_described_and_nothing_else_is(program):
    routes = {
        (re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in program.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.endpoint.startswith("api.")
    }
    assert routes == {*OPERATIONS, ("/api/openapi.json", "get")}


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_scope_that_is_described_is_the_one_needed(program, path, method):
    (needed,) = DESCRIPTION["paths"][path][method]["security"]
    (scope,) = needed["signIn"]
    for held in ALL.split():
        headers = {"Authorization": f"Bearer {program.mint(held)}"}
        url = path.replace("{note_id}", "1")
        answer = program.ask(url, method, json={"text": "x"}, headers=headers)
        assert (answer.status_code == 403) == (held != scope)


@pytest.mark.parametrize(("held", "status"), [("a b", 400), ("forged", 401), (None, 403)])
def test_a_challenge_is_described_where_one_is_sent(program, held, status):
    headers = {"Authorization": f"Bearer {held or program.mint('notes:read')}"}
    answer = program.ask("/api/notes", "POST", json={"text": "x"}, headers=headers)
    assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (status, True)
    described = DESCRIPTION["paths"]["/api/notes"]["post"]["responses"][str(status)]
    name = described["$ref"].removeprefix("#/components/responses/")
    assert "WWW-Authenticate" in DESCRIPTION["components"]["responses"][name]["headers"]


def test_a_text_is_blank_to_the_description_as_to_the_server():
    new_note = DESCRIPTION["components"]["schemas"]["NewNote"]
    fits = re.compile(new_note["properties"]["text"]["pattern"])
    for character in map(chr, (*range(0xA0, 0x3001), 0xFEFF)):
        assert bool(fits.search(character)) is bool(trimmed(character)), ascii(character)


def test_the_description_leads_to_the_issuer_that_was_set(build_notes):
    app = build_notes(
        HANDOFF_ISSUER="https://issuer.example/", HANDOFF_BASE_URL="https://n.example"
    )
    answer = app.test_client().get("/api/openapi.json", base_url="https://n.example")
    assert answer.mimetype == "application/json"
    assert answer.json == describe("https://n.example", "https://issuer.example/")
    sign_in = answer.json["components"]["securitySchemes"]["signIn"]["openIdConnectUrl"]
    assert sign_in == "https://issuer.example/.well-known/openid-configuration"


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_requests_made_from_the_description_are_answered_by_it(schema, program, path, method, mode):
    statuses = set()

    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(schema[path][method].as_strategy(generation_mode=mode))
    def send(case):
        headers = {"Authorization": f"Bearer {program.token}"}
        statuses.add(case.call_and_validate(base_url=BASE_URL, headers=headers).status_code)

    send()
    expected = {200, 201, 204, 404} if mode is GenerationMode.POSITIVE else {400, 404, 422}
    assert statuses & expected
