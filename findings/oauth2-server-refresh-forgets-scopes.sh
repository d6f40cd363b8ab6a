#!/bin/bash
# @node-oauth/oauth2-server 5.3.0 (npm): to name a scope when refreshing narrows the grant for good, or ends it.
#
# Seen: a user has granted "read write". The client asks for an access token with "read" alone, for a part of it that
# needs no more, and gets one, with a new refresh token. From then on "read" is all there is: refreshing without scope
# gives "read", and with "read write" invalid_scope. That error costs the refresh token as well. It is spent before the
# scope is looked at, so the natural answer, to ask again without scope, is met with invalid_grant. A client that sends
# the scopes of its settings with each refresh, as some libraries do, is out in the same way, once its settings have one
# more, or the user has granted one fewer. The user has to sign in again, and nothing says why.
#
# Expected: RFC 6749, section 6. Any of the scopes that were granted may be asked for, no scope stands for all that was
# granted at first, and a new refresh token has to have the scope of the one that was sent. A request that is refused
# should leave the client where it was. With alwaysIssueNewRefreshToken: false it is like that here too.
#
# Source: handle() and saveToken() in lib/grant-types/refresh-token-grant-type.js of that version, read there, and run
# here: revokeToken() comes before getScope(), and one scope is saved for both tokens. That the old token goes first
# was said of the library before its fork (oauthjs/node-oauth2-server#757); the scope in such a request was ignored
# before node-oauth/node-oauth2-server#104. It matters to whoever offers more than one scope. Until then:
# alwaysIssueNewRefreshToken: false, or clients that send no scope.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @node-oauth/oauth2-server@5.3.0 >/dev/null

cat >refresh.mjs <<'JAVASCRIPT'
import OAuth2Server from '@node-oauth/oauth2-server';

const [rotation, ...scopes] = process.argv.slice(2);
const client = { id: 'notes', grants: ['refresh_token'] };
const granted = { refreshToken: 'r-1', scope: ['read', 'write'], client, user: { id: 'u-1' } };
const kept = new Map([[granted.refreshToken, granted]]);
const server = new OAuth2Server({
  alwaysIssueNewRefreshToken: rotation === 'new tokens',
  model: {
    getClient: () => client,
    getRefreshToken: (token) => kept.get(token),
    revokeToken: ({ refreshToken }) => kept.delete(refreshToken),
    saveToken(token, client, user) {
      const saved = { ...token, client, user };
      if (token.refreshToken) kept.set(token.refreshToken, saved);
      return saved;
    },
  },
});

let refresh_token = granted.refreshToken;
const seen = [];
for (const scope of scopes) {
  const body = { grant_type: 'refresh_token', client_id: 'notes', client_secret: 's', refresh_token };
  if (scope !== 'no scope') body.scope = scope;
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '1' };
  const response = new OAuth2Server.Response();
  await server.token(new OAuth2Server.Request({ method: 'POST', query: {}, headers, body }), response).catch(() => {});
  seen.push(response.body.error ?? response.body.scope);
  refresh_token = response.body.refresh_token ?? refresh_token;
}
console.log(seen.join(', '));
JAVASCRIPT

# see EXPECTED ROTATION SCOPE...
see() {
    local expected=$1 seen
    shift
    seen=$(node refresh.mjs "$@")
    echo "$*: $seen"
    [ "$seen" = "$expected" ] || { echo "expected: $expected"; exit 1; }
}

see 'read write, read write' 'new tokens' 'no scope' 'read write'
see 'read, read' 'new tokens' read 'no scope'
see 'read, invalid_scope, invalid_grant' 'new tokens' read 'read write' 'no scope'
see 'invalid_scope, invalid_grant' 'new tokens' 'read write print' 'no scope'
see 'read, read write' 'one token' read 'no scope'
see 'read, read write, read write' 'one token' read 'read write' 'no scope'
see 'invalid_scope, read write' 'one token' 'read write print' 'no scope'
