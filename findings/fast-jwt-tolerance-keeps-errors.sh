#!/bin/bash
# fast-jwt 6.3.6 (npm): with a cache, an error is kept as long as clockTolerance, though errors are not to be kept.
#
# Seen: a server verifies with cache: true, a key that is fetched, and clockTolerance of a minute. The place of the keys
# is out of reach once, for a moment. Whoever came with a token in that moment is refused for a minute more, without
# another look at the key, while those who come later are let in. A token whose nbf is a little over a minute ahead is
# refused first, rightly, and then for a minute after its time has come. With errorCacheTTL of ten seconds it is 70.
# Without clockTolerance, or without cache, the next request is verified afresh.
#
# Expected: that next request, with clockTolerance as well. The README has errors not cached by default, since
# errorCacheTTL is -1, and names a key that could not be fetched as the example. It has clockTolerance for comparing
# times, and lets verification be tried again after a token becomes valid. To keep no error was meant so, as it may be
# a moment's trouble of the network (nearform/fast-jwt#277).
#
# Source: cacheSet() in src/verifier.js of that version, read there, and run here with a clock set by hand: an error is
# kept until the present time plus clockTolerance plus errorCacheTTL. It is fast-jwt that @fastify/jwt verifies with. It
# matters to whoever looks for an outage that is over. Until then: a function for errorCacheTTL that takes the tolerance
# off again, as below; the same as a number is refused.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts fast-jwt@6.3.6 >/dev/null

cat >verify.mjs <<'JAVASCRIPT'
import { mock } from 'node:test';

import { createSigner, createVerifier } from 'fast-jwt';

const [trouble, name] = process.argv.slice(2);
const options = {
  'no cache': { clockTolerance: 60_000 },
  'no tolerance': { cache: true },
  tolerance: { cache: true, clockTolerance: 60_000 },
  'tolerance, ten seconds': { cache: true, clockTolerance: 60_000, errorCacheTTL: 10_000 },
  'tolerance taken off': { cache: true, clockTolerance: 60_000, errorCacheTTL: () => -60_001 },
}[name];
const start = Date.UTC(2026, 10, 30);
mock.timers.enable({ apis: ['Date'], now: start });

const secret = 'of this script alone, and long enough';
const now = start / 1000;
const claims = { sub: 'u-1', ...(trouble === 'early' && { nbf: now + 5 + (options.clockTolerance ?? 0) / 1000 }) };
const token = createSigner({ key: secret })(claims);
let reachable = trouble !== 'key';
const verify = createVerifier({
  ...options,
  async key() {
    if (!reachable) throw new Error('unreachable');
    return secret;
  },
});
const accepted = () => verify(token).then(() => true, () => false);

if (await accepted()) throw new Error('not refused at first');
reachable = true;
let seconds = 0;
do {
  mock.timers.tick(1000);
  seconds += 1;
} while (!(await accepted()));
console.log(`accepted after ${seconds} s`);
JAVASCRIPT

# see TROUBLE OPTIONS EXPECTED
see() {
    local seen
    seen=$(NODE_NO_WARNINGS=1 node verify.mjs "$1" "$2")
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see key 'no cache' 'accepted after 1 s'
see key 'no tolerance' 'accepted after 1 s'
see key tolerance 'accepted after 60 s'
see key 'tolerance, ten seconds' 'accepted after 71 s'
see key 'tolerance taken off' 'accepted after 1 s'
see early 'no cache' 'accepted after 5 s'
see early 'no tolerance' 'accepted after 5 s'
see early tolerance 'accepted after 60 s'
see early 'tolerance taken off' 'accepted after 5 s'
