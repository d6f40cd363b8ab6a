#!/bin/bash
# express-openid-connect 3.4.0: a back-channel logout of one session ends every session of that person.
#
# Seen: somebody is signed in with two browsers, and the provider tells the sessions apart by their sid. One of them
# ends there, and the logout token names it, with sub and sid, as that of npm's oidc-provider does. The application then
# signs both browsers out: for such a token the library keeps two entries, one for the sid and one for the sub, and
# turns a session away that has either. A token with the sid alone ends the one session. So who signs out on a shared
# computer loses the unsaved form at home, and where the provider ends a session that was left idle, its owner is
# thrown out of the browser in use as well.
#
# Expected: that one session. OpenID Connect Back-Channel Logout 1.0, section 2.4, allows both claims side by side, and
# has "all sessions" for a token without a sid. Nextcloud's user_oidc reads it so (nextcloud/user_oidc#1184).
#
# Source: onLogoutToken.js and isLoggedOut.js in lib/hooks/backchannelLogout of that version; read there, and run here.
# The type declarations tell of the two entries. It matters to those who look for the fault at their provider. Until
# then: an onLogoutToken of one's own, which keeps the sid where there is one, and the sub where there is none.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts \
    express-openid-connect@3.4.0 express@5.3.0 jose@6.2.18 >/dev/null

cat >logout.mjs <<'JAVASCRIPT'
import { once } from 'node:events';

import express from 'express';
import connect from 'express-openid-connect';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';

const [named, hook] = process.argv.slice(2);
const issuer = 'https://op.example.com';
const { privateKey, publicKey } = await generateKeyPair('RS256');
const answers = {
  '/.well-known/openid-configuration': {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['id_token'],
    response_modes_supported: ['form_post'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  },
  '/jwks': { keys: [{ ...(await exportJWK(publicKey)), kid: 'k-1', alg: 'RS256', use: 'sig' }] },
};

function signed(claims, typ) {
  const token = new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k-1', typ });
  return token.setIssuer(issuer).setAudience('notes').setIssuedAt().setExpirationTime('2 minutes').sign(privateKey);
}

const kept = new Map();
const store = {
  get: (id, done) => done(null, kept.get(id)),
  set: (id, value, done) => done(null, kept.set(id, value)),
  destroy: (id, done) => done(null, kept.delete(id)),
};
const sidFirst = ({ iss, sid, sub }) => {
  kept.set(`${iss}|${sid ?? sub}`, { cookie: {} });
};
console.warn = () => {}; // It advises https, for form_post.
const app = express();
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const base = `http://127.0.0.1:${server.address().port}`;
app.use(
  connect.auth({
    issuerBaseURL: issuer,
    baseURL: base,
    clientID: 'notes',
    secret: 'of this script alone, and long enough',
    authRequired: false,
    customFetch: async (url) => Response.json(answers[new URL(url).pathname]),
    backchannelLogout: { store, ...(hook === 'sid first' && { onLogoutToken: sidFirst }) },
  }),
);
app.get('/me', (request, response) => response.json(request.oidc.isAuthenticated() ? 'in' : 'out'));

function post(path, form, cookie = '') {
  const body = new URLSearchParams(form);
  return fetch(base + path, { method: 'POST', redirect: 'manual', headers: { cookie }, body });
}
const cookiesOf = (answer) => answer.headers.getSetCookie().map((one) => one.split(';')[0]).join('; ');

async function signIn(sid) {
  const start = await fetch(`${base}/login`, { redirect: 'manual' });
  const { nonce, state } = Object.fromEntries(new URL(start.headers.get('location')).searchParams);
  const id_token = await signed({ sub: 'u-1', sid, nonce }, 'JWT');
  return cookiesOf(await post('/callback', { id_token, state }, cookiesOf(start)));
}

const browsers = { A: await signIn('s-A'), B: await signIn('s-B') };
const names = { 'sub and sid': { sub: 'u-1', sid: 's-A' }, sid: { sid: 's-A' }, sub: { sub: 'u-1' } }[named] ?? null;
const status = [];
if (names) {
  const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
  const logout_token = await signed({ ...names, jti: 'j-1', events }, 'logout+jwt');
  status.push((await post('/backchannel-logout', { logout_token })).status);
}
for (const [browser, cookie] of Object.entries(browsers)) {
  status.push(`${browser} ${await (await fetch(`${base}/me`, { headers: { cookie } })).json()}`);
}
console.log(status.join(', '));
server.close();
JAVASCRIPT

# see NAMED HOOK EXPECTED
see() {
    local seen
    seen=$(NODE_NO_WARNINGS=1 node logout.mjs "$1" "$2")
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see nothing default 'A in, B in'
see sid default '204, A out, B in'
see 'sub and sid' default '204, A out, B out'
see sub default '204, A out, B out'
see 'sub and sid' 'sid first' '204, A out, B in'
see sub 'sid first' '204, A out, B out'
