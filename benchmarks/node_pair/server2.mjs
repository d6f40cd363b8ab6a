// openid-client as its README uses it, on Node's own HTTP server: sessions and notes in memory.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import * as client from "openid-client";

const { PEER_PORT, PEER_SECRET, PEER_SERVER1, PEER_SERVER2 } = process.env;
const redirect_uri = `${PEER_SERVER2}/callback`;
const sessions = new Map();
const notes = new Map();
let server1;

async function login(response) {
  // SERVER1 may answer later than this server does.
  server1 ??= await client.discovery(new URL(PEER_SERVER1), "server2", PEER_SECRET, undefined, {
    execute: [client.allowInsecureRequests],
  });
  const attempt = {
    verifier: client.randomPKCECodeVerifier(),
    state: client.randomState(),
    nonce: client.randomNonce(),
  };
  const url = client.buildAuthorizationUrl(server1, {
    redirect_uri,
    scope: "openid profile email",
    code_challenge: await client.calculatePKCECodeChallenge(attempt.verifier),
    code_challenge_method: "S256",
    state: attempt.state,
    nonce: attempt.nonce,
  });
  redirect(response, url.href, open({ attempt }));
}

async function callback(request, response) {
  const id = idOf(request);
  const { attempt } = sessions.get(id);
  sessions.delete(id);
  const tokens = await client.authorizationCodeGrant(server1, new URL(request.url, PEER_SERVER2), {
    pkceCodeVerifier: attempt.verifier,
    expectedState: attempt.state,
    expectedNonce: attempt.nonce,
    idTokenExpected: true,
  });
  redirect(response, "/notes", open({ user: tokens.claims() }));
}

function page(request, response) {
  const { user } = sessions.get(idOf(request));
  const articles = (notes.get(user.sub) ?? []).map((text) => `<article>${text}</article>`);
  response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
  response.end(`<!doctype html>
<title>Notes</title>
<h1>Notes of ${user.name}</h1>
${articles.join("")}
<form method="post"><textarea name="text"></textarea><input type="submit" value="Save"></form>
`);
}

function open(session) {
  const id = randomBytes(32).toString("base64url");
  sessions.set(id, session);
  return id;
}

function idOf(request) {
  return /node2=([\w-]+)/.exec(request.headers.cookie)[1];
}

function redirect(response, location, id) {
  const cookie = `node2=${id}; Path=/; HttpOnly; SameSite=Lax`;
  response.writeHead(303, { Location: location, "Set-Cookie": cookie });
  response.end();
}

createServer(async (request, response) => {
  const path = request.url.split("?", 1)[0];
  if (path === "/login") await login(response);
  else if (path === "/callback") await callback(request, response);
  else if (path === "/notes") page(request, response);
  else response.writeHead(404).end();
}).listen(Number(PEER_PORT), "127.0.0.1");
