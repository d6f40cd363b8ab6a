// A page whose script signs its user in with oidc-client-ts: no server of its own takes part in it.
import { readFileSync } from "node:fs";
import http from "node:http";

const { ISSUER, CLIENT_ID, REDIRECT_URI, PORT } = process.env;
const library = readFileSync(
  new URL("node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js", import.meta.url),
);
const settings = {
  authority: ISSUER,
  client_id: CLIENT_ID,
  redirect_uri: REDIRECT_URI,
  scope: "openid profile email",
  loadUserInfo: true,
};
const page = `<!doctype html>
<title>A script</title>
<link rel="icon" href="data:,">
<output></output>
<script src="/oidc-client-ts.js"></script>
<script>
  const output = document.querySelector("output");
  const manager = new oidc.UserManager(${JSON.stringify(settings)});
  const show = (user) => (output.textContent = JSON.stringify(user.profile));
  const tell = (error) => (output.textContent = String(error));
  if (location.pathname === "/") manager.signinRedirect().catch(tell);
  else manager.signinCallback().then(show, tell);
</script>`;

http
  .createServer((request, answer) => {
    const isLibrary = request.url === "/oidc-client-ts.js";
    answer.setHeader("Content-Type", isLibrary ? "text/javascript" : "text/html");
    answer.end(isLibrary ? library : page);
  })
  .listen(Number(PORT), "127.0.0.1");
