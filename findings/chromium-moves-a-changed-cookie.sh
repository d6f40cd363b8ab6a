#!/bin/bash
# Chromium 153.0.8010.0: of two cookies of one name, the one whose value changed last moves to the end of the header.
#
# Seen: shop.localhost has a session cookie for its whole domain, notes.shop.localhost has a session cookie of its own,
# and both are called "session". notes.shop.localhost gets both. The one that came first stands first, until a value
# changes: from then on, the one that changed last stands last. A cookie that is set again to the same value stays where
# it was. A server that takes the first of the two, as Werkzeug and so Flask do, reads its own session until that
# changes, as at sign-in, and then the other one: who has just signed in is signed out. A visit to the shop brings the
# session back. A server that takes the last, as Django does, has it the other way round. In Firefox 153.8 the order
# stays, and so does what is read.
#
# Expected: the order in which the cookies first came. RFC 6265, section 5.3, step 11.3: a cookie that replaces another
# one keeps the creation time of that. Section 5.4 sorts by it, after the length of the path. Section 4.2.2 tells
# servers not to rely on the order, but who has two values of one name has to take one.
#
# Source: CookieMonster::MaybeDeleteEquivalentCookieAndUpdateStatus() in net/cookies/cookie_monster.cc, read in a recent
# copy, and run here: the creation date is kept only if the value is equal. Debian's Chromium 156.0.8078.114 does the
# same; tough-cookie 6.1.0 keeps the order. It matters where the domain of a cookie was changed and old ones are about,
# or two applications of one framework share a domain: it works in one browser, or until the next change. Until then: a
# name of its own for each cookie, and a new name when the domain changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts \
    puppeteer-core@25.16.0 @sparticuz/chromium@153.0.0 tough-cookie@6.1.0 >/dev/null
export TMPDIR=$folder LD_LIBRARY_PATH=$folder/lib

# unpack NAME writes what is in the package's NAME.br to stdout.
unpack() {
    node -e 'process.stdout.write(require("zlib").brotliDecompressSync(require("fs").readFileSync(process.argv[1])))' \
        "node_modules/@sparticuz/chromium/bin/$1.br"
}
unpack chromium >headless_shell
unpack al2023.tar | tar -x
chmod +x headless_shell

cat >cookies.mjs <<'JAVASCRIPT'
import { createServer } from 'node:http';
import puppeteer from 'puppeteer-core';
import { CookieJar } from 'tough-cookie';

const [client, ...sessions] = process.argv.slice(2);
const server = createServer((request, response) => {
  const [, session, domain] = request.url.split('/');
  const scope = domain === 'host' ? '' : `; Domain=${domain}`;
  if (domain) response.setHeader('Set-Cookie', `session=${session}; Path=/${scope}`);
  response.end(request.headers.cookie ?? '');
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

async function chromium() {
  const browser = await puppeteer.launch({
    executablePath: './headless_shell',
    headless: 'shell',
    args: ['--no-sandbox'],
  });
  const page = await browser.newPage();
  const get = async (host, path) => (await page.goto(`http://${host}:${server.address().port}${path}`)).text();
  return { get, close: () => browser.close() };
}

async function jar() {
  const cookies = new CookieJar();
  const get = async (host, path) => {
    const url = `http://${host}/`;
    const headers = { Cookie: await cookies.getCookieString(url) };
    const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers });
    for (const cookie of response.headers.getSetCookie()) await cookies.setCookie(cookie, url);
    return response.text();
  };
  return { get, close: () => {} };
}

const { get, close } = await (client === 'Chromium' ? chromium() : jar());
for (const session of sessions) {
  if (session.startsWith('site')) await get('shop.localhost', `/${session}/shop.localhost`);
  else await get('notes.shop.localhost', `/${session}/host`);
}
console.log((await get('notes.shop.localhost', '/')).replaceAll('session=', ''));
await close();
server.close();
JAVASCRIPT

# see CLIENT EXPECTED SESSION...
see() {
    local seen
    seen=$(node cookies.mjs "$1" "${@:3}")
    echo "$1, set ${*:3}: $seen"
    [ "$seen" = "$2" ] || { echo "expected: $2"; exit 1; }
}

see Chromium 'site1; notes1' site1 notes1
see Chromium 'notes1; site2' site1 notes1 site2
see Chromium 'site2; notes2' site1 notes1 site2 notes2
see Chromium 'site1; notes1' site1 notes1 site1
see tough-cookie 'site1; notes1' site1 notes1
see tough-cookie 'site2; notes1' site1 notes1 site2
see tough-cookie 'site2; notes2' site1 notes1 site2 notes2
see tough-cookie 'site1; notes1' site1 notes1 site1
