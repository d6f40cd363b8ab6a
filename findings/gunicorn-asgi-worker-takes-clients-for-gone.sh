#!/bin/bash
# gunicorn 27.0.1, its ASGI worker: asked again, request.is_disconnected() says that a waiting client is gone.
#
# Seen: a Starlette 1.10.0 application streams events and looks before each one whether anybody still listens, as long
# streams do. On gunicorn -k asgi the stream ends after two events, with status 200 and nothing in the log, for a client
# that stays; an EventSource connects again, and gets the first two again. A view that has read the body, waits for a
# result and looks meanwhile gives the result up at the second look. FastAPI has the same request.is_disconnected(). On
# uvicorn 0.54.0, and on gunicorn 25.0.3, the client gets all five events; 25.3.0 and 26.0.0 to 27.0.0, run by hand, are
# as 27.0.1.
#
# Expected: True once the client has left, not before. In the ASGI specification http.disconnect tells that the
# connection is closed, for long polls that have to clean up. Starlette's documentation offers is_disconnected() for
# those, and for streams. To be cancelled in receive() is common: is_disconnected() does it at each call that finds
# nothing, and asyncio.wait_for() does it. benoitc/gunicorn#3654, which is in 27.0.1, is about the cancellation itself,
# and not about the calls that come after it.
#
# Source: BodyReceiver._wait_for_disconnect() in gunicorn/asgi/protocol.py of that version, read there, and run here: it
# notes in a "finally" that the connection is closed, and so does this also when the wait was cancelled, after which
# receive() answers http.disconnect at once. Until then: one task that waits in receive() and is not cancelled, below.
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
venv/bin/pip install --quiet --disable-pip-version-check gunicorn==27.0.1 starlette==1.10.0 uvicorn==0.54.0
venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target 25.0.3 gunicorn==25.0.3

cat >notes.py <<'PYTHON'
import asyncio

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route


async def events(request):
    async def stream():
        for number in range(5):
            if await request.is_disconnected():
                return
            yield f"event {number}\n"
            await asyncio.sleep(0.1)

    return StreamingResponse(stream())


async def result(request):
    await request.body()
    for _ in range(5):
        if await request.is_disconnected():
            return PlainTextResponse("nobody waits\n")
        await asyncio.sleep(0.1)
    return PlainTextResponse("the result\n")


async def own_listener(request):
    await request.body()
    left = asyncio.create_task(request.receive())

    async def stream():
        for number in range(5):
            if left.done():
                return
            yield f"event {number}\n"
            await asyncio.sleep(0.1)
        left.cancel()

    return StreamingResponse(stream())


app = Starlette(
    routes=[
        Route("/events", events),
        Route("/result", result, methods=["POST"]),
        Route("/own-listener", own_listener),
    ]
)
PYTHON

cat >ask.py <<'PYTHON'
import http.client
import sys
import time

port, method, path = sys.argv[1:]
for attempt in range(100):
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    try:
        connection.request(method, path)
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
answer = connection.getresponse()
lines = answer.read().decode().splitlines()
print(answer.status, len(lines), "of them, the last is:", lines[-1])
PYTHON

serve() {
    [ -z "$server" ] || { kill "$server"; wait "$server" 2>/dev/null || true; }
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo "$*"
    case $1 in
    gunicorn) set -- gunicorn "$2" --worker-class asgi --bind "127.0.0.1:$port" ;;
    uvicorn) set -- uvicorn '' --port "$port" ;;
    esac
    # HOME is where gunicorn puts its control socket.
    HOME=$folder PYTHONPATH=$2 venv/bin/python -m "$1" "${@:3}" notes:app >log 2>&1 &
    server=$!
}

# see METHOD PATH EXPECTED
see() {
    local seen
    seen=$(venv/bin/python ask.py "$port" "$1" "$2")
    echo "    $1 $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

serve gunicorn ''
see GET /events '200 2 of them, the last is: event 1'
see POST /result '200 1 of them, the last is: nobody waits'
see GET /own-listener '200 5 of them, the last is: event 4'
for other in 'gunicorn 25.0.3' 'uvicorn'; do
    # shellcheck disable=SC2086  # a server and a version
    serve $other
    see GET /events '200 5 of them, the last is: event 4'
    see POST /result '200 1 of them, the last is: the result'
done
