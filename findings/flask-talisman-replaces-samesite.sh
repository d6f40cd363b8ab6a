#!/bin/bash
# Flask-Talisman 1.1.0: an application's own SESSION_COOKIE_SAMESITE is replaced by Lax, in either direction.
#
# Seen: an application sets SESSION_COOKIE_SAMESITE, to "None" because it lives in another site's frame, or to
# "Strict" because it has nothing to be linked to. Talisman(app) is added for its headers, with no argument. From then
# on the session cookie is SameSite=Lax: the framed application forgets everybody at each request, and nothing in its
# configuration file says why. Talisman knows an argument of its own for it, session_cookie_samesite, whose default
# "Lax" is written into app.config when the extension is set up; None, which reads like "leave it as it is", takes the
# attribute away altogether. So the value has to be said a second time, to Talisman. Whether the setting survives
# depends on order too: what is written into app.config after Talisman(app) stands, so a factory that loads its
# configuration late behaves differently from one that loads it early.
#
# Expected: an extension's default gives way to what the application has set, as app.config.setdefault() does.
#
# Source: Talisman.init_app() of that version, read there, and run here. Its other two settings of the session cookie,
# Secure and HttpOnly, only ever switch something on. It matters to whoever posts tokens across sites.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check flask-talisman==1.1.0 Flask==3.1.3 Werkzeug==3.1.9

cat >cookies.py <<'PYTHON'
import sys

from flask import Flask, session
from flask_talisman import Talisman

wanted, how = sys.argv[1:]
app = Flask(__name__)
app.config["SECRET_KEY"] = "of this script alone"
if how != "late":
    app.config["SESSION_COOKIE_SAMESITE"] = wanted
if how == "argument None":
    Talisman(app, session_cookie_samesite=None)
elif how != "without Talisman":
    Talisman(app)
if how == "late":
    app.config["SESSION_COOKIE_SAMESITE"] = wanted


@app.get("/")
def home():
    session["name"] = "anybody"
    return "home"


[cookie] = app.test_client().get("/", base_url="https://notes.example.com").headers.getlist("Set-Cookie")
print(*(part for part in cookie.split("; ") if part.startswith("SameSite")))
PYTHON

# see SETTING HOW EXPECTED
see() {
    local seen
    seen=$(venv/bin/python cookies.py "$1" "$2")
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see None 'without Talisman' SameSite=None
see None early SameSite=Lax
see Strict early SameSite=Lax
see None late SameSite=None
see None 'argument None' ''
