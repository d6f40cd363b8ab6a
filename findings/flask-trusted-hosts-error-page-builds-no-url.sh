#!/bin/bash
# Flask 3.1.3: with TRUSTED_HOSTS, an error page that builds a URL turns the refusal of a host into a server error.
#
# Seen: the application has a page of its own for status 400, and the page's layout links a style sheet by
# url_for("static", ...), as most layouts do. A request for a host that TRUSTED_HOSTS does not name (a load balancer's
# health check by address, an old name, a scanner) is refused before the URL map is bound. The page is rendered all the
# same, url_for finds no map, and raises AttributeError: 'NoneType' object has no attribute 'build'. The answer is 500
# with a traceback in the log, for each such request. The very same page answers 400 well if a view aborts.
# request.host and request.url are no way around: both read the host once more, and refuse it once more.
#
# Expected: 400, with that page. RFC 9110, section 7.4, calls such a request misdirected, which is the client's matter
# and no failure of the server.
#
# Source: Flask.create_url_adapter() and Flask.url_for() of that version, read there, and run here. TRUSTED_HOSTS came
# with 3.1. pallets/flask#5392 met the same exception by a server name that is no name at all; here each host is
# well-formed and the setting does what it is for. A page without url_for, or a check in before_request, is safe.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check Flask==3.1.3 Werkzeug==3.1.9

cat >hosts.py <<'PYTHON'
import sys

from flask import Flask, abort, render_template_string, request, url_for

PAGES = {
    "url_for": lambda: f"see {url_for('static', filename='style.css')}",
    "host": lambda: f"not here: {request.host}",
    "text": lambda: "not here",
}

app = Flask(__name__)
app.config["TRUSTED_HOSTS"] = ["notes.example.com"]
app.logger.disabled = True
page, host, path = sys.argv[1:]


@app.errorhandler(400)
def bad_request(error):
    return render_template_string("{{ text() }}", text=PAGES[page]), 400


@app.get("/abort")
def refuse():
    abort(400)


@app.get("/")
def home():
    return "home"


answer = app.test_client().get(path, base_url=f"http://{host}")
print(answer.status_code)
PYTHON

# see PAGE HOST PATH EXPECTED
see() {
    local seen
    seen=$(venv/bin/python hosts.py "$1" "$2" "$3")
    echo "page with $1, http://$2$3: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

see url_for notes.example.com / 200
see url_for notes.example.com /abort 400
see url_for 192.0.2.7 / 500
see host 192.0.2.7 / 500
see text 192.0.2.7 / 400
