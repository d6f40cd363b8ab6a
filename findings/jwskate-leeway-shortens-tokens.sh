#!/bin/bash
# jwskate 0.12.2, and requests_oauth2client 1.8.0 on top of it: leeway ends a token earlier, instead of later.
#
# Seen: JwtVerifier takes leeway, which it describes as the seconds to allow when it verifies the validity period. It
# adds them to the present time before it looks at exp, so that a token with 60 seconds left has expired for a leeway of
# 120, and one that ended a second ago is refused however large it is. With the default of 10 each token is over ten
# seconds before its exp, and one that is made for ten seconds, as for a redirect, never valid at all; the error says
# that it expired at a moment that is still to come. Raising leeway because two clocks differ brings more refusals.
# validate_id_token() of requests_oauth2client hands its exp_leeway on, and does the same to ID Tokens; there the
# default is 0.
#
# Expected: RFC 7519, section 4.1.4, and OpenID Connect Core 1.0, section 2, allow some leeway for clock skew where a
# token would otherwise have to be refused. PyJWT's leeway does that.
#
# Source: SignedJwt.is_expired() in jwskate/jwt/signed.py, JwtVerifier.verify(), and BearerToken.validate_id_token() of
# those versions, read there, and run here. Until then: the number with a minus sign, or 0.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    jwskate==0.12.2 binapy==0.8.0 requests_oauth2client==1.8.0 PyJWT==2.15.1 cryptography==50.0.2

# The moments are far enough from each limit for a slow machine.
cat >leeway.py <<'PYTHON'
import sys
import time

import jwt
from jwskate import ExpiredJwt, Jwk, Jwt, JwtVerifier
from requests_oauth2client import AuthorizationResponse, BearerToken, ExpiredIdToken, OAuth2Client

library, leeway, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
options = {} if leeway == "default" else {"leeway": int(leeway)}
issuer = "https://issuer.example"
key = Jwk.generate(alg="RS256").with_kid_thumbprint()
now = int(time.time())
token = str(Jwt.sign({"iss": issuer, "aud": "app", "sub": "7", "iat": now - 600, "exp": now + left}, key))


def jwskate():
    JwtVerifier(key.public_jwk(), issuer=issuer, audience="app", alg="RS256", **options).verify(token)


def requests_oauth2client():
    client = OAuth2Client(
        f"{issuer}/token", client_id="app", authorization_server_jwks=key.public_jwk().as_jwks()
    )
    BearerToken("of no use", id_token=token).validate_id_token(
        client, AuthorizationResponse(code="c", issuer=issuer), exp_leeway=options["leeway"]
    )


def pyjwt():
    jwt.decode(
        token, key.public_jwk().cryptography_key, algorithms=["RS256"], issuer=issuer, audience="app", **options
    )


try:
    {"jwskate": jwskate, "requests_oauth2client": requests_oauth2client, "PyJWT": pyjwt}[library]()
    print("accepted")
except (ExpiredJwt, ExpiredIdToken, jwt.ExpiredSignatureError):
    print("expired")
PYTHON

# see LIBRARY LEEWAY SECONDS_LEFT EXPECTED
see() {
    local seen
    seen=$(venv/bin/python leeway.py "$1" "$2" "$3")
    echo "$1, leeway $2, $3 seconds to exp: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

see jwskate 0 60 accepted
see jwskate 120 60 expired
see jwskate 120 -60 expired
see jwskate 120 300 accepted
see jwskate default 9 expired
see jwskate -120 -60 accepted
see requests_oauth2client 0 60 accepted
see requests_oauth2client 120 60 expired
see requests_oauth2client 120 -60 expired
see PyJWT 120 60 accepted
see PyJWT 120 -60 accepted
