"""A program on its user's machine, on Authlib: a public client, with PKCE and a refresh token.

It prints where its user has to go, reads where they were sent back to, and prints who they are,
after it has refreshed twice: once when it wants to, and once since its token has expired.
"""

import json
import os

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import KeySet

issuer = os.environ["ISSUER"]
metadata = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=60).json()
session = OAuth2Session(
    os.environ["CLIENT_ID"],
    scope="openid profile email offline_access",
    redirect_uri=os.environ["REDIRECT_URI"],
    code_challenge_method="S256",
    token_endpoint=metadata["token_endpoint"],
)
verifier, nonce = generate_token(48), generate_token()
address, state = session.create_authorization_url(
    metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
)
print(address, flush=True)
token = session.fetch_token(
    metadata["token_endpoint"],
    authorization_response=input(),
    state=state,
    code_verifier=verifier,
)
keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=60).json())
claims = jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": issuer},
    aud={"essential": True, "value": os.environ["CLIENT_ID"]},
    nonce={"essential": True, "value": nonce},
).validate(claims)
held = [token["refresh_token"], session.refresh_token()["refresh_token"]]
session.token["expires_at"] = 1
about = session.get(metadata["userinfo_endpoint"]).json()
held.append(session.token["refresh_token"])
assert len({*held}) == 3
assert about["sub"] == claims["sub"]
print(json.dumps(about))
