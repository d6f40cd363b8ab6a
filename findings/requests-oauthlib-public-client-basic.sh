#!/bin/bash
# requests-oauthlib 2.0.0: a client without a secret authenticates, by HTTP Basic with an empty password.
#
# Seen: OAuth2Session is made for a public client, with PKCE and no secret anywhere. Its token request carries
# "Authorization: Basic" for the client_id and an empty password, and no client_id in the body. Its argument
# include_client_id is None by default, "which will attempt to autodetect"; but nothing is looked at: every client for
# which it is not True gets the header. Authlib sends client_id in the body, and no header.
#
# Expected: RFC 6749, section 4.1.3, wants client_id in the body of a client that does not authenticate, and section
# 2.3.1 offers Basic to clients that were issued a password. A server may well refuse the empty one as a wrong secret,
# and its invalid_client points at a secret that the client was never to have.
#
# Source: OAuth2Session.fetch_token() of that version; read there, and run here. It matters to whoever writes a token
# endpoint that native apps in Python shall reach: take Basic with an empty password for what it means.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    requests-oauthlib==2.0.0 oauthlib==4.0.1 requests==2.34.2 Authlib==1.9.10

cat >clients.py <<'PYTHON'
import base64
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import authlib.integrations.requests_client
import requests_oauthlib


class TokenEndpoint(BaseHTTPRequestHandler):
    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        header = self.headers["Authorization"]
        basic = header and base64.b64decode(header.removeprefix("Basic ")).decode()
        print(f"header {basic}, client_id {form.get('client_id', [None])[0]}", end="")
        print(", verifier" if "code_verifier" in form else "")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"access_token": "a", "token_type": "Bearer"}).encode())

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), TokenEndpoint)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
callback = "http://127.0.0.1/callback"


def with_requests_oauthlib(**arguments):
    client = requests_oauthlib.OAuth2Session("app", redirect_uri=callback, pkce="S256")
    client.trust_env = False
    client.authorization_url(f"{base}/authorize")
    client.fetch_token(f"{base}/token", code="c", **arguments)


def with_authlib():
    client = authlib.integrations.requests_client.OAuth2Session(
        "app", redirect_uri=callback, code_challenge_method="S256"
    )
    client.trust_env = False
    verifier = "v" * 43
    client.create_authorization_url(f"{base}/authorize", code_verifier=verifier)
    client.fetch_token(f"{base}/token", code="c", code_verifier=verifier)


match sys.argv[1]:
    case "requests-oauthlib":
        with_requests_oauthlib()
    case "requests-oauthlib, include_client_id=True":
        with_requests_oauthlib(include_client_id=True)
    case "Authlib":
        with_authlib()
PYTHON

# see CLIENT EXPECTED
see() {
    local seen
    # Both want TLS for loopback as well, unless they are told otherwise.
    seen=$(OAUTHLIB_INSECURE_TRANSPORT=1 AUTHLIB_INSECURE_TRANSPORT=1 venv/bin/python clients.py "$1")
    echo "$1: $seen"
    [ "$seen" = "$2" ] || { echo "expected: $2"; exit 1; }
}

see requests-oauthlib 'header app:, client_id None, verifier'
see 'requests-oauthlib, include_client_id=True' 'header None, client_id app, verifier'
see Authlib 'header None, client_id app, verifier'
