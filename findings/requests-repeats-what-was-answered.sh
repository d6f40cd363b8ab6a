#!/bin/bash
# requests 2.34.2: HTTPAdapter(max_retries=2) repeats requests that the server has had, and has answered.
#
# Seen: max_retries=2 is set against connections that fail. A DELETE reaches the server, the note is deleted, and the
# connection ends before the answer, as when a worker is restarted. requests sends the DELETE again and returns 404, for
# a note that was there. PUT with If-Match ends with 412 in the same way: its own first copy has changed the tag. After
# a read timeout it is alike. A 503 with Retry-After is not returned but slept on, and the request sent again, whatever
# the timeout says. POST is never repeated.
#
# Expected: the ConnectionError, and the 503 at once. The documentation of HTTPAdapter says that a number there is for
# DNS lookups, socket connections and connection timeouts that fail, "never to requests where data has made it to the
# server", and sends those who want more to Retry. RFC 9110, section 9.2.2, lets a client repeat PUT and DELETE by
# itself, but has in mind that the answers may differ. In psf/requests#2307, of 2014, read timeouts are said to be left
# alone: true of the POST that was tried there.
#
# Source: HTTPAdapter.__init__() in requests/adapters.py and Retry.from_int(), increment() and is_retry() of
# urllib3 2.8.0, read there, and run here: read=False is passed for 0 alone; any other number becomes Retry's total,
# which counts every kind of error, and lets Retry-After in. Until then: say it to Retry, as below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check requests==2.34.2 urllib3==2.8.0

cat >notes.py <<'PYTHON'
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

max_retries, fault, method = sys.argv[1:]
notes = {"/note": 1}
received = []
timed_out = threading.Event()


class Notes(BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        received.append(self.command)
        if fault == "busy":
            return self.send(503)
        if self.path not in notes:
            return self.send(404)
        if self.headers.get("If-Match", f'"{notes[self.path]}"') != f'"{notes[self.path]}"':
            return self.send(412)
        notes[self.path] += 1
        if self.command == "DELETE":
            del notes[self.path]
        if fault == "slow":
            timed_out.wait()
        self.close_connection = True

    def send(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if status == 503:
            self.send_header("Retry-After", "1")
        self.end_headers()

    do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Notes)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
retries = {
    "2": 2,
    "0": 0,
    "Retry": Retry(2, read=False, respect_retry_after_header=False),
}
session = requests.Session()
session.mount("http://", HTTPAdapter(max_retries=retries[max_retries]))
started = time.monotonic()
try:
    result = session.request(
        method,
        f"http://127.0.0.1:{server.server_port}/note",
        data=b"changed",
        headers={"If-Match": '"1"'},
        timeout=0.5,
    ).status_code
except (requests.ConnectionError, requests.Timeout) as error:
    result = type(error).__name__
slept = ", slept" if time.monotonic() - started >= 2 else ""
timed_out.set()
print(f"{len(received)} received, {result}{slept}")
PYTHON

# see MAX_RETRIES FAULT METHOD EXPECTED
see() {
    local seen
    seen=$(venv/bin/python notes.py "$1" "$2" "$3")
    echo "max_retries $1, $2, $3: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

see 0 broken DELETE '1 received, ConnectionError'
see 2 broken DELETE '2 received, 404'
see 2 broken PUT '2 received, 412'
see 2 broken POST '1 received, ConnectionError'
see 2 slow DELETE '2 received, 404'
see 2 slow POST '1 received, ReadTimeout'
see 0 busy PUT '1 received, 503'
see 2 busy PUT '3 received, 503, slept'
see 2 busy POST '1 received, 503'
see Retry broken DELETE '1 received, ConnectionError'
see Retry slow PUT '1 received, ReadTimeout'
see Retry busy PUT '1 received, 503'
