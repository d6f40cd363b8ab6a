#!/bin/bash
# httpx-auth 0.23.1 and requests-auth 8.0.0: a refresh token is good for one refresh, if the server does not change it.
#
# Seen: a command-line program signs its user in with OAuth2AuthorizationCode, whose tokens are refreshed by
# themselves. Access tokens are good for an hour, and the authorization server sends a refresh token once, with the
# first of them. After an hour the token is refreshed in silence; an hour later the browser opens, and the user is to
# sign in; and so on, at every second end of a token. A program without a person in front of it waits a minute for one,
# and fails. Where each refresh brings a new refresh token, one sign-in is enough.
#
# Expected: one sign-in with both servers. RFC 6749, section 6, leaves it to the server whether it sends a new refresh
# token, and only then has the client replace the old one; section 5.1 has the member optional. Google's and many other
# servers send none. Authlib's client, as a control, keeps the one that it has.
#
# Source: refresh_token() in httpx_auth/_oauth2/authorization_code.py and get_token() in tokens.py of that version, and
# their like in requests_auth, read there, and run here: what the answer has for a refresh token, even nothing, is what
# is stored. With PKCE and with the password grant it is the same code. Until then: a subclass whose refresh_token()
# gives the old one back where there is no new one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    httpx_auth==0.23.1 httpx==0.28.1 requests_auth==8.0.0 requests==2.34.2 Authlib==1.9.10

# The browser of a user whom the provider knows: it follows redirects, and has no questions.
cat >browser.py <<'PYTHON'
import sys
import urllib.request

urllib.request.urlopen(sys.argv[1], timeout=20)
PYTHON

cat >notes.py <<'PYTHON'
import importlib
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import requests
from authlib.integrations.requests_client import OAuth2Session

library, server_kind = sys.argv[1:]
happened = []


class AuthorizationServer(BaseHTTPRequestHandler):
    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        if self.path.startswith("/authorize"):
            happened.append("sign-in")
            self.send_response(302)
            answer = urlencode({"code": "1", "state": query["state"][0]})
            self.send_header("Location", f"{query['redirect_uri'][0]}?{answer}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        answer = {"access_token": "1", "token_type": "Bearer", "expires_in": 20}
        if form["grant_type"] == ["refresh_token"]:
            happened.append("refresh")
        if form["grant_type"] == ["authorization_code"] or server_kind == "new":
            answer["refresh_token"] = "1"
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def bind_on_loopback(server, bind=HTTPServer.server_bind):
    server.server_address = ("127.0.0.1", server.server_address[1])
    bind(server)


# Both libraries wait for the browser on every address of the machine.
HTTPServer.server_bind = bind_on_loopback
server = ThreadingHTTPServer(("127.0.0.1", 0), AuthorizationServer)
threading.Thread(target=server.serve_forever, daemon=True).start()
site = f"http://127.0.0.1:{server.server_port}"

# The tokens last 20 seconds. Each of the libraries refreshes a token 30 or 60 seconds before its end, so at every use.
if library == "authlib":
    client = OAuth2Session("notes", "secret", redirect_uri=f"{site}/callback", token_endpoint=f"{site}/token")
    address, _ = client.create_authorization_url(f"{site}/authorize")
    client.fetch_token(authorization_response=requests.get(address).url)
    get = client.get
else:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    auth = importlib.import_module(library).OAuth2AuthorizationCode(
        f"{site}/authorize",
        f"{site}/token",
        client_id="notes",
        redirect_uri_port=port,
        timeout=20,
    )
    get_with = httpx.get if library == "httpx_auth" else requests.get

    def get(address):
        get_with(address, auth=auth)

    get(f"{site}/notes")
for _ in range(4):
    get(f"{site}/notes")
print(*happened, sep=", ")
PYTHON

# see LIBRARY REFRESH_TOKENS EXPECTED
see() {
    local seen
    seen=$(BROWSER="$folder/venv/bin/python $folder/browser.py %s &" venv/bin/python notes.py "$1" "$2")
    echo "$1, $2 refresh token: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see httpx_auth new 'sign-in, refresh, refresh, refresh, refresh'
see httpx_auth same 'sign-in, refresh, sign-in, refresh, sign-in'
see requests_auth same 'sign-in, refresh, sign-in, refresh, sign-in'
see authlib same 'sign-in, refresh, refresh, refresh, refresh'
