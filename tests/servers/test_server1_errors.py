import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_handoff.claims import system_clock
from tests.servers.accounts_visitor import CHEAP_HASHES, Visitor, running_accounts

HOSTILE = "<script>hostile(1)</script>"


def test_nothing_that_was_sent_stands_on_a_page(browser1):
    pages = [
        browser1.get(f"/{HOSTILE}", query_string={HOSTILE: HOSTILE}),
        browser1.get("/", headers={"User-Agent": HOSTILE, "Referer": HOSTILE}),
        browser1.get("/login", query_string={"continue": HOSTILE, "email": HOSTILE}),
        browser1.get("/authorize", query_string={"client_id": HOSTILE, "state": HOSTILE}),
        browser1.submit("/login", {"email": HOSTILE, "password": HOSTILE, "continue": HOSTILE}),
        browser1.post("/login", {"csrf_token": HOSTILE}),
        browser1.client.open("/login", base_url="http://localhost:5001", method="SCRIPT"),
    ]
    for page in pages:
        assert "hostile" not in page.text


def test_a_request_for_a_handoff_that_is_refused_has_a_page_in_our_look(browser1):
    answer = browser1.get("/authorize", query_string={"client_id": "nobody"})
    assert answer.status_code == 400
    assert "This request cannot be answered" in answer.text
    assert "knows passwords" in answer.text


TEXT = st.text(max_size=50) | st.sampled_from(
    ["\0", "\r\nSet-Cookie: a=b", "\ud800", "'; DROP TABLE users; --", "%00", "\u212a", "{{7*7}}"]
)


@pytest.fixture(scope="module")
def hostile_accounts(tmp_path_factory, server1_keys):
    """One server for all examples; its clock does not stand, so that throttles come and go."""
    environment = {
        "SERVER1_INSTANCE": str(tmp_path_factory.mktemp("hostile")),
        "HANDOFF_KEYS_DIRECTORY": str(server1_keys),
        **CHEAP_HASHES,
    }
    with running_accounts(environment, system_clock) as running:
        yield running


@given(fields=st.dictionaries(st.sampled_from(["email", "password", "continue"]), TEXT))
@settings(max_examples=100)
def test_no_form_is_an_error_of_ours(hostile_accounts, fields):
    visitor = Visitor(hostile_accounts)
    encoded = {name: value.encode("utf-8", "surrogatepass") for name, value in fields.items()}
    answer = visitor.submit("/login", encoded)
    assert answer.status_code in {303, 400, 403, 429}


@given(path=TEXT, query=st.dictionaries(TEXT, TEXT, max_size=3))
@settings(max_examples=100)
def test_no_address_is_an_error_of_ours(hostile_accounts, path, query):
    visitor = Visitor(hostile_accounts)
    address = "/" + path.encode("utf-8", "surrogatepass").decode("latin-1")
    client = visitor.client
    answer = client.get(
        "/",
        base_url=hostile_accounts.issuer,
        environ_overrides={"PATH_INFO": address},
        query_string={
            key.encode("utf-8", "replace"): value.encode("utf-8", "replace")
            for key, value in query.items()
        },
    )
    assert answer.status_code < 500


@given(cookie=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=100))
@settings(max_examples=100)
def test_no_cookie_is_an_error_of_ours(hostile_accounts, cookie):
    answer = Visitor(hostile_accounts).get_with_cookies("/", f"s1_session={cookie}")
    assert answer.status_code == 200
