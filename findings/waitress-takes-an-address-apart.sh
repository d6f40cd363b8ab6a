#!/bin/bash
# waitress 3.0.2 behind a proxy: an IPv4-mapped address in X-Forwarded-For is taken apart at its last colon.
#
# Seen: waitress is told trusted_proxy and trusted_proxy_headers="x-forwarded-for". A proxy that listens on one socket
# for IPv4 and IPv6 names its IPv4 clients in the mapped form: "X-Forwarded-For: ::ffff:192.0.2.7". HAProxy 2.6 does so
# with option forwardfor, and http-proxy 1.18.1 for Node.js with xfwd. The application then has REMOTE_ADDR "::ffff"
# and REMOTE_PORT "192.0.2.7": every IPv4 client of the world has one address. 64:ff9b::192.0.2.7, an address of NAT64,
# becomes "64:ff9b:", which is no address at all. An IPv6 address with brackets and a port, on the other hand, stays
# whole in REMOTE_ADDR, brackets and port included.
#
# Expected: the address, as Werkzeug's ProxyFix has it. RFC 4291, section 2.2, lists the form with the dots of IPv4 at
# its end among the ways to write an IPv6 address, and section 2.5.5.2 gives ::ffff: its meaning. The same address in
# the Forwarded header, in brackets as RFC 7239 wants it, comes through well.
#
# Source: parse_proxy_headers() of that version, read there, and run here: a dot is taken for the sign that what
# stands behind the last colon is a port. It matters to throttles by address, where one client's failures then count
# for all, and to logs. Until then: leave the header to ProxyFix, with clear_untrusted_proxy_headers=False.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check waitress==3.0.2 Werkzeug==3.1.9

cat >address.py <<'PYTHON'
import sys
import threading
from http.client import HTTPConnection

from waitress import create_server
from werkzeug.middleware.proxy_fix import ProxyFix

who, header, value = sys.argv[1:]


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    port = environ["REMOTE_PORT"] if environ["REMOTE_PORT"] != str(client.sock.getsockname()[1]) else "of the proxy"
    return [f"{environ['REMOTE_ADDR']}, port {port}".encode()]


if who == "waitress":
    server = create_server(
        app, host="127.0.0.1", port=0, trusted_proxy="127.0.0.1", trusted_proxy_headers=header.lower()
    )
else:
    server = create_server(ProxyFix(app), host="127.0.0.1", port=0, clear_untrusted_proxy_headers=False)
threading.Thread(target=server.run, daemon=True).start()
client = HTTPConnection("127.0.0.1", server.effective_port, timeout=10)
client.request("GET", "/", headers={header: value})
print(client.getresponse().read().decode())
PYTHON

# see WHO HEADER VALUE EXPECTED
see() {
    local seen
    seen=$(venv/bin/python address.py "$1" "$2" "$3")
    echo "$1, $2: $3: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

see waitress X-Forwarded-For 192.0.2.7 '192.0.2.7, port of the proxy'
see waitress X-Forwarded-For 2001:db8::7 '2001:db8::7, port of the proxy'
see waitress X-Forwarded-For ::ffff:192.0.2.7 '::ffff, port 192.0.2.7'
see waitress X-Forwarded-For ::ffff:198.51.100.9 '::ffff, port 198.51.100.9'
see waitress X-Forwarded-For 64:ff9b::192.0.2.7 '64:ff9b:, port 192.0.2.7'
see waitress X-Forwarded-For '[2001:db8::7]:4711' '[2001:db8::7]:4711, port of the proxy'
see waitress Forwarded 'for="[::ffff:192.0.2.7]"' '::ffff:192.0.2.7, port of the proxy'
see ProxyFix X-Forwarded-For ::ffff:192.0.2.7 '::ffff:192.0.2.7, port of the proxy'
