"""A program on requests-oauthlib: a client with a secret, and OAuth 2.0 alone.

It prints where its user has to go, reads where they were sent back to, and prints who they are.
"""

import json
import os

from requests_oauthlib import OAuth2Session

issuer = os.environ["ISSUER"]
session = OAuth2Session(
    os.environ["CLIENT_ID"],
    redirect_uri=os.environ["REDIRECT_URI"],
    scope=["openid", "profile", "email"],
)
metadata = session.get(
    f"{issuer}/.well-known/oauth-authorization-server", withhold_token=True
).json()
address, _state = session.authorization_url(metadata["authorization_endpoint"])
print(address, flush=True)
session.fetch_token(
    metadata["token_endpoint"],
    authorization_response=input(),
    client_secret=os.environ["CLIENT_SECRET"],
)
print(json.dumps(session.get(metadata["userinfo_endpoint"]).json()))
