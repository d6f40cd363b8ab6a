"""ID Tokens as providers document them: header, claims and set of keys. The keys are ours."""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from flask_handoff import OIDC, MemoryReplayStore, PinnedKeys, TokenVerifier
from flask_handoff.errors import HandoffRejectedError
from flask_handoff.keys.foreign import parse_foreign_jwks
from tests.token_trial import NONCE, Draft

JWT = {"alg": "RS256", "typ": "JWT"}
NO_TYPE = {"alg": "RS256"}
PERSON = {"name": "Ada Lovelace", "email": "ada@example.com", "email_verified": True}


@dataclass(frozen=True)
class Shape:
    """What one provider issues.

    Args:
        life, backdated: Seconds from ``iat`` to ``exp``, and from ``iat`` to now.
        claims: Beside those dates and the nonce.
        jwk: Members of the published key beside those of RFC 7518; ``kid`` is the header's.
        backdating: The setting.
        refused: Why, in part; None: it is accepted.
    """

    issuer: str
    client_id: str
    header: dict[str, Any]
    life: int
    claims: dict[str, Any]
    jwk: dict[str, Any] = field(default_factory=lambda: {"use": "sig", "alg": "RS256"})
    backdated: int = 0
    backdating: int = 0
    refused: str | None = None


KEYCLOAK = Shape(
    "https://sso.example.com/realms/main",
    "notes",
    {**JWT, "kid": "FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE"},
    300,
    {
        "jti": "6f2f0d5e-33a8-4e7a-a0c2-f0c0a1d0e5a1",
        "sub": "f2c8b6d0-6a3f-4f7c-8f8a-1d3b4e5f6a7b",
        "aud": "notes",
        "azp": "notes",
        "typ": "ID",
        "auth_time": -3,
        "sid": "0c3f1f5e-8f0e-4b58-9e2c-51c4b8f8b5a1",
        "acr": "1",
        "preferred_username": "ada",
        **PERSON,
    },
    {"use": "sig", "alg": "RS256", "x5c": ["MIICmzCCAYMCBgF"], "x5t": "a", "x5t#S256": "b"},
)
ENTRA_ID = Shape(
    "https://login.microsoftonline.com/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0",
    "6cb04018-a3f5-46a7-b995-940c78f5aef3",
    {**JWT, "kid": "1LTMzakihiRla_8z2BEJVXeWMqo"},
    3900,
    {
        "ver": "2.0",
        "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "aud": "6cb04018-a3f5-46a7-b995-940c78f5aef3",
        "nbf": -300,
        "name": "Ada Lovelace",
        "preferred_username": "ada@example.com",
        "oid": "00000000-0000-0000-66f3-3332eca7ea81",
        "tid": "9122040d-6c67-4c5b-b112-36a304b66dad",
        "aio": "Df2UVXL1ix!lMCWMSOJBcFatzcGfvFGhjKv8q5g0x732dR5MB5BisvGQO7YWByjd8iQDLq",
    },
    {"use": "sig", "x5t": "1LTMzakihiRla_8z2BEJVXeWMqo", "x5c": ["MIIDYDCCAkigAwIBAgIJ"]},
    backdated=300,
    backdating=300,
)
ADFS = Shape(
    "https://adfs.example.com/adfs",
    "8cf0e5d1-1c2f-4a0e-9b3a-2f6f8a4c6f10",
    {**JWT, "x5t": "CJ2cKx1pSxyEkHTQW2AWlXVHWNM", "kid": "CJ2cKx1pSxyEkHTQW2AWlXVHWNM"},
    3600,
    {
        "aud": "8cf0e5d1-1c2f-4a0e-9b3a-2f6f8a4c6f10",
        "nbf": 0,
        "auth_time": -2,
        "mfa_auth_time": -2,
        "sub": "MvjzQiSvYFpKNbNpvDY5y0gVLzkHAfxbz7sLZbRrtCo=",
        "upn": "ada@example.com",
        "unique_name": "EXAMPLE\\ada",
        "sid": "S-1-5-21-3623811015-3361044348-30300820-1013",
        "ver": "1.0",
    },
    {"use": "sig", "alg": "RS256", "x5t": "CJ2cKx1pSxyEkHTQW2AWlXVHWNM", "x5c": ["MIIC4jCC"]},
)
OKTA = Shape(
    "https://example.okta.com/oauth2/default",
    "0oabucvyc38HLL1ef0h7",
    {**NO_TYPE, "kid": "zPHyN_1b-2-kD3cJm0pWc9v3eYFzcDbG9YtAd0mD8S4"},
    3600,
    {
        "ver": 1,
        "sub": "00uid4BxXw6I6TV4m0g3",
        "aud": "0oabucvyc38HLL1ef0h7",
        "jti": "ID.4eAWJOCMB3SX8XewDfVR",
        "amr": ["pwd", "otp"],
        "idp": "00ok1u7AsAkrwdZL3z9x",
        "auth_time": -5,
        **PERSON,
    },
)
AUTH0 = Shape(
    "https://example.eu.auth0.com/",
    "xyvKBHJ6R4gK2xIbdpM3tyVWkVYZkvtc",
    {**JWT, "kid": "NEVBNUNBOTgxRkE5NkQzQzc4OTBEMzJCMTYzN0E0NTFGNzZDQkUzQg"},
    36_000,
    {
        "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
        "aud": "xyvKBHJ6R4gK2xIbdpM3tyVWkVYZkvtc",
        "sid": "EQyLmlDrgwZj7jKSPUIzc0rXKY8Nnkk2",
        "nickname": "ada",
        "picture": "https://s.gravatar.com/avatar/x?s=480",
        "updated_at": "2026-11-29T10:13:43.361Z",
        "https://example.com/roles": ["editor"],
        **PERSON,
    },
    {"use": "sig", "alg": "RS256", "x5c": ["MIIDBzCC"], "x5t": "NEVBNUNBOTgxRkE5"},
)
GOOGLE = Shape(
    "https://accounts.google.com",
    "1234987819200.apps.googleusercontent.com",
    {**JWT, "kid": "f05415b13acb9590f70df862765c655f5a7a019e"},
    3600,
    {
        "azp": "1234987819200.apps.googleusercontent.com",
        "aud": "1234987819200.apps.googleusercontent.com",
        "sub": "10769150350006150715113082367",
        "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
        "hd": "example.com",
        "jti": "5c4a1b0b7d1f4c0e8a7d3f6d2f9f5b1c0a4e6d7f",
        **PERSON,
    },
)
AUTHENTIK = Shape(
    "https://auth.example.com/application/o/notes/",
    "3kZ0bKq7bq3XyQ1gJ0b7",
    {**JWT, "kid": "5c0f8a3bd3e1e5a6cfa17d9bb0a5d8e1"},
    300,
    {
        "sub": "8d5f1e6c0a3b9c7d2e4f6a8b0c1d3e5f7a9b1c3d5e7f9a0b2c4d6e8f0a1b3c5d",
        "aud": "3kZ0bKq7bq3XyQ1gJ0b7",
        "auth_time": -4,
        "acr": "goauthentik.io/providers/oauth2/default",
        "amr": ["pwd"],
        "sid": "e5b0c6b9f1a34f3f9d6fd8a1c9d5f5e8",
        "uid": "a6iGxkQfYyT7mXy6bC7oD6",
        "groups": ["editors"],
        **PERSON,
    },
    {"use": "sig", "alg": "RS256", "x5c": ["MIIFVjCC"], "x5t": "x"},
)
DUENDE = Shape(
    "https://demo.example.com",
    "notes",
    {**JWT, "kid": "2B1E7F0A4B6C4D0D8B7C0F3E6A5D4C3B"},
    300,
    {
        "nbf": 0,
        "aud": "notes",
        "amr": ["pwd"],
        "s_hash": "ZKqGJHgEQ0XY3yZbrHXxXA",
        "sid": "B7C3E1F0A9D84F5C8E2A6B4D3C1F0E9D",
        "sub": "88421113",
        "auth_time": -9,
        "idp": "local",
    },
)
HYDRA = Shape(
    "https://hydra.example.com/",
    "notes",
    {**JWT, "kid": "public:hydra.openid.id-token"},
    3600,
    {
        "acr": "0",
        "aud": ["notes"],
        "auth_time": -8,
        "jti": "3f0b9c1e-5e62-4a8e-9b1a-0a3f4a1f7d2e",
        "rat": -12,
        "sid": "f1b2a3c4-9d5e-4f6a-8b7c-0d1e2f3a4b5c",
        "sub": "ada@example.com",
    },
)
ZITADEL = Shape(
    "https://example.zitadel.cloud",
    "170086305048166399",
    {**NO_TYPE, "kid": "257895867123456789"},
    43_200,
    {
        "sub": "170086363054473216",
        "aud": ["170086305048166399"],
        "azp": "170086305048166399",
        "client_id": "170086305048166399",
        "amr": ["pwd"],
        "auth_time": -6,
        "sid": "V1_257895867123456790",
        **PERSON,
    },
)
DEX = Shape(
    "https://dex.example.com/dex",
    "notes",
    {**NO_TYPE, "kid": "6fbbf1e32ff3ea8e0a0eb5e8c4d4ee1d2f7a9b0c"},
    86_400,
    {
        "sub": "CgVhbGljZRIEbGRhcA",
        "aud": "notes",
        "at_hash": "PPVN-MdVLDCcKLFYHqPZkA",
        "groups": ["editors"],
        **PERSON,
    },
)
APPLE = Shape(
    "https://appleid.apple.com",
    "com.example.notes",
    {**NO_TYPE, "kid": "fh6Bs8C"},
    86_400,
    {
        "sub": "001234.abcdef0123456789abcdef0123456789.0912",
        "aud": "com.example.notes",
        "c_hash": "iUgXqTmnLxLKx3mvMRYxzA",
        "email": "x9y8z7w6v5@privaterelay.appleid.com",
        "email_verified": "true",
        "is_private_email": "true",
        "auth_time": -2,
        "nonce_supported": True,
    },
)
COGNITO = Shape(
    "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example12",
    "1example23456789",
    {**NO_TYPE, "kid": "1234example+/56789012345678901234567890123="},
    3600,
    {
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "cognito:groups": ["editors"],
        "cognito:username": "ada",
        "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "aud": "1example23456789",
        "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
        "token_use": "id",
        "auth_time": -1,
        "jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeef",
        **PERSON,
    },
)
GITLAB = Shape(
    "https://gitlab.example.com",
    "2f3d4c5b6a798897a6b5c4d3e2f10a1b2c3d4e5f60718293a4b5c6d7e8f90a1b",
    {**JWT, "kid": "kewiQq9jiC84CvSsJYOB-N6A8WFLSV20Mb-y7IlWDSQ"},
    120,
    {
        "sub": "574832",
        "aud": "2f3d4c5b6a798897a6b5c4d3e2f10a1b2c3d4e5f60718293a4b5c6d7e8f90a1b",
        "sub_legacy": "90b0c1f8d7e6",
        "auth_time": -30,
        "nickname": "ada",
        "website": "",
        "groups_direct": ["team"],
        **PERSON,
    },
)

