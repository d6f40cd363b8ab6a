// A web application on Auth.js, as its documentation sets up a provider of one's own.
import http from "node:http";

import { Auth } from "@auth/core";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const base = `http://127.0.0.1:${PORT}`;
const config = {
  basePath: "/auth",
  secret: crypto.randomUUID(),
  trustHost: true,
  providers: [
    { id: "accounts", name: "Accounts", type: "oidc", issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET },
  ],
};

http
  .createServer(async (incoming, outgoing) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const isHome = incoming.url === "/";
    const request = new Request(isHome ? `${base}/auth/session` : base + incoming.url, {
      method: incoming.method,
      headers: incoming.headers,
      body: chunks.length ? Buffer.concat(chunks) : undefined,
    });
    const answer = await Auth(request, config);
    const headers = Object.fromEntries(answer.headers);
    const cookies = answer.headers.getSetCookie();
    outgoing.writeHead(answer.status, cookies.length ? { ...headers, "set-cookie": cookies } : headers);
    outgoing.end(Buffer.from(await answer.arrayBuffer()));
  })
  .listen(Number(PORT), "127.0.0.1");
