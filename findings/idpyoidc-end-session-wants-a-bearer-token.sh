#!/bin/bash
# idpyoidc 5.0.0: a provider's end_session endpoint, as it is configured out of the box, answers no browser.
#
# Seen: the server has the endpoint class Session, with the arguments that its documentation names. A client leads its
# user's browser there to sign out, with its client_id, or with nothing at all, which the standard allows. Before a
# cookie or a hint is looked at, parse_request() raises KeyError: 'token'. Of the ways to authenticate that are tried for
# each endpoint the one called "none" succeeds, without anything to go by, and its result has no "token", which is then
# taken from it. An application around it answers 500, unless it catches that.
#
# Expected: the request is read. OpenID Connect RP-Initiated Logout 1.0, section 2: the browser is led there by a GET or
# a POST, every parameter is optional, and no client authenticates.
#
# Source: Session.parse_request() in idpyoidc/server/oidc/session.py of that version; read there, and run here.
# Until then: a subclass whose client_authentication() returns {}.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check idpyoidc==5.0.0

cat >sign_out.py <<'PYTHON'
import sys

from idpyoidc.server import Server
from idpyoidc.server.configure import OPConfiguration
from idpyoidc.server.oidc.session import Session


class WithoutAuthentication(Session):
    def client_authentication(self, request, http_info=None, **arguments):
        return {}


endpoint = {"library": Session, "subclass": WithoutAuthentication}[sys.argv[1]]
asked = dict(parameter.split("=", 1) for parameter in sys.argv[2:])
configuration = OPConfiguration(
    {
        "issuer": "https://op.example.com",
        "key_conf": {"key_defs": [{"type": "RSA", "key": "", "use": ["sig"]}], "uri_path": "jwks.json"},
        "token_handler_args": {
            "id_token": {"class": "idpyoidc.server.token.id_token.IDToken", "kwargs": {}}
        },
    }
)
configuration.endpoint["end_session"] = {
    "path": "session",
    "class": endpoint,
    "kwargs": {
        "logout_verify_url": "https://op.example.com/verify_logout",
        "post_logout_uri_path": "post_logout",
        "signing_alg": "RS256",
    },
}
server = Server(configuration)
server.context.cdb["notes"] = {"client_id": "notes"}
try:
    request = server.get_endpoint("session").parse_request(asked, http_info={"headers": {}})
except KeyError as error:
    print("KeyError", error)
else:
    print("read", request.to_dict())
PYTHON

# see EXPECTED CLASS [PARAMETER ...]
see() {
    local expected=$1 seen
    shift
    seen=$(venv/bin/python sign_out.py "$@")
    echo "$*: $seen"
    [ "$seen" = "$expected" ] || { echo "expected: $expected"; exit 1; }
}

see "KeyError 'token'" library
see "KeyError 'token'" library client_id=notes state=s-1
see "read {}" subclass
see "read {'client_id': 'notes', 'state': 's-1'}" subclass client_id=notes state=s-1
