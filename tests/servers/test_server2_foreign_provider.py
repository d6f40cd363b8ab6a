"""SERVER2 at a foreign OpenID Provider, whose ID Tokens name no scope and whose keys any kid."""

import json

import pytest

from tests.minimal_pair import query_of
from tests.servers.notes_visitor import ISSUER, Visitor
from tests.token_trial import Draft

KID = "https://idp.example.com/keys#" + "k" * 200


@pytest.fixture
def build(build_notes, issuer_key_ring, tmp_path):
    """Builds SERVER2 for a provider of a kid that only foreign ones have."""
    jwk = issuer_key_ring.signing_key.verification_key.to_jwk()
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [{"kty": "EC"}, {**jwk, "kid": KID}]}), encoding="utf-8")
    return lambda **settings: build_notes(
        HANDOFF_POLICY="oidc", HANDOFF_PINNED_KEYS=str(path), **settings
    )


def arrive(visitor, key, **about):
    """Sign in with an ID Token that holds no more than the standard asks for, and this."""
    asked = query_of(visitor.get("/sso/login?target_link_uri=/notes").location)
    now = int(visitor.clock().timestamp())
    dates = {"iat": now, "exp": now + 86_400}
    payload = {"iss": ISSUER, "sub": "ada", "aud": [asked["client_id"]], "nonce": asked["nonce"]}
    claims = {**payload, **dates, **about}
    token = Draft({"alg": "RS256", "kid": KID}, claims, key.private_key).signed()
    return visitor.get("/sso/callback", query_string={"id_token": token, "state": asked["state"]})


@pytest.mark.parametrize(("scope", "status"), [("", 403), ("notes:read notes:write", 200)])
def test_notes_can_be_used_with_the_default_scope(build, issuer_key_ring, clock, scope, status):
    visitor = Visitor(build(HANDOFF_DEFAULT_SCOPE=scope), issuer_key_ring, clock)
    assert arrive(visitor, issuer_key_ring.signing_key).location == "/notes"
    assert visitor.get("/notes").status_code == status
    if status == 200:
        visitor.add_note("written after a foreign sign-in")
        assert "written after a foreign sign-in" in visitor.get("/notes").text


OPENID = ["openid", "profile", "email"]


@pytest.mark.parametrize(
    ("named", "asked", "status"),
    [
        (" ".join(OPENID), OPENID, 200),
        (OPENID, OPENID, 200),
        # Such a value may have been left out on purpose, or put into the request by the user.
        (" ".join(OPENID), [*OPENID, "notes:read"], 403),
        ([*OPENID, "notes:read"], OPENID, 403),
        ([], OPENID, 403),
        ([*OPENID, {}], OPENID, 403),
    ],
    ids=str,
)
def test_the_default_counts_beside_scopes_of_openid_connect(
    build, issuer_key_ring, clock, named, asked, status
):
    notes = build(HANDOFF_SCOPE=" ".join(asked), HANDOFF_DEFAULT_SCOPE="notes:read")
    visitor = Visitor(notes, issuer_key_ring, clock)
    arrive(visitor, issuer_key_ring.signing_key, scope=named)
    assert visitor.get("/notes").status_code == status
