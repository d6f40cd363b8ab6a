#!/bin/bash
# Authlib 1.9.10: PrivateKeyJWT that is given claims signs every client assertion with the same jti.
#
# Seen: OAuth2Session authenticates by private_key_jwt. Without an argument "claims" each request brings an assertion
# with a jti of its own. With one, such as claims={"exp": ...} or claims={}, the first jti is written into that very
# dict, and found there the next time: the second request and all that follow repeat it. A server that takes each
# jti once answers the first request, and refuses the others as invalid_client. The same holds for ClientSecretJWT.
#
# Expected: the argument adds claims, and changes nothing else. RFC 7519, section 4.1.7, wants a jti that is not
# assigned to another token; RFC 7523, section 3, lets a server refuse one that it has seen.
#
# Source: sign_jwt_bearer_assertion() of that version, read there, and run here. Claims are needed to make an
# assertion that is good for less than an hour. Until then: a subclass whose sign() sets self.claims anew.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    Authlib==1.9.10 joserfc==1.8.0 cryptography==50.0.2

cat >assertions.py <<'PYTHON'
import sys
from types import SimpleNamespace

from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import RSAKey

key = RSAKey.generate_key(2048)
client = SimpleNamespace(client_id="app", client_secret=key)


class ClaimsAnew(PrivateKeyJWT):
    def sign(self, auth, token_endpoint):
        self.claims = {}
        return super().sign(auth, token_endpoint)


method = {
    "no claims": lambda: PrivateKeyJWT(),
    "claims": lambda: PrivateKeyJWT(claims={}),
    "claims set anew": lambda: ClaimsAnew(),
}[sys.argv[1]]()
signed = [method.sign(client, "https://server.example/token") for _ in range(3)]
print(len({jwt.decode(one, key).claims["jti"] for one in signed}), "of 3 jti")
PYTHON

# see WHICH EXPECTED
see() {
    local seen
    seen=$(venv/bin/python assertions.py "$1")
    echo "$1: $seen"
    [ "$seen" = "$2" ] || { echo "expected: $2"; exit 1; }
}

see 'no claims' '3 of 3 jti'
see claims '1 of 3 jti'
see 'claims set anew' '3 of 3 jti'
