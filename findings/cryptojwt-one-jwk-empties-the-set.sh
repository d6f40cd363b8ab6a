#!/bin/bash
# cryptojwt 1.11.0, the keys of idpyoidc: one JWK with both "use" and "key_ops" makes a whole key set unusable.
#
# Seen: a provider publishes two keys, and one of them has "use": "sig" next to "key_ops": ["verify"]. KeyJar fetches
# the set, logs "Key bundle update failed: Not allowed to specify use and key_ops", and has no key at all, not even the
# other one: tokens that it signed are refused with NoSuitableSigningKeys. Such a key is quickly made: RSAAlgorithm of
# PyJWT, like a browser's exportKey("jwk"), writes key_ops without being asked; a provider adds kid, alg and use.
# PyJWT, joserfc and jwcrypto take both keys.
#
# Expected: both keys. RFC 7517, section 4.3, advises against both members in one key, but allows them when they say
# the same, as here. And if a key has to be refused, section 5 wants the set to go on without it; KeyBundle has an
# ignore_invalid_keys for that, which is on by default, and sees only errors of other types.
#
# Source: JWK.__init__() and KeyBundle.jwk_dicts_as_keys() of that version, read there, and run here. It matters to
# providers: publish "use" alone. Publishers notice nothing, as it is the clients' sign-ins that stop.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    cryptojwt==1.11.0 PyJWT==2.15.1 joserfc==1.8.0 jwcrypto==1.6.1 cryptography==50.0.2

cat >keys.py <<'PYTHON'
import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import cryptojwt
import joserfc.jwk
import jwcrypto.jwk
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptojwt.exception import JWKESTException
from cryptojwt.jwt import JWT
from jwt.algorithms import RSAAlgorithm

logging.disable()
members, reader = sys.argv[1:]
private = {kid: rsa.generate_private_key(65537, 2048) for kid in ("one", "two")}
keys = []
for kid, key in private.items():
    jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    jwk.update(kid=kid, alg="RS256", use="sig")
    if kid == "two" or members == "use":
        del jwk["key_ops"]
    elif members == "key_ops":
        del jwk["use"]
    keys.append(jwk)
key_set = json.dumps({"keys": keys})


class KeySet(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(key_set.encode())

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), KeySet)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/jwks"
issuer = "https://provider.example"


def with_cryptojwt():
    jar = cryptojwt.KeyJar()
    jar.add_url(issuer, url)
    return [key.kid for key in jar.get_issuer_keys(issuer)]


def a_token_of_the_other_key():
    jar = cryptojwt.KeyJar()
    jar.add_url(issuer, url)
    token = jwt.encode({"iss": issuer}, private["two"], "RS256", {"kid": "two"})
    try:
        JWT(key_jar=jar, iss="client").unpack(token)
        return ["good"]
    except JWKESTException as error:
        return [type(error).__name__]


def with_jwcrypto():
    found = jwcrypto.jwk.JWKSet.from_json(key_set)
    return [kid for kid in private if found.get_key(kid)]


print(
    *{
        "cryptojwt": with_cryptojwt,
        "a token": a_token_of_the_other_key,
        "jwcrypto": with_jwcrypto,
        "PyJWT": lambda: [key.key_id for key in jwt.PyJWKClient(url).get_signing_keys()],
        "joserfc": lambda: [key.kid for key in joserfc.jwk.KeySet.import_key_set(json.loads(key_set))],
    }[reader]()
)
PYTHON

# see MEMBERS READER EXPECTED
see() {
    local seen
    seen=$(env -u http_proxy -u HTTP_PROXY venv/bin/python -W ignore keys.py "$1" "$2")
    echo "$1, $2: ${seen:-none}"
    [ "$seen" = "$3" ] || { echo "expected: ${3:-none}"; exit 1; }
}

see use cryptojwt 'one two'
see key_ops cryptojwt 'one two'
see both cryptojwt ''
see key_ops 'a token' good
see both 'a token' NoSuitableSigningKeys
for reader in jwcrypto PyJWT joserfc; do
    see both "$reader" 'one two'
done
