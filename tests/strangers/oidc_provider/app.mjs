// A provider on oidc-provider, with the forms that it has for trying it out.
import { readFileSync } from "node:fs";

import { Provider } from "oidc-provider";

const { ISSUER, CLIENT, KEYS, PORT, REACHES_LOOPBACK } = process.env;
const about = { name: "Ada", email: "ada@example.com", email_verified: true };

const provider = new Provider(ISSUER, {
  // With https it may be "web"; http is for "native" alone, at loopback.
  clients: [{ ...JSON.parse(CLIENT), application_type: "native" }],
  jwks: JSON.parse(readFileSync(KEYS, "utf8")),
  claims: { profile: ["name"], email: ["email", "email_verified"] },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...about }) }),
  features: { backchannelLogout: { enabled: true } },
  // By default a guard in "dispatcher" closes connections to loopback and private addresses.
  ...(REACHES_LOOPBACK && { fetch: (url, { dispatcher, ...options }) => fetch(url, options) }),
});
provider.on("backchannel.error", (_context, error) => console.error(String(error.cause ?? error)));
provider.listen(Number(PORT), "127.0.0.1");
