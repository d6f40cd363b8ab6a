#!/bin/bash
# undici 8.13.1 (npm), interceptors.cache(): a 304 that says how to cache makes it drop the response that it confirms.
#
# Seen: an Express application sends its pages with an ETag and Cache-Control: no-cache, to be kept, and asked for each
# time. The client asks with If-None-Match, gets 304, and passes its copy on. With that it has dropped the copy, and the
# next request brings the whole page again: 200 and 304 take turns, for ever. With the max-age=0 and must-revalidate
# that Rails sends by itself, it is the same. If the application leaves Cache-Control out of its 304, each request after
# the first is answered with 304.
#
# Expected: 304 each time. RFC 9110, section 15.4.5, wants the Cache-Control of the 200 in the 304 as well, so a server
# that does as it should is the one that pays. By RFC 9111, section 4.3.4, what comes with a 304 updates the stored
# response. To keep no-cache pages for the sake of 304 is new, and wanted (nodejs/undici#5515).
#
# Source: handleResult() in lib/interceptor/cache.js of that version, read there, and run here under Node.js 22.23.5
# with Express 5.3.0, in both stores. That a 304 brings nothing new into the cache is known (nodejs/undici#5505); that
# it costs the copy is said in nodejs/undici#5700, which would leave it so for no-cache. It matters to those who count
# their traffic, or requests that a rate limit does not count, and see half of the saving. Until then: an interceptor
# below the cache, as here.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
build=node-$(node -p 'process.platform + "-" + process.arch')
npm install --silent --no-audit --no-fund --ignore-scripts \
    undici@8.13.1 express@5.3.0 "node@npm:$build@22.23.5" >/dev/null

cat >pages.mjs <<'JAVASCRIPT'
import { once } from 'node:events';

import express from 'express';
import { Agent, DecoratorHandler, cacheStores, interceptors, request } from 'undici';

const [store, cacheControl, way] = process.argv.slice(2);
const answers = [];
const app = express();
app.get('/', (request, response) => {
  response.set('Cache-Control', cacheControl);
  if (way === 'left out by the server' && request.get('If-None-Match')) response.removeHeader('Cache-Control');
  response.send('page');
  answers.push(response.statusCode);
});
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');

class LeaveOut extends DecoratorHandler {
  onResponseStart(controller, status, { 'cache-control': said, ...headers }, message) {
    const kept = status === 304 ? headers : { ...headers, 'cache-control': said };
    return super.onResponseStart(controller, status, kept, message);
  }
}
const leaveOut = (dispatch) => (options, handler) => dispatch(options, new LeaveOut(handler));
const cache = interceptors.cache({ type: 'private', store: new cacheStores[store]() });
const agent = new Agent().compose(...(way === 'left out by the client' ? [leaveOut, cache] : [cache]));
for (let i = 0; i < 6; i += 1) {
  const answer = await request(`http://127.0.0.1:${server.address().port}/`, { dispatcher: agent });
  if (answer.statusCode !== 200 || (await answer.body.text()) !== 'page') throw new Error('not the page');
}
console.log(answers.join(' '));
await agent.close();
server.close();
JAVASCRIPT

# see STORE CACHE-CONTROL WAY EXPECTED
see() {
    local seen
    seen=$(NODE_NO_WARNINGS=1 node_modules/node/bin/node pages.mjs "$1" "$2" "$3")
    echo "$1, $2, $3: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

see MemoryCacheStore no-cache 'as Express does' '200 304 200 304 200 304'
see SqliteCacheStore no-cache 'as Express does' '200 304 200 304 200 304'
see MemoryCacheStore 'max-age=0, private, must-revalidate' 'as Express does' '200 304 200 304 200 304'
see MemoryCacheStore no-cache 'left out by the server' '200 304 304 304 304 304'
see MemoryCacheStore 'max-age=0, private, must-revalidate' 'left out by the server' '200 304 304 304 304 304'
see MemoryCacheStore no-cache 'left out by the client' '200 304 304 304 304 304'
see SqliteCacheStore no-cache 'left out by the client' '200 304 304 304 304 304'
