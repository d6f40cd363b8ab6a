"""Tokens that have to be accepted: a receiver that refuses everything is not a good one."""

from __future__ import annotations

import json

from vectors.book import AUDIENCE, KID, NOW, WITHOUT, Group, by, jwks, member, spaces_up_to
from vectors.jose import ec_jwk, okp_jwk, rsa_jwk
from vectors.seeded_keys import ISSUER, ISSUER_3072, ISSUER_4096, STRANGER


def good() -> Group:
    """Return the group."""
    group = Group("good", "Good tokens, up to the edges of what is allowed. Accept every one.")
    group.accept("a token as it is minted")
    _times(group)
    _headers(group)
    _texts(group)
    _claims(group)
    _keys(group)
    return group


def _times(group: Group) -> None:
    group.accept("at the second in which it expires", now=NOW + 60)
    group.accept("4 s after it expired", now=NOW + 64)
    group.accept("issued 5 s ahead of this clock", now=NOW - 5)
    group.accept("the longest life, 120 s", claims={"exp": NOW + 120})
    group.accept("the shortest life, 1 s", claims={"exp": NOW + 1})
    group.accept("nbf is iat", claims={"nbf": NOW})
    group.accept("nbf is 5 s ahead of this clock", claims={"nbf": NOW + 5})
    group.accept("nbf is exp, and it is that second", claims={"nbf": NOW + 60}, now=NOW + 60)
    group.accept("nbf is long over", claims={"nbf": 1})
    group.accept("the user signed in years ago", claims={"auth_time": 1_000_000_000})
    group.accept("the user signed in this second", claims={"auth_time": NOW})
    group.accept("the user signed in 5 s ahead of this clock", claims={"auth_time": NOW + 5})


def _headers(group: Group) -> None:
    for comment, typ in {
        "typ with application in front": "application/handoff+jwt",
        "typ in capitals": "HANDOFF+JWT",
        "typ in mixed case with application in front": "Application/Handoff+JWT",
    }.items():
        group.accept(comment, header={"typ": typ})
    group.accept("the header in another order", header=_reordered())
    group.accept("the header with spaces and line breaks", rewrite_header=_indented)


def _texts(group: Group) -> None:
    group.accept("the payload with spaces and line breaks", rewrite_payload=_indented)
    group.accept(
        "the name of a claim in escapes",
        rewrite_payload=lambda document: document.replace(b'"sub"', rb'"\u0073\u0075\u0062"'),
    )
    group.accept("a name in bare UTF-8", claims={"name": WITHOUT}, rewrite_payload=_bare_name)
    group.accept("a name beyond the basic plane in escapes", claims={"name": "Ada \U0001f600"})
    group.accept("an unknown claim of 20 digits", rewrite_payload=member(f'"x":{"9" * 20}'))
    group.accept("an unknown claim with a fraction", claims={"x": 1.5})
    group.accept("an unknown claim 8 levels deep", rewrite_payload=member('"x":[[[[[[[]]]]]]]'))


def _claims(group: Group) -> None:
    group.accept("an unknown claim that would make an administrator", claims={"admin": True})
    group.accept("a name with markup, which a page has to escape", claims={"name": "<script>"})
    group.accept("no name", claims={"name": WITHOUT})
    group.accept("an e-mail address, verified", claims=_email(verified=True))
    group.accept("an e-mail address, not verified", claims=_email(verified=False))
    group.accept("azp is this receiver", claims={"azp": AUDIENCE})
    group.accept("sub of 1 character", claims={"sub": "a"})
    group.accept("sub of 255 characters", claims={"sub": "s" * 255})
    group.accept("sub with a space inside", claims={"sub": "account 5"})
    group.accept("jti of 22 characters", claims={"jti": "good-jti-of-22-letters"})
    group.accept("jti of 64 characters", claims={"jti": "good-jti-of-64-letters".ljust(64, "-")})
    group.accept("scope of one word", claims={"scope": "openid"})


def _keys(group: Group) -> None:
    for key in (ISSUER_3072, ISSUER_4096):
        keys = group.keys(f"a key of {key.bits} bits", jwks(rsa_jwk(key, KID)))
        group.accept(f"signed by a key of {key.bits} bits", keys=keys, sign=by(key))
    group.accept(
        "4,096 characters long",
        keys="a key of 4096 bits",
        sign=by(ISSUER_4096),
        rewrite_header=spaces_up_to(254),
        rewrite_payload=spaces_up_to(2304),
    )
    bare = rsa_jwk(ISSUER, KID)
    del bare["use"], bare["alg"]
    long_kid = "K" * 64
    sets = {
        "a key without use and alg": jwks(bare),
        "a key with key_ops": jwks(bare | {"key_ops": ["verify"]}),
        "a key with unknown members": jwks(rsa_jwk(ISSUER, KID, x="y", nbf=1)),
        "two keys": jwks(rsa_jwk(STRANGER, "another-key"), rsa_jwk(ISSUER, KID)),
        "keys of other types beside it": jwks(
            ec_jwk("ec-key", use="sig"), okp_jwk("okp-key"), rsa_jwk(ISSUER, KID)
        ),
        "a key for encryption of the same kid beside it": jwks(
            rsa_jwk(STRANGER, KID, use="enc", alg="RSA-OAEP"), rsa_jwk(ISSUER, KID)
        ),
    }
    for name, document in sets.items():
        group.accept(f"the key set has {name}", keys=group.keys(name, document))
    keys = group.keys("a kid of 64 characters", jwks(rsa_jwk(ISSUER, long_kid)))
    group.accept("a kid of 64 characters", keys=keys, header={"kid": long_kid})


def _email(*, verified: bool) -> dict[str, object]:
    return {"email": "ada@example.com", "email_verified": verified}


def _reordered() -> bytes:
    return json.dumps({"typ": "handoff+jwt", "kid": KID, "alg": "RS256"}).encode()


def _indented(document: bytes) -> bytes:
    return json.dumps(json.loads(document), indent="\t").replace("\n", "\r\n").encode()


def _bare_name(document: bytes) -> bytes:
    return member('"name":"Ad\u00e4 \u5c71"')(document)
