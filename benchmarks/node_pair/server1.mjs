// oidc-provider: signs in whoever asks, and issues codes and ID Tokens to SERVER2.
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const { PEER_PORT, PEER_PRIVATE_KEY, PEER_SECRET, PEER_SERVER1, PEER_SERVER2 } = process.env;
const key = createPrivateKey(readFileSync(PEER_PRIVATE_KEY)).export({ format: "jwk" });
const scope = "openid profile email";

const provider = new Provider(PEER_SERVER1, {
  claims: { profile: ["name"], email: ["email"] },
  clients: [
    {
      client_id: "server2",
      client_secret: PEER_SECRET,
      redirect_uris: [`${PEER_SERVER2}/callback`],
    },
  ],
  conformIdTokenClaims: false, // what the scope asks for is in the ID Token: no userinfo request
  cookies: { keys: [PEER_SECRET] },
  features: { devInteractions: { enabled: false } },
  findAccount: async (_context, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, name: "Ada", email: "ada@example.com" }),
  }),
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  jwks: { keys: [{ ...key, alg: "RS256", use: "sig" }] },
  // A client of our own needs no consent.
  async loadExistingGrant(context) {
    const { client, session } = context.oidc;
    const id = session.grantIdFor(client.clientId);
    if (id) return provider.Grant.find(id);
    const { accountId } = session;
    const grant = new provider.Grant({ clientId: client.clientId, accountId });
    grant.addOIDCScope(scope);
    await grant.save();
    return grant;
  },
});

provider.use(async (context, next) => {
  if (context.path === "/login") {
    context.body = "signed in when first asked for";
    return;
  }
  if (!context.path.startsWith("/interaction/")) return next();
  const login = { accountId: "1" };
  await provider.interactionFinished(context.req, context.res, { login });
  context.respond = false;
});

provider.listen(Number(PEER_PORT), "127.0.0.1");
