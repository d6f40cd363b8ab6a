// A web application on express-openid-connect, which signs its users out at the provider as well.
import { randomBytes } from "node:crypto";

import express from "express";
import { auth } from "express-openid-connect";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const app = express();

app.use(
  auth({
    issuerBaseURL: ISSUER,
    baseURL: `http://127.0.0.1:${PORT}`,
    clientID: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    secret: randomBytes(32).toString("hex"),
    authorizationParams: { response_type: "code", scope: "openid profile email" },
    authRequired: false,
    idpLogout: true,
    routes: { postLogoutRedirect: "/" },
  }),
);
app.get("/", (request, response) => response.json({ user: request.oidc.user ?? null }));
app.listen(Number(PORT), "127.0.0.1");
