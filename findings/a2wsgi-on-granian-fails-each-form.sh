#!/bin/bash
# a2wsgi 1.10.10 on granian 2.8.9: a Flask application inside FastAPI shows its pages and fails at each form.
#
# Seen: a service moves to FastAPI 0.165.0 by and by, and mounts its old Flask application with a2wsgi's
# WSGIMiddleware. uvicorn is exchanged for granian. All pages still come; each request with a body is a 500, as soon as
# the view looks at it: "TypeError: A coroutine object is required". One @app.middleware("http") in the FastAPI
# application, if only one that does nothing, and the forms work; whoever takes the last such middleware out looks for
# the fault in what was taken out. Tests with FastAPI's TestClient, and the developers on uvicorn, see nothing.
#
# Expected: 200 on either server. ASGI wants no coroutine here: asgiref 3.13.0, which has its types, lets receive()
# return any Awaitable. FastAPI's chapter "Including WSGI - Flask, Django, others" recommends a2wsgi for this. asgiref's
# own bridge, WsgiToAsgi, awaits what it gets, and works on both.
#
# Source: Body._receive_more_data() in a2wsgi/wsgi.py of that version, read there, and run here: it gives receive() to
# asyncio.run_coroutine_threadsafe(), which takes coroutines alone. granian's receive() is no coroutine function but
# one of its Rust part, and returns an awaitable of its own. Until then: a receive of one's own around it, as below.
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
    a2wsgi==1.10.10 asgiref==3.13.0 fastapi==0.165.0 Flask==3.1.3 granian==2.8.9 httpx==0.28.1 uvicorn==0.54.0

cat >notes.py <<'PYTHON'
from a2wsgi import WSGIMiddleware
from asgiref.wsgi import WsgiToAsgi
from fastapi import FastAPI
from flask import Flask, request

old = Flask(__name__)


@old.route("/note", methods=["GET", "POST"])
def note():
    return request.form.get("text", "a page")


def with_own_receive(app):
    async def wrapped(scope, receive, send):
        async def own_receive():
            return await receive()

        await app(scope, own_receive, send)

    return wrapped


def service():
    app = FastAPI()
    app.mount("/a2wsgi", WSGIMiddleware(old))
    app.mount("/asgiref", WsgiToAsgi(old))
    app.mount("/own-receive", with_own_receive(WSGIMiddleware(old)))
    return app


plain, with_middleware = service(), service()


@with_middleware.middleware("http")
async def do_nothing(request, call_next):
    return await call_next(request)
PYTHON

cat >ask.py <<'PYTHON'
import sys

import httpx
from fastapi.testclient import TestClient

import notes

port, path = sys.argv[1:]
if port == "0":
    client = TestClient(notes.plain)
else:
    client = httpx.Client(transport=httpx.HTTPTransport(retries=5), base_url=f"http://127.0.0.1:{port}")
page = client.get(f"{path}/note")
form = client.post(f"{path}/note", data={"text": "milk"})
print(page.status_code, page.text, form.status_code, form.text if form.status_code == 200 else "")
PYTHON

# see COMMAND APPLICATION PATH EXPECTED
see() {
    local seen port=0
    if [ "$1" != TestClient ]; then
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        # shellcheck disable=SC2086  # a command and its options
        venv/bin/$1 --host 127.0.0.1 --port "$port" "notes:$2" >log 2>&1 &
        server=$!
    fi
    seen=$(venv/bin/python -W ignore ask.py "$port" "$3")
    [ "$port" = 0 ] || { kill "$server"; wait "$server" 2>/dev/null || true; server=; }
    echo "${1%% *}, $2, $3: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

see TestClient plain /a2wsgi '200 a page 200 milk'
see uvicorn plain /a2wsgi '200 a page 200 milk'
see 'granian --interface asgi' plain /a2wsgi '200 a page 500 '
grep -q 'TypeError: A coroutine object is required' log
see 'granian --interface asgi' with_middleware /a2wsgi '200 a page 200 milk'
see 'granian --interface asgi' plain /asgiref '200 a page 200 milk'
see 'granian --interface asgi' plain /own-receive '200 a page 200 milk'
