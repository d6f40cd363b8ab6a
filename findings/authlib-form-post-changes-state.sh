#!/bin/bash
# Authlib 1.9.10: a provider built with it posts another "state" back than the one it was sent (response_mode=form_post).
#
# Seen: a client asks with state={"to": "/notes"} and form_post. The page that Authlib's server answers with has a form
# whose hidden field holds the state percent-encoded, %7B%22to%22:%20%22/notes%22%7D, as if it stood in a URL. A browser
# encodes form values when it sends them, and the client decodes them once, so what arrives is the percent-encoded text.
# The client compares it with what it kept, and refuses. The form's address is treated alike: a registered redirect URI
# with an escape in it, as in ?from=a%20b, is posted to as ?from=a%2520b. In query and fragment mode the same state comes
# back as it was. Values of letters, digits and "-._~" alone are not changed, so most clients never notice.
#
# Expected: the exact value. RFC 6749, section 4.2.2, for state; OAuth 2.0 Form Post Response Mode, section 2, has the
# parameters as form values, for which the escapes of HTML are the right ones.
#
# Source: create_response_mode_response() in authlib/oidc/core/grants/util.py of that version, which quotes for a URL
# where it writes HTML; read there, and run here with the form read and sent as a browser does. Until then: a state of
# unreserved characters, such as base64url.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    Authlib==1.9.10 Flask==3.1.3 joserfc==1.8.0 cryptography==50.0.2

cat >provider.py <<'PYTHON'
import sys
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oidc.core import OpenIDImplicitGrant, UserInfo
from flask import Flask, request
from joserfc import jwk

KEY = jwk.generate_key("RSA", 2048)
CALLBACK = "https://notes.example.com/callback?from=a%20b"


class Client(ClientMixin):
    def check_redirect_uri(self, redirect_uri):
        return redirect_uri == CALLBACK

    def check_response_type(self, response_type):
        return response_type == "id_token"

    def get_allowed_scope(self, scope):
        return scope

    def get_client_id(self):
        return "notes"

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "none"


class Implicit(OpenIDImplicitGrant):
    def exists_nonce(self, nonce, request):
        return False

    def get_jwt_config(self, client=None):
        return {"key": KEY.as_dict(private=True), "alg": "RS256", "iss": "https://op.example.com", "exp": 60}

    def generate_user_info(self, user, scope):
        return UserInfo(sub="u-1")


app = Flask(__name__)
server = AuthorizationServer(app, query_client=lambda client_id: Client(), save_token=lambda token, request: None)
server.register_grant(Implicit)


@app.get("/authorize")
def authorize():
    grant = server.get_consent_grant(end_user=SimpleNamespace(id=1))
    return server.create_authorization_response(request, grant_user=SimpleNamespace(id=1), grant=grant)


class Form(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.fields = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self.action = given["action"]
        elif tag == "input":
            self.fields.append((given["name"], given["value"]))


asked, mode = sys.argv[1:]
query = {
    "response_type": "id_token",
    "response_mode": mode,
    "client_id": "notes",
    "redirect_uri": CALLBACK,
    "scope": "openid",
    "nonce": "n-1",
    "state": asked,
}
answer = app.test_client().get("/authorize", query_string=query, base_url="https://op.example.com")
if answer.location:
    target, _, sent = answer.location.partition("#")
else:
    form = Form(answer.text)
    target, sent = form.action, urlencode(form.fields)
came = dict(parse_qsl(sent))
print("state", came["state"], "at", parse_qs(urlsplit(target).query)["from"][0])
PYTHON

# see STATE MODE EXPECTED
see() {
    local seen
    seen=$(venv/bin/python -W ignore provider.py "$1" "$2")
    echo "$2 of state $1: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see '{"to": "/notes"}' fragment 'state {"to": "/notes"} at a b'
see '{"to": "/notes"}' form_post 'state %7B%22to%22:%20%22/notes%22%7D at a%20b'
see fn3wLK-x_0 form_post 'state fn3wLK-x_0 at a%20b'