SHAPES = {
    "Keycloak": KEYCLOAK,
    "Entra ID": ENTRA_ID,
    "AD FS": ADFS,
    "Okta": OKTA,
    "Auth0": AUTH0,
    "Google": GOOGLE,
    "authentik": AUTHENTIK,
    "Duende": DUENDE,
    "Hydra": HYDRA,
    "Zitadel": ZITADEL,
    "dex": DEX,
    "Apple": APPLE,
    "Cognito": COGNITO,
    "GitLab": GITLAB,
    "Entra ID, the setting missing": replace(
        ENTRA_ID, backdating=0, refused="299 s before this sign-in began"
    ),
    "Entra ID, of another tenant": replace(
        ENTRA_ID, issuer=ENTRA_ID.issuer.replace("9122", "0122"), refused='claim "iss"'
    ),
    "Google, its name without https": replace(
        GOOGLE, claims={**GOOGLE.claims, "iss": "accounts.google.com"}, refused='claim "iss"'
    ),
    # Its project and the other clients of it, which could use the token here.
    "Zitadel, for the whole project": replace(
        ZITADEL,
        claims={**ZITADEL.claims, "aud": ["170086305048166399", "170086305048166400"]},
        refused='claim "aud"',
    ),
    "Okta, a second client": replace(
        OKTA, claims={**OKTA.claims, "azp": "0oa2"}, refused='claim "azp"'
    ),
    "Auth0, signed with the client's secret": replace(
        AUTH0, header={**AUTH0.header, "alg": "HS256"}, refused='header "alg"'
    ),
    "Keycloak, signed with ES256": replace(
        KEYCLOAK, header={**KEYCLOAK.header, "alg": "ES256"}, refused='header "alg"'
    ),
}


