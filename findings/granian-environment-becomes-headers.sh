#!/bin/bash
# granian 2.8.9 with Flask 3.1.3: an environment variable of the server process becomes a request header.
#
# Seen: granian begins the WSGI environ of every request with a copy of os.environ, and Flask reads each HTTP_... key
# of it as a header. A container that is given HTTP_PROXY for its outgoing requests, as many are, so sees a header
# "Proxy" on every request that nobody sent; HTTP_ACCEPT_LANGUAGE speaks for every client that names no language.
# What a client does send goes before it.
#
# Expected: no header that the client did not send. PEP 3333, section "environ Variables", allows a server to add
# variables of the operating system, but wants (as a "should") an HTTP_... key present or absent as the header is in
# the request. waitress 3.0.2 adds none.
#
# Source: granian/wsgi.py of that version; read there, and run here. It matters to whoever decides by the presence of a
# header, logs all headers, or dumps the environ on a page of errors: that page then holds the process's secrets.
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
venv/bin/pip install --quiet --disable-pip-version-check granian==2.8.9 Flask==3.1.3 waitress==3.0.2

cat >app.py <<'PYTHON'
from flask import Flask, request

app = Flask(__name__)


@app.get("/")
def headers():
    return {name: request.headers.get(name) for name in ("Proxy", "Accept-Language")}
PYTHON

cat >ask.py <<'PYTHON'
import json
import sys
import time
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/", headers=dict([sys.argv[2:]]) if sys.argv[2:] else {})
for _ in range(100):
    try:
        print(json.dumps(json.load(opener.open(request, timeout=5)), sort_keys=True))
        break
    except OSError:
        time.sleep(0.1)
PYTHON

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
environment=(HTTP_PROXY=http://proxy.internal:3128 HTTP_ACCEPT_LANGUAGE=de)

# ask SERVER EXPECTED [HEADER VALUE]
ask() {
    local name=$1 expected=$2 seen
    shift 2
    seen=$(python3 ask.py "$port" "$@")
    echo "$name, sent: ${*:-nothing}: $seen"
    [ "$seen" = "$expected" ] || { echo "expected $expected"; exit 1; }
}

env "${environment[@]}" venv/bin/granian --interface wsgi --host 127.0.0.1 --port "$port" app:app >granian.log 2>&1 &
server=$!
ask granian '{"Accept-Language": "de", "Proxy": "http://proxy.internal:3128"}'
ask granian '{"Accept-Language": "en", "Proxy": "http://proxy.internal:3128"}' Accept-Language en
kill "$server"
wait "$server" || true

env "${environment[@]}" venv/bin/waitress-serve --listen="127.0.0.1:$port" app:app >waitress.log 2>&1 &
server=$!
ask waitress '{"Accept-Language": null, "Proxy": null}'
