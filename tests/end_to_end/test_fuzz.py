"""What a fuzzer sends to the query and form endpoints, over real HTTP: no 5xx, nothing repeated."""

from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.end_to_end.endpoints import endpoints_of
from tests.end_to_end.raw_http import ask, head

EXAMPLES = 400  # requests to each server
CANARY = "canary<'\">bird"

NAMES = [
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"),
    *("prompt", "max_age", "login_hint", "continue", "request", "iss", "target_link_uri"),
    *(
        "id_token",
        "error",
        "error_description",
        "csrf_token",
        "email",
        "password",
        "text",
        "before",
        "limit",
    ),
    *("name", "token", "new_password", "sid", "strength", "done"),
]
VALUES = [
    *("server2", "id_token", "query", "form_post", "openid", "none", "login", "0", "/notes"),
    *("access_denied", "ada@example.com", "x" * 43, f"{'e' * 40}.{'e' * 80}.{'e' * 342}", CANARY),
]

# As they may stand on the wire: what browsers write, and what they never would.
percent_encoded = st.one_of(
    st.sampled_from(VALUES).map(quote),
    st.text(max_size=40).map(lambda text: quote(text, errors="surrogatepass")),
    st.binary(max_size=40).map(quote_from_bytes),
    st.text(alphabet="%&=;+#?/\\ab0123456789.~-_", max_size=40),
)
pairs = st.tuples(st.one_of(st.sampled_from(NAMES), percent_encoded), percent_encoded)
parameters = st.lists(pairs, max_size=10).map(
    lambda given_pairs: "&".join(f"{name}={value}" for name, value in given_pairs)
)
cookies = st.lists(
    st.tuples(
        st.sampled_from(["s1_session", "s2_session", "s2_tx_" + "a" * 43, "s2_tx_", "x"]),
        st.text(alphabet='abcdefABC019._-=" ', max_size=60),
    ),
    max_size=4,
).map(lambda given_pairs: "; ".join(f"{name}={value}" for name, value in given_pairs))
content_types = st.sampled_from(
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""]
)


@pytest.mark.parametrize("name", ["server1", "server2"])
def test_whatever_a_fuzzer_sends_no_answer_is_an_error_of_ours(pair, name):
    server = getattr(pair, name)
    places = (f"{pair.server1.base_url}/", f"{pair.server2.base_url}/", "/")
    asked = [
        (method, endpoint.path)
        for endpoint in endpoints_of(server)
        for method in sorted(endpoint.methods & {"GET", "POST"})
    ]
    seen = set()

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(st.sampled_from(asked), parameters, cookies, content_types)
    def fuzz(where, fields, jar, content_type):
        method, path = where
        target, body = (path, fields) if method == "POST" else (f"{path}?{fields}", "")
        lines = [
            f"{method} {target.replace('#', '%23').replace(' ', '%20')} HTTP/1.1",
            f"Host: {server.host}",
            f"Cookie: {jar}",
            f"Content-Length: {len(body)}",
            f"Content-Type: {content_type}",
        ]
        answer = ask(server.address, head(*lines) + body.encode())
        seen.add(answer.status)
        assert answer.status < 500
        assert CANARY not in answer.text
        assert answer.headers.get("Location", "/").startswith(places)
        assert not answer.headers.get("Location", "/").startswith("//")

    fuzz()
    assert {200, 303} <= seen and seen & {400, 403}, "the fuzzer never came past the front door"
