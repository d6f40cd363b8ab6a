"""SERVER2 registered as software that knows ID Tokens only, and reading them as such."""

import base64
import json
from urllib.parse import urlencode

import pytest

from tests.end_to_end.conftest import watched_pair
from tests.end_to_end.journey import fields_of, parameters_of
from tests.end_to_end.raw_http import ask, get_request
from tests.pair import running


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with watched_pair(
        tmp_path_factory.mktemp("oidc"),
        client={"policy": "oidc", "response_modes": ["form_post"]},
        server2={"HANDOFF_POLICY": "oidc", "HANDOFF_RESPONSE_MODE": "form_post"},
    ) as pair:
        yield pair


def test_the_token_is_a_plain_jwt_and_is_taken_once(signed_in):
    page = signed_in.get(signed_in.begin("/session").headers["Location"])
    header = fields_of(page)["id_token"].partition(".")[0]
    assert json.loads(base64.urlsafe_b64decode(header + "=="))["typ"] == "JWT"
    finish = signed_in.post_on(page)
    attempt = signed_in.cookies("s2_tx_")
    assert 'content="0; url=/session"' in signed_in.post_on(finish).text
    signed_in.http.cookies.clear(domain="127.0.0.1")
    signed_in.take_cookies(attempt)
    assert signed_in.post_on(finish).status_code == 403


def test_a_receiver_of_handoff_tokens_does_not_take_it(pair, signed_in):
    fields = fields_of(signed_in.get(signed_in.begin().headers["Location"]))
    ((name, value),) = signed_in.cookies("s2_tx_").items()
    callback = f"{pair.server2.base_url}/sso/callback?{urlencode(fields)}"
    strict = pair.replica(HANDOFF_POLICY="handoff", HANDOFF_RESPONSE_MODE="query")
    with running(strict):
        request = get_request(callback, headers=[f"Cookie: {name}={value}"])
        assert ask(strict.address, request).status == 403
    assert "code=token_malformed" in strict.log


def test_a_mode_that_is_not_registered_gets_a_page_and_no_redirect(signed_in):
    asked = signed_in.begin().headers["Location"]
    answer = signed_in.get(asked.replace("response_mode=form_post", "response_mode=query"))
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


def test_a_client_finds_everything_from_the_issuers_name(pair, signed_in):
    issuer = pair.server1.base_url
    metadata = signed_in.get(f"{issuer}/.well-known/openid-configuration").json()
    assert metadata["issuer"] == issuer
    asked = signed_in.begin().headers["Location"]
    assert asked.startswith(f"{metadata['authorization_endpoint']}?")
    assert parameters_of(asked)["response_type"] in metadata["response_types_supported"]
    assert parameters_of(asked)["response_mode"] in metadata["response_modes_supported"]
    (key,) = signed_in.get(metadata["jwks_uri"]).json()["keys"]
    assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}
