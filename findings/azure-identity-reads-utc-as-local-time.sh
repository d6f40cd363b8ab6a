#!/bin/bash
# azure-identity 1.27.0: a token of the Azure Developer CLI ends hours too early or too late, by the machine's zone.
#
# Seen: AzureDeveloperCliCredential, alone or as part of DefaultAzureCredential, on a developer's machine. East of
# Greenwich, in India, a token that was issued for 70 minutes is taken for one that ended hours ago, and azd is started
# once more for every single request. West of it, in Colombia, the token is taken to be good for another five hours:
# after its end it is sent on, and the service answers 401. On a machine that runs in UTC, such as a CI server or a
# container, all is well, and so it is everywhere with AzureCliCredential.
#
# Expected: the token ends when azd says so. `azd auth token --output json` gives expiresOn as an RFC 3339 time in UTC,
# such as 2026-11-30T20:00:00Z (AuthTokenResult and azdCredential.GetToken() in Azure/azure-dev), and the "Z" of RFC
# 3339, section 5.6, means UTC. expires_on of azure-core's AccessToken is in Unix time. @azure/identity 4.14.1, for
# JavaScript, was run with the same azd, and took it for UTC in each of these zones.
#
# Source: parse_token() in azure/identity/_credentials/azd_cli.py of that version, read there, and run here: strptime()
# with a "Z" that is only a letter of its format makes a time without a zone, and timestamp() takes that for local time,
# as is right for the other CLI's expiresOn. The tests of the credential write local time with a "Z". Until then: TZ=UTC
# for the process, or the Azure CLI.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check azure-identity==1.27.0 azure-core==1.41.0 requests==2.34.2

# In place of the two programs, with their output. Each token says when it ends.
mkdir bin
cat >bin/azd <<'BASH'
#!/bin/bash
end=$(($(date +%s) + LIFETIME))
echo azd >>runs
TZ=UTC date -d "@$end" "+{\"token\": \"$end\", \"expiresOn\": \"%Y-%m-%dT%H:%M:%SZ\"}"
BASH
cat >bin/az <<'BASH'
#!/bin/bash
end=$(($(date +%s) + LIFETIME))
echo az >>runs
date -d "@$end" "+{\"accessToken\": \"$end\", \"expires_on\": $end, \"expiresOn\": \"%Y-%m-%d %H:%M:%S.000000\"}"
BASH
# Both are started in /bin.
sed -i "s#>>runs#>>'$folder/runs'#" bin/azd bin/az
chmod +x bin/azd bin/az

cat >ask.py <<'PYTHON'
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import azure.identity
from azure.core.pipeline import Pipeline
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest

credential = getattr(azure.identity, sys.argv[1])()
wait_for_the_end = sys.argv[2] == "ended"
ends = []


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        ends.append(int(self.headers["Authorization"].removeprefix("Bearer ")))
        self.send_response(200 if time.time() < ends[-1] else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
policy = BearerTokenCredentialPolicy(credential, "https://management.azure.com/.default")
with Pipeline(RequestsTransport(), [policy]) as pipeline:
    for turn in range(2 if wait_for_the_end else 3):
        if turn and wait_for_the_end:
            time.sleep(max(0, ends[0] - time.time()) + 0.1)
        request = HttpRequest("GET", f"http://127.0.0.1:{server.server_port}/")
        print(pipeline.run(request, enforce_https=False).http_response.status_code, end=" ")
PYTHON

# see ZONE CREDENTIAL LIFETIME NEXT_REQUESTS EXPECTED
see() {
    local seen
    : >runs
    seen=$(PATH="$folder/bin:$PATH" TZ=$1 LIFETIME=$3 venv/bin/python ask.py "$2" "$4")
    seen="${seen}from $(wc -l <runs) of $(sort -u runs)"
    echo "$1, $2, $3 s, $4: $seen"
    [ "$seen" = "$5" ] || { echo "expected: $5"; exit 1; }
}

see UTC AzureDeveloperCliCredential 4200 'at once' '200 200 200 from 1 of azd'
see IST-5:30 AzureDeveloperCliCredential 4200 'at once' '200 200 200 from 3 of azd'
see IST-5:30 AzureCliCredential 4200 'at once' '200 200 200 from 1 of az'
see UTC AzureDeveloperCliCredential 5 ended '200 200 from 2 of azd'
see COT+5 AzureDeveloperCliCredential 5 ended '200 401 from 1 of azd'
see COT+5 AzureCliCredential 5 ended '200 200 from 2 of az'
