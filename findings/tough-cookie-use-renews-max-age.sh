#!/bin/bash
# tough-cookie 6.1.0 (npm): a cookie with Max-Age does not end while it is used, since each use starts its time afresh.
#
# Seen: a server sets a cookie with Max-Age=1800, once, as for a form or a sign-in that is to last half an hour. A
# client asks every ten minutes: a day later the jar still sends that cookie. With Expires, half an hour ahead, it is
# gone in time, and so is the one with Max-Age if nobody asks in between. A jar that is saved as JSON and loaded again
# goes on in the same way. So a test that lets a client of this jar go on until its session is over waits for ever or
# passes for a wrong reason; and a client that runs for days is turned away by a server that has forgotten the cookie,
# where a browser would have come without one and been given another. The jar is that of jsdom, fetch-cookie,
# http-cookie-agent and axios-cookiejar-support.
#
# Expected: the end is fixed when the cookie arrives. RFC 6265, section 5.2.2, makes Max-Age a date then: the current
# one and so many seconds. The time of the last access (section 5.4, step 3) is there for a store that has to make room
# (5.3). Version 4.1.4 counted from the first time the cookie came, and so lost one that the server renews in time:
# salesforce/tough-cookie#345 mended that, in 5.0.0, and took the last access for the moment of arrival.
#
# Source: Cookie.expiryTime() and CookieJar.getCookies() in dist/index.js of that version, read there, and run here with
# a clock set by hand. The comment of expiryTime() tells which time it takes; that a read moves the end, it does not. It
# matters to those who test how sessions end. Until then: Expires in place of Max-Age, in the jar, as below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts \
    tough-cookie@6.1.0 tough-cookie-4@npm:tough-cookie@4.1.4 >/dev/null

cat >jar.mjs <<'JAVASCRIPT'
import { mock } from 'node:test';

const [name, attribute, way] = process.argv.slice(2);
const { CookieJar } = await import(name);
const url = 'https://notes.example.com/';
const minute = 60 * 1000;
const mended = (cookie) => {
  if (typeof cookie.maxAge === 'number') {
    cookie.expires = new Date(Date.now() + cookie.maxAge * 1000);
    cookie.maxAge = null;
  }
  return cookie;
};
mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 10, 30) });
let jar = new CookieJar();

async function arrive() {
  const until = attribute === 'Max-Age' ? 1800 : new Date(Date.now() + 30 * minute).toUTCString();
  const { Cookie } = await import(name);
  const cookie = Cookie.parse(`sid=1; Path=/; ${attribute}=${until}`);
  await jar.setCookie(way === 'used, mended' ? mended(cookie) : cookie, url);
}

await arrive();
let last = 0;
for (let passed = 10; passed <= 24 * 60; passed += 10) {
  mock.timers.tick(10 * minute);
  if (way === 'left alone' && passed < 40) continue;
  if (await jar.getCookieString(url)) last = passed;
  if (way === 'used, saved') jar = CookieJar.deserializeSync(JSON.parse(JSON.stringify(jar)));
  if (way === 'used, renewed' && passed === 20) await arrive();
}
console.log(last ? `sent last after ${last} minutes` : 'not sent');
JAVASCRIPT

# see PACKAGE ATTRIBUTE WAY EXPECTED
see() {
    local seen
    seen=$(NODE_NO_WARNINGS=1 node jar.mjs "$1" "$2" "$3")
    echo "$1, $2, $3: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

see tough-cookie Expires used 'sent last after 20 minutes'
see tough-cookie Max-Age 'left alone' 'not sent'
see tough-cookie Max-Age used 'sent last after 1440 minutes'
see tough-cookie Max-Age 'used, saved' 'sent last after 1440 minutes'
see tough-cookie Max-Age 'used, mended' 'sent last after 20 minutes'
see tough-cookie Expires 'used, renewed' 'sent last after 40 minutes'
see tough-cookie-4 Max-Age used 'sent last after 20 minutes'
see tough-cookie-4 Max-Age 'used, renewed' 'sent last after 20 minutes'
