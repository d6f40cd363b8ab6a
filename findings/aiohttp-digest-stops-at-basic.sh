#!/bin/bash
# aiohttp 3.14.5: DigestAuthMiddleware does not answer a server that names another scheme before Digest.
#
# Seen: a server offers Basic and Digest, each in a WWW-Authenticate field of its own, Basic first. The middleware has
# the right name and password, sends nothing after the 401, and returns it: to the caller it looks like a wrong
# password. With the two fields the other way round, all is well. Negotiate or Bearer first is as Basic, and so is one
# field with both challenges. No warning, no line in the log.
#
# Expected: 200. The docstring has the middleware take responses "containing a Digest authentication challenge", and
# RFC 9110, section 11.6.1, lets a server send several, in one field or in more, in any order; by section 11.4 the
# client picks the most secure scheme that it understands. httpx 0.28.1 and requests 2.34.2 sign in with two fields in
# this order; of a single field with both, requests finds the second.
#
# Source: DigestAuthMiddleware._authenticate() in aiohttp/client_middleware_digest_auth.py of that version, read there,
# and run here: headers.get() gives the first field of that name, and its first word has to be Digest. It bites whoever
# moves from requests or httpx to aiohttp: cameras and appliances that worked refuse the password. httpx had its share
# of that in 2020 (encode/httpx#1234). Until then: one of those two for such a server.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check aiohttp==3.14.5 httpx==0.28.1 requests==2.34.2

cat >sign_in.py <<'PYTHON'
import asyncio
import hashlib
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import httpx
import requests

client, order = sys.argv[1:]
DIGEST = 'Digest realm="notes", nonce="4f3b", qop="auth"'
OTHERS = {"Basic": 'Basic realm="notes"', "Negotiate": "Negotiate", "Bearer": 'Bearer realm="notes"'}
if order == "Basic and Digest in one":
    challenges = [f"{OTHERS['Basic']}, {DIGEST}"]
else:
    challenges = [DIGEST if name == "Digest" else OTHERS[name] for name in order.split(", ")]


def md5(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


class Notes(BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.signed()
        self.send_response(200 if good else 401)
        for challenge in () if good else challenges:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def signed(self):
        scheme, _, rest = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Digest":
            return False
        sent = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^",\s]+))', rest)}
        user, asked = md5("ada", "notes", "password"), md5(self.command, self.path)
        return sent["response"] == md5(user, "4f3b", sent["nc"], sent["cnonce"], "auth", asked)

    def log_message(self, *arguments):
        pass


async def with_aiohttp():
    digest = aiohttp.DigestAuthMiddleware("ada", "password")
    async with aiohttp.ClientSession(middlewares=(digest,)) as session, session.get(url) as response:
        return response.status


server = ThreadingHTTPServer(("127.0.0.1", 0), Notes)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/notes"
if client == "aiohttp":
    print(asyncio.run(with_aiohttp()))
elif client == "httpx":
    print(httpx.get(url, auth=httpx.DigestAuth("ada", "password"), trust_env=False).status_code)
else:
    print(requests.get(url, auth=requests.auth.HTTPDigestAuth("ada", "password")).status_code)
PYTHON

# see CLIENT CHALLENGES EXPECTED
see() {
    local seen
    seen=$(NO_PROXY=127.0.0.1 venv/bin/python sign_in.py "$1" "$2")
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see aiohttp Digest 200
see aiohttp 'Digest, Basic' 200
see aiohttp 'Basic, Digest' 401
see aiohttp 'Negotiate, Digest' 401
see aiohttp 'Bearer, Digest' 401
see aiohttp 'Basic and Digest in one' 401
see httpx 'Basic, Digest' 200
see httpx 'Negotiate, Digest' 200
see requests 'Basic, Digest' 200
see requests 'Basic and Digest in one' 200
