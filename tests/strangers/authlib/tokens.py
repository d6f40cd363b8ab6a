"""A program on Authlib that gives its tokens back, and a service that asks about one by its key.

It prints where its user has to go, reads where they were sent back to, and prints what it found.
"""

import json
import os
import time

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT

issuer = os.environ["ISSUER"]
metadata = requests.get(f"{issuer}/.well-known/oauth-authorization-server", timeout=60).json()
introspection = metadata["introspection_endpoint"]
with open(os.environ["KEY_FILE"], encoding="utf-8") as file:
    key = json.load(file)

program = OAuth2Session(
    os.environ["CLIENT_ID"],
    os.environ["CLIENT_SECRET"],
    scope=f"openid offline_access {os.environ['SCOPE']}",
    redirect_uri=os.environ["REDIRECT_URI"],
    token_endpoint=metadata["token_endpoint"],
    revocation_endpoint_auth_method="client_secret_basic",
)
service = OAuth2Session(
    key["client_id"],
    key["private_key"],
    token_endpoint_auth_method="private_key_jwt",
)


class ShortLived(PrivateKeyJWT):
    """Good for five minutes at most, as SERVER1 wants it; one dict of claims keeps its ``jti``."""

    def sign(self, auth, token_endpoint):
        self.claims = {"exp": int(time.time()) + 240}
        return super().sign(auth, token_endpoint)


service.register_client_auth_method(ShortLived(issuer, headers={"kid": key["key_id"]}))


def known(session, token):
    return session.introspect_token(introspection, token=token).json()


def is_active(session, token):
    return known(session, token)["active"]


def revoke(token, **hint):
    return program.revoke_token(metadata["revocation_endpoint"], token=token, **hint).status_code


address, state = program.create_authorization_url(
    metadata["authorization_endpoint"], nonce=generate_token()
)
print(address, flush=True)
first = program.fetch_token(authorization_response=input(), state=state)
access, refresh = first["access_token"], first["refresh_token"]
found = {
    "active at first": [is_active(service, access), is_active(program, refresh)],
    "told to the service": known(service, access)["aud"],
    "refresh token at the service": is_active(service, refresh),
    "access token revoked": revoke(access, token_type_hint="access_token"),
    "active then": [is_active(service, access), is_active(program, refresh)],
}
second = program.refresh_token(metadata["token_endpoint"], refresh_token=refresh)
found["active after a refresh"] = is_active(service, second["access_token"])
found["refresh token revoked"] = revoke(second["refresh_token"], token_type_hint="refresh_token")
found["active at last"] = [is_active(service, second["access_token"])]
found["unknown token revoked"] = revoke("unknown")
try:
    program.refresh_token(metadata["token_endpoint"], refresh_token=second["refresh_token"])
except OAuthError as error:
    found["refreshed again"] = error.error
print(json.dumps(found))
