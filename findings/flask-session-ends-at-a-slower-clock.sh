#!/bin/bash
# Flask 3.1.3 with itsdangerous 2.2.0: a session that was just written is empty on a machine whose clock is behind.
#
# Seen: two machines behind a load balancer, one clock 0.2 seconds behind the other. A user signs in on the first, and
# is redirected; the second machine answers that request, and has an empty session: the user is not signed in. No line
# is logged. If the page writes anything into its session, such as a flash() or the CSRF token of a form, the cookie is
# replaced, and the user is signed out on the first machine as well, for good. It strikes where the second machine's
# clock has not come to the second yet in which the cookie was signed: with this difference, up to one in five redirects
# that follow at once. A second later all is well, so that nobody who looks for it sees it again.
#
# Expected: the session, or at least a line in the log. Flask's documentation says that a cookie must not be older than
# PERMANENT_SESSION_LIFETIME, that of itsdangerous that max_age is to check the same; of clocks there is not a word. The
# changelog of itsdangerous 2.0.0 has signatures from the future refused, by any second. pallets/itsdangerous#126, which
# asked for that, had an allowance for clocks in mind, and #400 tells of a long search. Django's TimestampSigner, the
# control here, takes such a signature.
#
# Source: TimestampSigner.unsign() in itsdangerous/timed.py, which compares whole seconds and raises SignatureExpired at
# an age below zero, and SecureCookieSessionInterface.open_session() in flask/sessions.py, for which any BadSignature
# is an empty session; read there, and run here, with the clock turned by hand. Until then: a session interface that
# takes the payload of a SignatureExpired whose date_signed is a few seconds ahead.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check Flask==3.1.3 itsdangerous==2.2.0 Werkzeug==3.1.9 Django==5.2.19

cat >notes.py <<'PYTHON'
import sys
import time

import flask
from django.core.signing import SignatureExpired, TimestampSigner

page, behind, later = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
signed_in_at = 1_800_000_000.1


def turn_clock(now):
    time.time = lambda: now


app = flask.Flask(__name__)
app.secret_key = "secret of both machines"


@app.get("/sign-in")
def sign_in():
    flask.session["user"] = "ann"
    return flask.redirect("/")


@app.get("/")
def notes():
    if page == "writes":
        flask.flash("Welcome")
    return flask.session.get("user", "nobody")


browser = app.test_client()
turn_clock(signed_in_at)
browser.get("/sign-in")
signer = TimestampSigner(key=app.secret_key, fallback_keys=())
token = signer.sign("ann")

turn_clock(signed_in_at + later - behind)
print("second machine:", browser.get("/").text, end=", ")
try:
    print("Django:", signer.unsign(token, max_age=3600), end=", ")
except SignatureExpired:
    print("Django: nobody", end=", ")
turn_clock(signed_in_at + 10)
print("first machine:", browser.get("/").text)
PYTHON

# see PAGE SECONDS_BEHIND SECONDS_LATER EXPECTED
see() {
    local seen
    seen=$(venv/bin/python notes.py "$1" "$2" "$3")
    echo "page $1, clock $2 s behind, $3 s later: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

see writes 0 0.05 'second machine: ann, Django: ann, first machine: ann'
see reads 0.2 0.05 'second machine: nobody, Django: ann, first machine: ann'
see writes 0.2 0.05 'second machine: nobody, Django: ann, first machine: nobody'
see writes 0.2 1 'second machine: ann, Django: ann, first machine: ann'
see writes -0.2 0.05 'second machine: ann, Django: ann, first machine: ann'
