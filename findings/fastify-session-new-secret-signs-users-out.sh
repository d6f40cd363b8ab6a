#!/bin/bash
# @fastify/session 11.1.3: a new secret in front of the old one signs out everybody who was signed in.
#
# Seen: sessions are kept outside of the process, and saveUninitialized is false, so that who only looks gets none. The
# application is started again with secret: [new, old]. The next request of each user is still answered as theirs, and
# the same answer deletes their cookie: from then on they are nobody, while the session stays in the store. Only one
# whose session happens to change in that request keeps it. The README's other way, to put the new secret into the array
# at run time, goes on signing with the old one; and when that is taken out, each cookie given since is refused, and
# whoever signs in is nobody on the next page.
#
# Expected: nobody notices. The README has the first secret sign, and the others be there to check cookies that come in,
# and has the array changed with unshift() and pop() "to rotate the signing secret at regular intervals". That of
# @fastify/cookie says that cookies signed before stay valid, and, other than this one, that a secret changes only when
# the server is deployed again. With express-session 1.19.0, the same store and the same options, both ways are quiet.
#
# Source: saveSession() and shouldSaveSession() in index.js and the constructor in lib/session.js of that version, and
# Signer() in signer.js of @fastify/cookie 11.1.5, read there, and run here. The cookie that came is compared with the
# one that the first secret would make: if they differ, the session is taken for a new one that nothing was put in, and
# the cookie for one of another session. With a session object kept in memory they are the same. The signer keeps the
# secret that it was made with. Tests rarely see it, as the plugin's own store forgets all sessions at a restart. Until
# then: start again, and change each session once, as below, or saveUninitialized: true until the old secret is gone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts \
    @fastify/session@11.1.3 @fastify/cookie@11.1.5 fastify@5.12.8 \
    express-session@1.19.0 express@5.3.0 memorystore@1.6.8 >/dev/null

cat >notes.cjs <<'JAVASCRIPT'
const { once } = require('node:events');

const [library, kept, saveUninitialized, way] = process.argv.slice(2);
const MemoryStore = {
  'as JSON': require('memorystore')(require('express-session')),
  'in memory': require('@fastify/session').MemoryStore,
}[kept];
const store = new MemoryStore();
const older = 'the secret of last year, and long enough';
const newer = 'the secret of this year, and long enough';
const cookie = { secure: false, maxAge: 3600000 };

async function fastify(secret) {
  const app = require('fastify')({ forceCloseConnections: true });
  await app.register(require('@fastify/cookie'));
  await app.register(require('@fastify/session'), {
    secret,
    store,
    cookie,
    saveUninitialized: saveUninitialized === 'true',
  });
  if (way === 'restart, changed once') {
    app.addHook('onRequest', async ({ session }) => {
      if (session.user) session.secret = secret.length;
    });
  }
  app.post('/sign-in', async (request) => {
    request.session.user = 'ann';
    return '';
  });
  app.get('/', async (request) => request.session.user ?? 'nobody');
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), close: () => app.close() };
}

async function express(secret) {
  const app = require('express')();
  const session = require('express-session');
  app.use(
    session({ name: 'sessionId', secret, store, cookie, rolling: true, resave: false, saveUninitialized: false }),
  );
  app.post('/sign-in', (request, response) => {
    request.session.user = 'ann';
    response.end();
  });
  app.get('/', (request, response) => response.send(request.session.user ?? 'nobody'));
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.closeAllConnections() };
}

let browser = '';

async function ask(app, path, method = 'GET') {
  const answer = await fetch(app.url + path, { method, headers: { cookie: browser } });
  for (const one of answer.headers.getSetCookie()) browser = one.split(';')[0];
  return answer.text();
}

async function main() {
  const start = { '@fastify/session': fastify, 'express-session': express }[library];
  const secrets = [older];
  let app = await start(secrets);
  await ask(app, '/sign-in', 'POST');
  const seen = [await ask(app, '/')];
  if (way === 'in place') {
    secrets.unshift(newer);
    seen.push(await ask(app, '/'));
    await ask(app, '/sign-in', 'POST');
    secrets.pop();
  } else {
    await app.close();
    app = await start([newer, older]);
    seen.push(await ask(app, '/'));
  }
  seen.push(await ask(app, '/'));
  console.log(seen.join(', '));
  process.exit();
}

main();
JAVASCRIPT

# see LIBRARY KEPT SAVE_UNINITIALIZED WAY EXPECTED
see() {
    local seen
    seen=$(timeout 20 node notes.cjs "$1" "$2" "$3" "$4")
    echo "$1, sessions $2, saveUninitialized $3, $4: $seen"
    [ "$seen" = "$5" ] || { echo "expected: $5"; exit 1; }
}

see express-session 'as JSON' false restart 'ann, ann, ann'
see @fastify/session 'as JSON' false restart 'ann, ann, nobody'
see @fastify/session 'as JSON' true restart 'ann, ann, ann'
see @fastify/session 'in memory' false restart 'ann, ann, ann'
see @fastify/session 'as JSON' false 'restart, changed once' 'ann, ann, ann'
see express-session 'as JSON' false 'in place' 'ann, ann, ann'
see @fastify/session 'as JSON' false 'in place' 'ann, ann, nobody'
see @fastify/session 'in memory' true 'in place' 'ann, ann, nobody'
