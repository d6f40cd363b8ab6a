#!/bin/bash
# oidc-client-ts 3.5.0 (npm): to merge arrays puts null before the first role, and objects in again with each renewal.
#
# Seen: an application sets mergeClaimsStrategy: { array: "merge" }, for roles that come partly from the ID token and
# partly from the UserInfo Endpoint. A provider that has them at UserInfo alone sends ["reader"], and the profile gets
# [null, "reader"] (undefined, before it is stored). role.toLowerCase() and the like end with a TypeError, for users
# whose answers are in order. An array of objects, as of teams, has each of them once more after every silent renewal,
# if the provider refreshes without a new ID token: what the browser stores grows for as long as the page is open.
#
# Expected: ["reader"], and one entry per team. The documentation of the option has arrays "merged as distinct objects".
# OpenID Connect Core 1.0 lets a refresh come without an ID token (section 12.2), and claims from UserInfo (5.4).
#
# Source: ClaimsService.mergeClaims() and ResponseValidator.validateRefreshResponse() of that version, read there, and
# run here: a claim that is not there yet counts as an array with one value, and what was merged before is merged again,
# with objects compared by identity. With the default, "replace", it does not happen. It matters to single-page
# applications that go by roles. Until then: "replace". An array in the ID token, be it empty, mends the null alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts oidc-client-ts@3.5.0 >/dev/null

cat >renew.mjs <<'JAVASCRIPT'
import { once } from 'node:events';
import { createServer } from 'node:http';

import { InMemoryWebStorage, User, UserManager, WebStorageStateStore } from 'oidc-client-ts';

const [array, refreshed, claims] = process.argv.slice(2);
const profile = { sub: 'u-1', ...JSON.parse(claims) };
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const id_token = `${part({ alg: 'RS256' })}.${part(profile)}.${part('not verified by this library')}`;
const answers = {
  '/token': {
    access_token: 'a-2',
    refresh_token: 'r-2',
    token_type: 'Bearer',
    expires_in: 3600,
    ...(refreshed === 'with ID token' && { id_token }),
  },
  '/userinfo': { sub: 'u-1', roles: ['reader'], teams: [{ id: 1 }] },
};
const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(answers[request.url]));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

const issuer = `http://127.0.0.1:${server.address().port}`;
const manager = new UserManager({
  authority: issuer,
  metadata: { issuer, token_endpoint: `${issuer}/token`, userinfo_endpoint: `${issuer}/userinfo` },
  client_id: 'notes',
  redirect_uri: 'https://notes.example.com/callback',
  loadUserInfo: true,
  mergeClaimsStrategy: { array },
  userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
  stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
});
const expires_at = Math.floor(Date.now() / 1000) + 3600;
const tokens = { access_token: 'a-1', refresh_token: 'r-1', token_type: 'Bearer', scope: 'openid', expires_at };
await manager.storeUser(new User({ id_token, profile, ...tokens }));
for (let i = 0; i < 3; i += 1) await manager.signinSilent();
const { roles, teams } = (await manager.getUser()).profile;
console.log(`roles ${JSON.stringify(roles)}, teams ${JSON.stringify(teams)}`);
process.exit();
JAVASCRIPT

# see ARRAY REFRESHED ID-TOKEN-CLAIMS EXPECTED
see() {
    local seen
    seen=$(node renew.mjs "$1" "$2" "$3")
    echo "$1, $2, $3: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

both='{"roles":["author"],"teams":[]}'
see replace 'without ID token' '{}' 'roles ["reader"], teams [{"id":1}]'
see replace 'with ID token' '{}' 'roles ["reader"], teams [{"id":1}]'
see merge 'with ID token' '{}' 'roles [null,"reader"], teams [null,{"id":1}]'
see merge 'without ID token' '{}' 'roles [null,"reader"], teams [null,{"id":1},{"id":1},{"id":1}]'
see merge 'with ID token' "$both" 'roles ["author","reader"], teams [{"id":1}]'
see merge 'without ID token' "$both" 'roles ["author","reader"], teams [{"id":1},{"id":1},{"id":1}]'
