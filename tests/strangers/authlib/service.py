"""A service on Authlib, which authenticates with its key at Authlib's own audience.

It prints the access token that it gets for itself, and the one after it.
"""

import json
import os
import time

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT

session = OAuth2Session(
    os.environ["CLIENT_ID"],
    os.environ["CLIENT_KEY"],
    scope="notes:read",
    grant_type="client_credentials",
    token_endpoint_auth_method="private_key_jwt",
)


def access_token():
    # Made anew for each: given claims, it signs the same jti again. By default it lives an hour.
    session.register_client_auth_method(PrivateKeyJWT(claims={"exp": int(time.time()) + 60}))
    return session.fetch_token(f"{os.environ['ISSUER']}/token")["access_token"]


print(json.dumps([access_token(), access_token()]))
