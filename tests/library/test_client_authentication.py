from base64 import b64encode

import pytest

from flask_handoff.errors import ClientAuthenticationError, TokenRequestError
from flask_handoff.issuer.clients import ClientRegistry
from flask_handoff.issuer.clients.authentication import authenticate_client, secret_hash
from flask_handoff.web.parameters import ParameterReader

SECRET, NEXT = "s" * 43, "n" * 43
CODE_CLIENT = {
    "redirect_uris": ["https://wiki.example.com/callback"],
    "response_types": ["code"],
    "policy": "oidc",
}


def entry(client_id, *secrets):
    hashes = [secret_hash(secret) for secret in secrets]
    return {**CODE_CLIENT, "client_id": client_id, "name": client_id, "secret_hashes": hashes}


CLIENTS = ClientRegistry([entry("wiki", SECRET, NEXT), entry("other", "o" * 43), entry("app")])


def authenticate(authorization=None, **body):
    unverified = {name: value if type(value) is list else [value] for name, value in body.items()}
    read = ParameterReader(unverified, TokenRequestError)
    return authenticate_client(read, authorization, CLIENTS).client.client_id


def basic(client_id="wiki", secret=SECRET, scheme="Basic"):
    return f"{scheme} {b64encode(f'{client_id}:{secret}'.encode()).decode()}"


@pytest.mark.parametrize("secret", [SECRET, NEXT], ids=["old", "new"])
def test_a_client_authenticates_by_header_or_body(secret):
    assert authenticate(basic(secret=secret)) == "wiki"
    assert authenticate(client_id="wiki", client_secret=secret) == "wiki"


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "bAsIc"])
def test_the_scheme_has_no_case(scheme):
    assert authenticate(basic(scheme=scheme)) == "wiki"


def test_a_client_may_name_itself_in_the_body_as_well():
    assert authenticate(basic(), client_id="wiki") == "wiki"


def test_what_is_joined_was_form_encoded_before():
    assert authenticate(basic("wi%6bi", "%73" * 43)) == "wiki"


def test_a_public_client_only_says_who_it_is():
    assert authenticate(client_id="app") == "app"
    assert authenticate(client_id="app", client_secret="") == "app"
    assert authenticate(basic("app", "")) == "app"


REFUSED = {
    "nothing": (None, {}),
    "no secret": (None, {"client_id": "wiki"}),
    "an empty secret": (None, {"client_id": "wiki", "client_secret": ""}),
    "an empty secret in the header": (basic(secret=""), {}),
    "a wrong secret": (None, {"client_id": "wiki", "client_secret": SECRET[:-1]}),
    "a wrong secret in the header": (basic(secret=SECRET + "s"), {}),
    "the hash of the secret": (None, {"client_id": "wiki", "client_secret": secret_hash(SECRET)}),
    "another client's secret": (basic("other"), {}),
    "an unknown client": (basic("unknown"), {}),
    "a client in capitals": (basic("WIKI"), {}),
    "a secret of a public client": (None, {"client_id": "app", "client_secret": SECRET}),
    "a secret of a public client in the header": (basic("app"), {}),
    "another scheme": (basic(scheme="Bearer"), {"client_id": "app"}),
    "no scheme": (basic(scheme=""), {"client_id": "app"}),
    "not base64": ("Basic w!ki", {}),
    "not UTF-8": ("Basic " + b64encode(b"\xff:\xff").decode(), {}),
    "no colon": ("Basic " + b64encode(b"wiki").decode(), {}),
    "an empty header": ("", {"client_id": "app"}),
    "an assertion": (None, {"client_id": "app", "client_assertion": "eyJ"}),
    "a type of assertion": (basic(), {"client_assertion_type": "urn:x"}),
    "a secret that is no ASCII": (None, {"client_id": "wiki", "client_secret": "\u00df" * 43}),
}


@pytest.mark.parametrize(("authorization", "body"), REFUSED.values(), ids=list(REFUSED))
def test_a_client_that_proves_nothing_is_refused(authorization, body):
    with pytest.raises(ClientAuthenticationError) as refused:
        authenticate(authorization, **body)
    assert refused.value.error == "invalid_client"


def test_the_refusal_does_not_tell_which_clients_there_are():
    texts = set()
    for client_id, named in (("wiki", "wiki"), ("unknown", None)):
        with pytest.raises(ClientAuthenticationError) as refused:
            authenticate(client_id=client_id, client_secret="wrong")
        texts.add(str(refused.value))
        assert refused.value.claimed_client_id == named  # for the log of the issuer
    assert len(texts) == 1
    assert SECRET not in texts.pop()


@pytest.mark.parametrize(
    ("authorization", "body"),
    [
        (basic(), {"client_id": "wiki", "client_secret": SECRET}),
        (basic(), {"client_secret": SECRET}),
        (basic(), {"client_id": "other"}),
        (None, {"client_id": ["wiki", "wiki"], "client_secret": SECRET}),
        (None, {"client_id": "wiki", "client_secret": [SECRET, SECRET]}),
    ],
    ids=["header and body", "header and secret", "two clients", "client_id twice", "secret twice"],
)
def test_two_ways_at_once_are_refused(authorization, body):
    with pytest.raises(TokenRequestError) as refused:
        authenticate(authorization, **body)
    assert refused.type is TokenRequestError
    assert refused.value.error == "invalid_request"
