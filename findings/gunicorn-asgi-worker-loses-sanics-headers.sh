#!/bin/bash
# gunicorn 27.0.1 with Sanic 25.12.1: no header that the application sets arrives.
#
# Seen: a Sanic application runs on gunicorn's own ASGI worker (-k asgi, there since 25.0). The answer to the sign-in is
# 302 with neither Location nor Set-Cookie, JSON comes without a Content-Type, a download without Content-Disposition.
# Status and body are right, and the log has nothing. The same application is in order on uvicorn 0.54.0, on granian
# 2.8.9 and on Sanic's own server, the one that it is written with, so that this is found after the deployment. gunicorn
# 25.0.3 and 26.0.0, run by hand, are alike.
#
# Expected: the headers. In ASGI the headers of http.response.start are an iterable of pairs, as the types in asgiref
# 3.13.0 have it, and Sanic hands over a generator. granian once had the same fault (emmett-framework/granian#540), and
# an agent that looks at answers as well (newrelic/newrelic-python-agent#1578).
#
# Source: gunicorn/asgi/protocol.py and sanic/response/types.py (processed_headers) of those versions, read there, and
# run here: _scan_response_headers() goes through the headers to check them, after which a generator has none left to
# be sent. It is of no matter to FastAPI, Starlette and Quart, whose headers are lists; it is to Sanic, and to whoever
# writes a middleware with a generator expression for headers. Until then: make a list of them, as below.
set -euo pipefail

folder=$(mktemp -d)
server=
end() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap end EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check gunicorn==27.0.1 sanic==25.12.1 uvicorn==0.54.0 granian==2.8.9

cat >notes.py <<'PYTHON'
from sanic import Sanic
from sanic.response import json, raw, redirect

sanic = Sanic("notes")


@sanic.get("/sign-in")
async def sign_in(request):
    answer = redirect("/notes")
    answer.add_cookie("session", "ann")
    return answer


@sanic.get("/notes")
async def notes(request):
    return json(["milk"])


@sanic.get("/file")
async def file(request):
    return raw(b"milk", headers={"Content-Disposition": 'attachment; filename="notes.txt"'})


async def with_list(scope, receive, send):
    async def send_list(message):
        if "headers" in message:
            message["headers"] = list(message["headers"])
        await send(message)

    await sanic(scope, receive, send_list)
PYTHON

cat >ask.py <<'PYTHON'
import http.client
import sys
import time

port, path = sys.argv[1:]
for attempt in range(100):
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    try:
        connection.request("GET", path)
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
answer = connection.getresponse()
names = {"content-disposition", "content-type", "location", "set-cookie"}
print(answer.status, *sorted(names & {name.lower() for name in answer.headers}), answer.read().decode())
PYTHON

serve() {
    [ -z "$server" ] || { kill "$server"; wait "$server" 2>/dev/null || true; }
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    case $1 in
    gunicorn) set -- "$@" --worker-class asgi --no-control-socket --bind "127.0.0.1:$port" ;;
    granian) set -- "$@" --interface asgi --port "$port" ;;
    uvicorn) set -- "$@" --port "$port" ;;
    esac
    echo "$1, $2"
    "venv/bin/$1" "${@:3}" "notes:$2" >log 2>&1 &
    server=$!
}

# see PATH EXPECTED
see() {
    local seen
    seen=$(venv/bin/python ask.py "$port" "$1")
    echo "    $1: $seen"
    [ "$seen" = "$2" ] || { echo "expected: $2"; exit 1; }
}

serve gunicorn sanic
see /sign-in '302 '
see /notes '200 ["milk"]'
see /file '200 milk'
for other in 'uvicorn sanic' 'granian sanic' 'gunicorn with_list'; do
    # shellcheck disable=SC2086  # a server and an application
    serve $other
    see /sign-in '302 content-type location set-cookie '
    see /notes '200 content-type ["milk"]'
    see /file '200 content-disposition content-type milk'
done
