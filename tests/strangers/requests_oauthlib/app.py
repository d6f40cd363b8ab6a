"""A program on requests-oauthlib, which knows OAuth 2.0 alone: with a secret, else with PKCE.

It prints where its user has to go, reads where they were sent back to, and prints who they are,
after it has refreshed twice: once when it wants to, and once since its token has expired.
"""

import json
import os

from requests_oauthlib import OAuth2Session

issuer, secret = os.environ["ISSUER"], os.environ["CLIENT_SECRET"] or None
session = OAuth2Session(
    os.environ["CLIENT_ID"],
    redirect_uri=os.environ["REDIRECT_URI"],
    scope=["openid", "profile", "email", "offline_access"],
    pkce=None if secret else "S256",
)
metadata = session.get(
    f"{issuer}/.well-known/oauth-authorization-server", withhold_token=True
).json()
address, _state = session.authorization_url(metadata["authorization_endpoint"])
print(address, flush=True)
token = session.fetch_token(
    metadata["token_endpoint"],
    authorization_response=input(),
    client_secret=secret,
)
client = {"client_id": os.environ["CLIENT_ID"], "client_secret": secret}
if not secret:
    del client["client_secret"]
refreshed = session.refresh_token(metadata["token_endpoint"], **client)
held = [token["refresh_token"], refreshed["refresh_token"]]
session.auto_refresh_url = metadata["token_endpoint"]
session.auto_refresh_kwargs = client
session.token_updater = lambda token: held.append(token["refresh_token"])
session.token = {**refreshed, "expires_in": -1, "expires_at": 1}
about = session.get(metadata["userinfo_endpoint"]).json()
assert len({*held}) == 3
print(json.dumps(about))
