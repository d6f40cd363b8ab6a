#!/bin/bash
# Flask-HTTPAuth 4.8.1: MultiAuth tries one of its methods, and picks it by the letters of the scheme.
#
# Seen: an API takes two kinds of Bearer tokens, from sessions and for machines: MultiAuth(sessions, keys). A key is
# always 401; the other way round it is every session. With sessions next to keys in a header X-API-Key, a client that
# still sends a revoked key is 401 in spite of a good session token. And with MultiAuth(passwords, sessions), "bearer"
# in lower case, as a client has it that takes over "token_type": "bearer" from a token response, is 401 with a
# challenge for Basic, and with optional=True the page of somebody who is not signed in. The same header is good for
# sessions.login_required.
#
# Expected: 200 with the user, each time. The docstring of MultiAuth says that it tries all the given objects until one
# succeeds. RFC 9110, section 11.1, makes the name of a scheme case-insensitive; RFC 6749, section 5.1, has the same for
# token_type.
#
# Source: MultiAuth.login_required() and HTTPAuth.is_compatible_auth() in flask_httpauth.py of that version, read there,
# and run here: the first object whose header or scheme is there gets the request, whatever becomes of it, and schemes
# are compared with ==; get_auth() of the same class compares them in lower case. Until then: one object a scheme, with
# a callback that knows every kind of token, and an is_compatible_auth() of one's own, as below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check Flask-HTTPAuth==4.8.1 Flask==3.1.3 Werkzeug==3.1.9

cat >page.py <<'PYTHON'
import json
import sys

from flask import Flask
from flask_httpauth import HTTPBasicAuth, HTTPTokenAuth, MultiAuth

methods, optional, headers = sys.argv[1], sys.argv[2] == "optional", json.loads(sys.argv[3])


class AnyCase(HTTPTokenAuth):
    def is_compatible_auth(self, headers):
        return headers.get("Authorization", "").partition(" ")[0].lower() == self.scheme.lower()


sessions, keys, either = HTTPTokenAuth("Bearer"), HTTPTokenAuth("Bearer"), AnyCase("Bearer")
header_keys = HTTPTokenAuth("ApiKey", header="X-API-Key")
passwords = HTTPBasicAuth()


@sessions.verify_token
def session_user(token):
    return {"session-1": "Ada"}.get(token)


@keys.verify_token
@header_keys.verify_token
def machine(token):
    return {"key-1": "backup job"}.get(token)


@either.verify_token
def user_or_machine(token):
    return session_user(token) or machine(token)


@passwords.verify_password
def password_user(name, password):
    return name if (name, password) == ("Ada", "a password") else None


auth = {
    "sessions": sessions,
    "sessions, keys": MultiAuth(sessions, keys),
    "keys, sessions": MultiAuth(keys, sessions),
    "header keys, sessions": MultiAuth(header_keys, sessions),
    "passwords, sessions": MultiAuth(passwords, sessions),
    "passwords, either": MultiAuth(passwords, either),
}[methods]
app = Flask(__name__)


@app.get("/")
@auth.login_required(optional=optional)
def page():
    return str(auth.current_user())


answer = app.test_client().get("/", headers=headers)
print(answer.status_code, answer.text if answer.status_code == 200 else answer.headers["WWW-Authenticate"].split()[0])
PYTHON

# see METHODS OPTIONAL HEADERS EXPECTED
see() {
    local seen
    seen=$(venv/bin/python page.py "$1" "$2" "$3")
    echo "$1, $2, $3: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

see 'sessions, keys' required '{"Authorization": "Bearer session-1"}' '200 Ada'
see 'sessions, keys' required '{"Authorization": "Bearer key-1"}' '401 Bearer'
see 'keys, sessions' required '{"Authorization": "Bearer session-1"}' '401 Bearer'
see 'header keys, sessions' required '{"Authorization": "Bearer session-1"}' '200 Ada'
see 'header keys, sessions' required '{"Authorization": "Bearer session-1", "X-API-Key": "key-0"}' '401 ApiKey'
see sessions required '{"Authorization": "bearer session-1"}' '200 Ada'
see 'passwords, sessions' required '{"Authorization": "Bearer session-1"}' '200 Ada'
see 'passwords, sessions' required '{"Authorization": "bearer session-1"}' '401 Basic'
see 'passwords, sessions' optional '{"Authorization": "bearer session-1"}' '200 None'
see 'passwords, either' required '{"Authorization": "bearer session-1"}' '200 Ada'
see 'passwords, either' required '{"Authorization": "Bearer key-1"}' '200 backup job'
