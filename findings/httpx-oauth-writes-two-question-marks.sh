#!/bin/bash
# httpx-oauth 0.17.0: what an authorization endpoint has in its query swallows the first parameter of the request.
#
# Seen: a provider's metadata name an authorization endpoint with a query of its own, as those of Azure AD B2C do:
# ".../authorize?p=b2c_1_sign_in". get_authorization_url() puts a second question mark behind that, and its parameters
# after it. The provider reads one parameter "p", with the value "b2c_1_sign_in?response_type=code", and no
# response_type at all: a policy that it does not know, and a request that is not complete. The class OpenID takes the
# address from the metadata, so the author of the application has never seen either question mark.
#
# Expected: one query. RFC 6749, section 3.1, lets the endpoint have one, and wants it retained when parameters are
# added; oauthlib does so. That B2C publishes such addresses, and that a library of JavaScript once took them for plain
# ones, is told in damienbod/angular-auth-oidc-client#57.
#
# Source: BaseOAuth2.get_authorization_url() in httpx_oauth/oauth2.py of that version, read there, and run here. Until
# then: set the client's authorize_endpoint without its query, and give that as extras_params.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check httpx-oauth==0.17.0 httpx==0.28.1 oauthlib==4.0.1

cat >sign_in.py <<'PYTHON'
import asyncio
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import httpx
from httpx_oauth.clients.openid import OpenID
from oauthlib.oauth2 import WebApplicationClient

library, query = sys.argv[1:]


class Provider(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/.well-known/openid-configuration":
            answer = {"authorization_endpoint": f"{provider}/authorize{query}", "token_endpoint": f"{provider}/token"}
        else:
            answer = dict(parse_qsl(urlsplit(self.path).query))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
provider = f"http://127.0.0.1:{server.server_port}"
callback = "http://localhost/callback"
client = OpenID("app", "secret", f"{provider}/.well-known/openid-configuration")
if library == "oauthlib":
    endpoint = client.openid_configuration["authorization_endpoint"].replace("http:", "https:")
    page = WebApplicationClient("app").prepare_request_uri(endpoint, callback).replace("https:", "http:")
elif library == "extras_params":
    client.authorize_endpoint, _, own = client.authorize_endpoint.partition("?")
    page = asyncio.run(client.get_authorization_url(callback, extras_params=dict(parse_qsl(own))))
else:
    page = asyncio.run(client.get_authorization_url(callback))
received = httpx.get(page).json()
print(*(f"{name}={received[name]}" for name in ("p", "response_type", "client_id") if name in received))
PYTHON

# see LIBRARY QUERY EXPECTED
see() {
    local seen
    seen=$(venv/bin/python sign_in.py "$1" "$2")
    echo "$1, /authorize$2: the provider has $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see httpx-oauth '' 'response_type=code client_id=app'
see httpx-oauth '?p=b2c_1_sign_in' 'p=b2c_1_sign_in?response_type=code client_id=app'
see extras_params '?p=b2c_1_sign_in' 'p=b2c_1_sign_in response_type=code client_id=app'
see oauthlib '?p=b2c_1_sign_in' 'p=b2c_1_sign_in response_type=code client_id=app'
