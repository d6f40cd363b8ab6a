#!/bin/bash
# Flask-Limiter 4.1.1: a date in the application's own Retry-After is read as local time, and moved by the offset.
#
# Seen: headers_enabled is set, and a view answers 503 with "Retry-After: <date>", ten minutes from now. Flask-Limiter
# rewrites that header: it keeps the later one of the application's moment and the limit's own reset, and sends it in
# seconds. On a server whose TZ is five hours west of Greenwich it sends five hours and ten minutes. On one that is an
# hour east, the moment seems to have passed; the header falls back to the end of the limit's window, and clients are
# back after one minute. With TZ=UTC, and whenever the view says "600" instead of a date, it is right.
#
# Expected: ten minutes everywhere. RFC 9110, section 10.2.3, takes a date or seconds, and section 5.6.7 has each date
# in UTC ("GMT").
#
# Source: Limiter.__inject_headers() of that version, read there, and run here: parse_date() of Werkzeug gives a date
# in UTC, and time.mktime() takes its parts for local time. Containers are on UTC, so that it shows on somebody's
# machine first. It matters to maintenance pages, and to sign-ins whose own throttle speaks of a date.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check Flask-Limiter==4.1.1 limits==5.8.0 Flask==3.1.3 Werkzeug==3.1.9

cat >later.py <<'PYTHON'
import sys
import time

from flask import Flask
from flask_limiter import Limiter
from werkzeug.http import http_date

app = Flask(__name__)
limiter = Limiter(lambda: "everybody", app=app, storage_uri="memory://", headers_enabled=True)


@app.get("/")
@limiter.limit("10/minute")
def closed():
    return "closed", 503, {"Retry-After": {"date": http_date(time.time() + 600), "seconds": "600"}[sys.argv[1]]}


seconds = int(app.test_client().get("/").headers["Retry-After"])
print(round(seconds / 60), "minutes")
PYTHON

# see TZ WHAT EXPECTED; the time zones are written out, so that no zone file is needed.
see() {
    local seen
    seen=$(TZ=$1 venv/bin/python later.py "$2")
    echo "TZ=$1, Retry-After in $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see UTC0 date '10 minutes'
see EST5 date '310 minutes'
see CET-1 date '1 minutes'
see EST5 seconds '10 minutes'
see CET-1 seconds '10 minutes'
