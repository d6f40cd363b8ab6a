"""A program on requests-oauthlib that gives its tokens back: oauthlib makes the request.

It prints where its user has to go, reads where they were sent back to, and prints what it found.
"""

import json
import os

import requests
from oauthlib.oauth2 import WebApplicationClient
from requests_oauthlib import OAuth2Session

issuer = os.environ["ISSUER"]
client_id, secret = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
metadata = requests.get(f"{issuer}/.well-known/oauth-authorization-server", timeout=60).json()
client = WebApplicationClient(client_id)
session = OAuth2Session(
    client=client,
    redirect_uri=os.environ["REDIRECT_URI"],
    scope=["openid", "offline_access"],
)
address, _state = session.authorization_url(metadata["authorization_endpoint"])
print(address, flush=True)
tokens = session.fetch_token(
    metadata["token_endpoint"], authorization_response=input(), client_secret=secret
)


def revoke(which):
    address, headers, body = client.prepare_token_revocation_request(
        metadata["revocation_endpoint"], tokens[which], token_type_hint=which
    )
    answer = requests.post(
        address, data=body, headers=headers, auth=(client_id, secret), timeout=60
    )
    return answer.status_code


def userinfo():
    return session.get(metadata["userinfo_endpoint"]).status_code


found = {"before": userinfo(), "revoked": revoke("access_token"), "after": userinfo()}
tokens = session.refresh_token(metadata["token_endpoint"], auth=(client_id, secret))
found |= {"refreshed": userinfo(), "all revoked": revoke("refresh_token"), "at last": userinfo()}
print(json.dumps(found))
