"""A program on requests-oauthlib, which knows OAuth 2.0 alone: with a secret, else with PKCE.

It prints where its user has to go, reads where they were sent back to, and prints who they are.
"""

import json
import os

from requests_oauthlib import OAuth2Session

issuer, secret = os.environ["ISSUER"], os.environ["CLIENT_SECRET"] or None
session = OAuth2Session(
    os.environ["CLIENT_ID"],
    redirect_uri=os.environ["REDIRECT_URI"],
    scope=["openid", "profile", "email"],
    pkce=None if secret else "S256",
)
metadata = session.get(
    f"{issuer}/.well-known/oauth-authorization-server", withhold_token=True
).json()
address, _state = session.authorization_url(metadata["authorization_endpoint"])
print(address, flush=True)
session.fetch_token(
    metadata["token_endpoint"],
    authorization_response=input(),
    client_secret=secret,
)
print(json.dumps(session.get(metadata["userinfo_endpoint"]).json()))