def key_set(shape, key):
    signs = key.verification_key.to_jwk()
    signs = {name: signs[name] for name in ("kty", "n", "e")} | shape.jwk
    others = [
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "ec", "use": "sig"},
        {**signs, "kid": "enc", "use": "enc", "alg": "RSA-OAEP"},
        {**signs, "kid": "of an old card", "n": "AQAB"},
    ]
    return {"keys": [*others, {**signs, "kid": shape.header["kid"]}]}


def judge(shape, key, clock, store):
    """Issue a token of this shape, and have it read with the provider's settings."""
    document = json.dumps(key_set(shape, key)).encode()
    now = int(clock().timestamp())
    told = {
        name: now + value if name in {"nbf", "auth_time", "mfa_auth_time", "rat"} else value
        for name, value in shape.claims.items()
    }
    issued_at = now - shape.backdated
    dates = {"iat": issued_at, "exp": issued_at + shape.life}
    payload = {"iss": shape.issuer, "nonce": NONCE, **dates, **told}
    issuer = ENTRA_ID.issuer if "microsoftonline" in shape.issuer else shape.issuer
    verifier = TokenVerifier(
        issuer=issuer,
        audience=shape.client_id,
        keys=PinnedKeys(parse_foreign_jwks(document).values()),
        replay_store=store,
        profile=replace(OIDC, backdating=timedelta(seconds=shape.backdating)),
        clock=clock,
    )
    token = Draft(shape.header, payload, key.private_key).signed()
    return verifier.verify(token, nonce=NONCE, begun_at=clock() - timedelta(milliseconds=400))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_a_token_of_this_shape_is_taken_or_refused_for_a_reason(shape, key_ring, clock):
    try:
        claims = judge(shape, key_ring.signing_key, clock, MemoryReplayStore())
    except HandoffRejectedError as error:
        assert shape.refused
        assert shape.refused in str(error)
    else:
        assert shape.refused is None
        assert claims.subject == shape.claims["sub"]
        assert claims.audience == shape.client_id
        assert claims.name == shape.claims.get("name")
        assert claims.email == shape.claims.get("email")
        assert claims.email_verified is (shape.claims.get("email_verified") is True)


def test_what_apple_writes_as_text_is_left_out_and_logged(key_ring, clock, caplog):
    claims = judge(APPLE, key_ring.signing_key, clock, MemoryReplayStore())
    assert (claims.email_verified, claims.email) == (False, APPLE.claims["email"])
    assert "claims left out, not of their form: claims=email_verified jti=- iss=" in caplog.text
