#!/bin/bash
# Node.js 22.15.0 with jose 6.2.18: after a minor update, a key set made by Web Crypto verifies its own tokens no more.
#
# Seen: a server signs with an Ed25519 key and "alg": "EdDSA", and publishes crypto.subtle.exportKey("jwk", publicKey)
# in its key set. Under Node.js 22.14.0 the JWK has no alg, and jose verifies. 22.15.0 exports such a key with "alg":
# "Ed25519"; in line 20 that came with 20.19.3. Now jose finds no applicable key in the set, and raises a TypeError for
# the JWK by itself. The code is what it was, and the kind of key and token as well; yet whoever verifies with this set
# turns the server's tokens away. An exported private key signs no more either. jose's own exportJWK() leaves alg out.
#
# Expected: the same key set within one LTS line. With this key the two names stand for one signature: RFC 8037, section
# 3.1, has EdDSA for the curve of the key, and RFC 9864 has Ed25519 for EdDSA with that curve (section 2.2), while the
# wider name is deprecated (4.1.2). Neither side is wrong by itself: Web Cryptography says to export the new name and to
# import both (w3c/webcrypto#401), and the alg of a JWK says what the key is for (RFC 7517, section 4.4).
#
# Source: isUsableJWK() in jose's jwks/local.js, which compares the two names as they are; read there, and run here. It
# matters to whoever writes key sets with Web Crypto, in browsers too: Chromium 156 exports alg as well. Until then:
# exportJWK(), or delete the alg; or sign with "alg": "Ed25519", once all who verify know that name.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
build=node-$(node -p 'process.platform + "-" + process.arch')
npm install --silent --no-audit --no-fund --ignore-scripts \
    jose@6.2.18 "before@npm:$build@22.14.0" "after@npm:$build@22.15.0" >/dev/null

cat >keys.mjs <<'JAVASCRIPT'
import { SignJWT, createLocalJWKSet, exportJWK, jwtVerify } from 'jose';

const [way, alg] = process.argv.slice(2);
const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
const sign = (key) => new SignJWT({ sub: 'u-1' }).setProtectedHeader({ alg }).sign(key);
const webCrypto = (key) => crypto.subtle.exportKey('jwk', key);
const setOf = (jwk) => createLocalJWKSet({ keys: [jwk] });
const ways = {
  'key set': async () => jwtVerify(await sign(pair.privateKey), setOf(await webCrypto(pair.publicKey))),
  'one JWK': async () => jwtVerify(await sign(pair.privateKey), await webCrypto(pair.publicKey)),
  'private JWK': async () => jwtVerify(await sign(await webCrypto(pair.privateKey)), pair.publicKey),
  exportJWK: async () => jwtVerify(await sign(pair.privateKey), setOf(await exportJWK(pair.publicKey))),
};
try {
  await ways[way]();
  console.log('verified');
} catch (error) {
  console.log(error.code ?? error.name);
}
JAVASCRIPT

# see NODE WAY ALG EXPECTED
see() {
    local seen
    seen=$("node_modules/$1/bin/node" keys.mjs "$2" "$3")
    echo "$1, $2, $3: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

see before 'key set' EdDSA verified
see before 'one JWK' EdDSA verified
see before 'private JWK' EdDSA verified
see after 'key set' EdDSA ERR_JWKS_NO_MATCHING_KEY
see after 'one JWK' EdDSA TypeError
see after 'private JWK' EdDSA TypeError
see after exportJWK EdDSA verified
see after 'key set' Ed25519 verified
