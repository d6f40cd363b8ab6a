#!/bin/bash
# http-proxy-middleware 4.2.2 (npm): responseInterceptor() cuts "domain=" and one letter out of a cookie, name or value.
#
# Seen: a proxy in front of an application changes its pages with responseInterceptor(). The application sets a cookie
# "subdomain=acme". What arrives is "subcme", without a name, and the application never sees its cookie again. A cookie
# that keeps where to go back to, "back=/notes?domain=work", comes as "back=/notes?ork". Of Domain=example.com there is
# left an attribute "xample.com", which browsers overlook, so the cookie is for the one host, whatever is given as
# cookieDomainRewrite. Without responseInterceptor() all of them pass as they are, or with the domain of that option.
#
# Expected: the cookies of the application. The README has domains left alone unless cookieDomainRewrite says otherwise,
# and of responseInterceptor() that it ends streaming; nothing of cookies. By RFC 6265, section 4.1.1, "subdomain" is a
# name, "=" may be in a value, and an attribute comes after a semicolon.
#
# Source: copyHeaders() in dist/handlers/response-interceptor.js of that version, read there, and run here: the first
# "Domain=" of the whole line goes, with one character. That it leaves the rest of a domain is known, in
# chimurai/http-proxy-middleware#970. It matters to those who put an older application behind a new front, and then
# cannot stay signed in. Until then: set the cookies again in the function that is given to it, as below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
build=node-$(node -p 'process.platform + "-" + process.arch')
npm install --silent --no-audit --no-fund --ignore-scripts \
    http-proxy-middleware@4.2.2 "node@npm:$build@22.23.5" >/dev/null

cat >proxy.mjs <<'JAVASCRIPT'
import { once } from 'node:events';
import { createServer } from 'node:http';

import { createProxyMiddleware, responseInterceptor } from 'http-proxy-middleware';

const [way, cookie] = process.argv.slice(2);

async function serve(answer) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, address: `http://127.0.0.1:${server.address().port}` };
}

const application = await serve((request, response) => {
  response.setHeader('set-cookie', [cookie]);
  response.end('old page');
});
const intercept = (change) => ({ selfHandleResponse: true, on: { proxyRes: responseInterceptor(change) } });
const newPage = (page) => page.toString().replace('old', 'new');
const cookieDomainRewrite = { 'example.com': 'example.org' };
const options = {
  'as it is': {},
  rewritten: { cookieDomainRewrite },
  intercepted: intercept(newPage),
  'intercepted, rewritten': { ...intercept(newPage), cookieDomainRewrite },
  'intercepted, set again': intercept((page, answer, request, response) => {
    response.setHeader('set-cookie', answer.headers['set-cookie']);
    return newPage(page);
  }),
}[way];
const proxy = await serve(createProxyMiddleware({ target: application.address, ...options }));
const answer = await fetch(proxy.address);
console.log(`${await answer.text()}, ${answer.headers.getSetCookie()}`);
for (const { server } of [application, proxy]) {
  server.close();
  server.closeAllConnections();
}
JAVASCRIPT

# see WAY COOKIE EXPECTED
see() {
    local seen
    seen=$(node_modules/node/bin/node proxy.mjs "$1" "$2")
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see 'as it is' 'subdomain=acme; Path=/' 'old page, subdomain=acme; Path=/'
see intercepted 'subdomain=acme; Path=/' 'new page, subcme; Path=/'
see 'as it is' 'back=/notes?domain=work; Path=/' 'old page, back=/notes?domain=work; Path=/'
see intercepted 'back=/notes?domain=work; Path=/' 'new page, back=/notes?ork; Path=/'
see 'as it is' 'sid=1; Domain=example.com' 'old page, sid=1; Domain=example.com'
see rewritten 'sid=1; Domain=example.com' 'old page, sid=1; Domain=example.org'
see intercepted 'sid=1; Domain=example.com' 'new page, sid=1; xample.com'
see 'intercepted, rewritten' 'sid=1; Domain=example.com' 'new page, sid=1; xample.com'
see 'intercepted, set again' 'subdomain=acme; Path=/' 'new page, subdomain=acme; Path=/'
see 'intercepted, set again' 'sid=1; Domain=example.com' 'new page, sid=1; Domain=example.com'
