#!/bin/bash
# flask-oidc 2.4.0: of two tabs that sign in side by side, the first ends on the second one's page, the second at "/".
#
# Seen: a browser opens /first and /second, as it does when it restores its tabs. Both lead to the provider; both come
# back with a code and a state of their own, and flask-oidc accepts both: Authlib keeps state and nonce for each
# attempt. Only the page to return to is kept in one place, session["next"]. The second attempt overwrites it, the
# attempt that finishes first takes it away, and the other finds none and goes to the root of the application. So both
# tabs have signed in, and neither shows what it was opened for.
#
# Expected: each tab arrives where it began, or the other attempt is refused. OpenID Connect Core 1.0, section 3.1.2.1,
# calls state the value that maintains state between a request and its callback; two attempts have two.
#
# Source: login_view() and authorize_view() in flask_oidc/views.py of that version; read there, and run here. It
# matters to whoever sends people links to pages that need a sign-in.
set -euo pipefail

folder=$(mktemp -d)
server=
end() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap end EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    flask-oidc==2.4.0 Authlib==1.9.10 Flask==3.1.3 joserfc==1.8.0 requests==2.34.2

# An OpenID provider below /op, which takes everybody for Ada, and the application.
cat >app.py <<'PYTHON'
import sys
import time

from flask import Flask, redirect, request
from flask_oidc import OpenIDConnect
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import run_simple

port = int(sys.argv[1])
issuer = f"http://127.0.0.1:{port}/op"
key = RSAKey.generate_key(2048, {"kid": "a", "alg": "RS256", "use": "sig"})
nonces = {}

provider = Flask("provider")


@provider.get("/.well-known/openid-configuration")
def metadata():
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "id_token_signing_alg_values_supported": ["RS256"],
    }


@provider.get("/jwks")
def jwks():
    return {"keys": [key.as_dict(private=False)]}


@provider.get("/authorize")
def authorize():
    code = f"code-{len(nonces)}"
    nonces[code] = request.args["nonce"]
    return redirect(f"{request.args['redirect_uri']}?code={code}&state={request.args['state']}")


@provider.post("/token")
def token():
    now = int(time.time())
    claims = {"iss": issuer, "aud": "app", "sub": "ada", "iat": now, "exp": now + 600}
    claims["nonce"] = nonces[request.form["code"]]
    id_token = jwt.encode({"alg": "RS256", "kid": "a"}, claims, key)
    return {"access_token": "a", "token_type": "Bearer", "expires_in": 600, "id_token": id_token}


@provider.get("/userinfo")
def userinfo():
    return {"sub": "ada"}


app = Flask("app")
app.secret_key = "of an experiment"
web = {"issuer": issuer, "client_id": "app", "client_secret": "s"}
app.config["OIDC_CLIENT_SECRETS"] = {"web": web}
oidc = OpenIDConnect(app)


@app.get("/<name>")
@oidc.require_login
def page(name):
    return name


@app.get("/")
def root():
    return "home"


run_simple("127.0.0.1", port, DispatcherMiddleware(app, {"/op": provider}), threaded=True)
PYTHON

cat >tabs.py <<'PYTHON'
import sys
import time
from urllib.parse import urljoin

import requests

base = f"http://127.0.0.1:{sys.argv[1]}"


def browser():
    session = requests.Session()
    session.trust_env = False
    return session


def begin(session, page):
    """Open a page, and return where the provider sends the tab; it does not go there yet."""
    address = base + page
    while not address.startswith(f"{base}/authorize?"):
        answer = session.get(address, allow_redirects=False, timeout=10)
        address = urljoin(address, answer.headers["Location"])
    return address


def finish(session, callback):
    return session.get(callback, timeout=10).url.removeprefix(base)


for _ in range(100):
    try:
        requests.get(base, timeout=10)
        break
    except requests.ConnectionError:
        time.sleep(0.1)

one = browser()
print("one after the other:", end=" ")
print(finish(one, begin(one, "/first")), end=" ")
one = browser()
print(finish(one, begin(one, "/second")))

two = browser()
first, second = begin(two, "/first"), begin(two, "/second")
print("side by side:", finish(two, first), finish(two, second))
PYTHON

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
venv/bin/python app.py "$port" >server.log 2>&1 &
server=$!
seen=$(venv/bin/python tabs.py "$port") || { cat server.log; exit 1; }
echo "$seen"
[ "$seen" = "one after the other: /first /second
side by side: /second /" ] || { echo "expected: one after the other: /first /second; side by side: /second /"; exit 1; }
