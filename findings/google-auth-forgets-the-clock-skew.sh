#!/bin/bash
# google-auth 2.63.0: which ID tokens verify_token() accepts depends on the form in which the keys were published.
#
# Seen: id_token.verify_token(token, request, audience, certs_url, clock_skew_in_seconds=60) takes the address of the
# issuer's keys, either a map of certificates or a JWK Set. With certificates, a token that was issued by a clock 30
# seconds ahead is good, and so is one that expired 30 seconds ago. With a JWK Set of the same keys both are refused:
# clock_skew_in_seconds has no effect. A token whose aud is an array is good with a JWK Set, and refused with
# certificates: "Token has wrong audience ['notes'], expected one of ['notes']". And only with certificates is a refusal
# the ValueError that callers of this library catch: with a JWK Set it is an exception of PyJWT.
#
# Expected: one answer per token. The docstring gives both forms for certs_url, and clock_skew_in_seconds for the check
# of iat and exp, without a word that joins the two. RFC 7519, section 4.1.3, has aud be an array in the general case
# and a single string in the special one, and OpenID Connect Core 1.0, section 2, repeats that for the ID token.
#
# Source: verify_token() in google/oauth2/id_token.py and decode() in google/auth/jwt.py of that version, read there,
# and run here: a JWK Set is left to PyJWT's decode(), without leeway; the other decode() looks for the whole claim in
# the list of audiences. It matters where keys move from one form to the other. Until then: PyJWT, with leeway=60.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    google-auth==2.63.0 PyJWT==2.15.1 cryptography==50.0.2 requests==2.34.2

cat >verify.py <<'PYTHON'
import json
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from google.auth.transport.requests import Request
from google.oauth2 import id_token

form, case = sys.argv[1:]
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
today = datetime.now(timezone.utc)
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
certificate = (
    x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    .not_valid_before(today - timedelta(days=1))
    .not_valid_after(today + timedelta(days=1))
    .sign(key, hashes.SHA256())
)
jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
published = {
    "certificates": {"1": certificate.public_bytes(Encoding.PEM).decode()},
    "JWK Set": {"keys": [{**jwk, "kid": "1", "alg": "RS256", "use": "sig"}]},
}


class Issuer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(published[form]).encode())

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
threading.Thread(target=server.serve_forever, daemon=True).start()
keys = f"http://127.0.0.1:{server.server_port}/keys"
now = int(time.time())
claims = {"iss": "https://issuer.example", "sub": "ann", "aud": "notes", "iat": now - 600, "exp": now + 600}
claims |= {
    "plain": {},
    "issued in 30 s": {"iat": now + 30},
    "expired 30 s ago": {"exp": now - 30},
    "expired 90 s ago": {"exp": now - 90},
    "aud is an array": {"aud": ["notes"]},
}[case]
token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "1"})
try:
    if form == "JWK Set, PyJWT":
        published[form] = published["JWK Set"]
        signing_key = jwt.PyJWKClient(keys).get_signing_key_from_jwt(token)
        jwt.decode(token, signing_key, algorithms=["RS256"], audience="notes", leeway=60)
    else:
        id_token.verify_token(token, Request(), audience="notes", certs_url=keys, clock_skew_in_seconds=60)
    print("accepted")
except Exception as error:
    print(type(error).__name__ + (", a ValueError" if isinstance(error, ValueError) else ""))
PYTHON

# see FORM CASE EXPECTED
see() {
    local seen
    seen=$(venv/bin/python verify.py "$1" "$2")
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see certificates plain accepted
see 'JWK Set' plain accepted
see certificates 'issued in 30 s' accepted
see 'JWK Set' 'issued in 30 s' ImmatureSignatureError
see certificates 'expired 30 s ago' accepted
see 'JWK Set' 'expired 30 s ago' ExpiredSignatureError
see certificates 'aud is an array' 'InvalidValue, a ValueError'
see 'JWK Set' 'aud is an array' accepted
see certificates 'expired 90 s ago' 'InvalidValue, a ValueError'
see 'JWK Set' 'expired 90 s ago' ExpiredSignatureError
see 'JWK Set, PyJWT' 'expired 30 s ago' accepted
see 'JWK Set, PyJWT' 'aud is an array' accepted
