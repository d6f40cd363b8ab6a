#!/bin/bash
# hypercorn 0.18.0 with Flask 3.1.3: every answer without content, such as 204, 304 and any to HEAD, becomes a 500.
#
# Seen: "hypercorn wsgi:notes:app" serves a Flask application. GET is right, and so is a redirect, since Flask gives it
# a body. What has none is a 500 with an empty body and a closed connection: HEAD of any page, so every health check by
# HEAD fails; the 304 for a file that the browser has in its cache, so static files load once and then no more; and the
# 204 of a DELETE, which has been carried out by then: who tries it again is told that there is no such note.
#
# Expected: what the view returned. PEP 3333, "The start_response() Callable", has the headers sent once there is a
# non-empty body string, or else as soon as the application's iterable is exhausted. Werkzeug returns an iterable with
# nothing in it for HEAD, 1xx, 204 and 304. Hypercorn 0.17.3 sends all of them; 0.16.0 had the fault once before.
#
# Source: WSGIWrapper.run_app() in hypercorn/app_wrappers.py of that version, read there, and run here: it sends the
# start of the response inside of the loop over the body. Hypercorn's pull request 332 would set that right, and is
# open. Until then: wrap the application in the WSGIMiddleware of a2wsgi, and have hypercorn serve that, as below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    hypercorn==0.18.0 a2wsgi==1.10.10 Flask==3.1.3 Werkzeug==3.1.9

cat >notes.py <<'PYTHON'
import asyncio
import socket
import sys
from http.client import HTTPConnection

from a2wsgi import WSGIMiddleware
from flask import Flask, abort, make_response, redirect, request
from hypercorn.asyncio import serve
from hypercorn.config import Config

bridge, method, path, times = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
app = Flask(__name__)
notes = {"1": "bread"}


@app.get("/notes/<number>")
def show(number):
    response = make_response(notes[number])
    response.add_etag()
    return response.make_conditional(request)


@app.get("/")
def front():
    return redirect("/notes/1")


@app.delete("/notes/<number>")
def delete(number):
    if notes.pop(number, None) is None:
        abort(404)
    return "", 204


def visit(port):
    answers = []
    etag = None
    for _ in range(times):
        client = HTTPConnection("127.0.0.1", port, timeout=10)
        client.request(method, path, headers={"If-None-Match": etag} if etag else {})
        answer = client.getresponse()
        etag = answer.getheader("ETag")
        answers.append(str(answer.status))
        client.close()
    return ", ".join(answers)


async def main():
    listening = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{listening.fileno()}"]
    config.errorlog = None
    done = asyncio.Event()
    served, mode = (app, "wsgi") if bridge == "hypercorn" else (WSGIMiddleware(app), "asgi")
    server = asyncio.create_task(serve(served, config, shutdown_trigger=done.wait, mode=mode))
    print(await asyncio.to_thread(visit, listening.getsockname()[1]))
    done.set()
    await server


asyncio.run(main())
PYTHON

# see BRIDGE METHOD PATH TIMES EXPECTED
see() {
    local seen
    seen=$(venv/bin/python notes.py "$1" "$2" "$3" "$4" 2>errors) || { cat errors; exit 1; }
    echo "$1, $2 $3, $4 times: $seen"
    [ "$seen" = "$5" ] || { echo "expected: $5"; exit 1; }
}

see hypercorn GET / 1 302
see hypercorn GET /notes/1 2 '200, 500'
see hypercorn HEAD /notes/1 1 500
see hypercorn DELETE /notes/1 2 '500, 404'
see a2wsgi GET / 1 302
see a2wsgi GET /notes/1 2 '200, 304'
see a2wsgi HEAD /notes/1 1 200
see a2wsgi DELETE /notes/1 2 '204, 404'
