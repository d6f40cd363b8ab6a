"""A service on requests-oauthlib, which authenticates with a secret.

It prints the access token that it gets for itself, and the one after it.
"""

import json
import os

from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

client_id = os.environ["CLIENT_ID"]
session = OAuth2Session(client=BackendApplicationClient(client_id, scope=["notes:read"]))
tokens = [
    session.fetch_token(f"{os.environ['ISSUER']}/token", client_secret=os.environ["CLIENT_SECRET"])[
        "access_token"
    ]
    for _ in range(2)
]
print(json.dumps(tokens))
