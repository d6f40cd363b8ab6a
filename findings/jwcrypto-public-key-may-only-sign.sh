#!/bin/bash
# jwcrypto 1.6.1 and joserfc 1.8.0: the public half of a key that may sign says that it may only sign.
#
# Seen: an issuer has its private key as a JWK with "key_ops": ["sign"], as Web Crypto exports a private key that signs.
# It publishes what export_public() of jwcrypto, or as_dict(private=False) of joserfc, makes of it: a public key with
# "key_ops": ["sign"]. From then on it depends on the reader whether the issuer's tokens are good. PyJWT, which does not
# look at key_ops, takes them, and with it the issuer's tests may pass. Both libraries that write such a key refuse it
# themselves, and so does Web Crypto, tried with Node.js 20.20.2. jwcrypto says "Verification failed", as for a forged
# token, or, with a key set, "No working key found", as if the kid were wrong.
#
# Expected: "verify", or no key_ops. RFC 7517, section 4.3: key_ops says what this key is meant for, and of its values
# "sign" is to compute a signature, which takes the private key, and "verify" to verify one. Web Crypto gives the two
# halves of a pair different key_ops, and so does public_jwk() of jwskate, the control here.
#
# Source: _public_params() and _check_constraints() in jwcrypto/jwk.py, as_dict() and check_key_op() in
# joserfc/_rfc7517/models.py of those versions, read there, and run here: key_ops counts as public, and is copied as it
# is. It matters to who publishes keys, and shows only at those who verify. Until then: as_dict(private=False,
# key_ops=["verify"]), and the like by hand with jwcrypto.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    jwcrypto==1.6.1 joserfc==1.8.0 jwskate==0.12.2 PyJWT==2.15.1 cryptography==50.0.2

cat >publish.py <<'PYTHON'
import json
import sys

import jwt
import jwcrypto.jwk
import jwcrypto.jwt
import joserfc.jwk
import joserfc.jwt
import jwskate
from cryptography.hazmat.primitives.asymmetric import ec

publisher, key_ops = sys.argv[1:]
private = jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
private |= {"kid": "1", "alg": "ES256"}
if key_ops != "none":
    private["key_ops"] = [key_ops]
token = jwt.encode({"sub": "ann"}, jwt.PyJWK(private), headers={"kid": "1"})
published = {
    "jwcrypto": lambda: jwcrypto.jwk.JWK(**private).export_public(as_dict=True),
    "joserfc": lambda: joserfc.jwk.JWKRegistry.import_key(private).as_dict(private=False),
    "jwskate": lambda: dict(jwskate.Jwk(private).public_jwk()),
}[publisher]()
assert "d" not in published
key_set = json.dumps({"keys": [published]})


def with_pyjwt():
    jwt.decode(token, jwt.PyJWKSet.from_json(key_set)["1"], algorithms=["ES256"])


def with_jwcrypto():
    jwcrypto.jwt.JWT(jwt=token, key=jwcrypto.jwk.JWK(**published), algs=["ES256"])


def with_jwcrypto_set():
    jwcrypto.jwt.JWT(jwt=token, key=jwcrypto.jwk.JWKSet.from_json(key_set), algs=["ES256"])


def with_joserfc():
    joserfc.jwt.decode(token, joserfc.jwk.KeySet.import_key_set(json.loads(key_set)), algorithms=["ES256"])


print(*published.get("key_ops", ["none"]), end=":")
for verify in (with_pyjwt, with_jwcrypto, with_jwcrypto_set, with_joserfc):
    try:
        verify()
        print(" accepted", end="")
    except Exception as error:
        print("", type(error).__name__, end="")
PYTHON

# see PUBLISHER KEY_OPS_OF_THE_PRIVATE_KEY EXPECTED
see() {
    local seen
    seen=$(venv/bin/python publish.py "$1" "$2" 2>errors) || { cat errors; exit 1; }
    echo "$1, $2 becomes $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

refused='accepted InvalidJWSSignature JWTMissingKey UnsupportedKeyOperationError'
see jwcrypto sign "sign: $refused"
see joserfc sign "sign: $refused"
see jwskate sign 'verify: accepted accepted accepted accepted'
see jwcrypto none 'none: accepted accepted accepted accepted'
see joserfc none 'none: accepted accepted accepted accepted'
