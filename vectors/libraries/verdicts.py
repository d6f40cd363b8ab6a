"""Runs vectors through each library, where all of them are installed, and prints what they accept.

Each verifies as its own documentation shows for a token, a key set, an issuer and an audience, with
nothing else switched on or off; two of them once more, with the options that they offer.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import jose.jwt
import joserfc.jwk
import joserfc.jwt
import jwcrypto.jwk
import jwcrypto.jwt

from vectors import plain_pyjwt
from vectors.libraries.groups import GROUPS, counted
from vectors.reading import text_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Authlib says that joserfc takes this module's place
    import authlib.jose


@dataclass(frozen=True, slots=True)
class Question:
    """A token, and what its receiver knows."""

    token: str
    key_set: str
    issuer: str
    audience: str
    nonce: str
    now: int


REQUIRED = ("iss", "aud", "sub", "exp", "iat", "nonce", "jti", "sid", "auth_time", "scope")


def _pyjwt(asked: Question, options: Mapping[str, object] | None = None) -> None:
    verdict, error = plain_pyjwt.verdict(
        asked.token,
        now=asked.now,
        key_set=asked.key_set,
        issuer=asked.issuer,
        audience=asked.audience,
        options=options,
    )
    if verdict != "accept":
        raise ValueError(error)


def _pyjwt_with_options(asked: Question) -> None:
    options = {"require": REQUIRED, "strict_aud": True, "enforce_minimum_key_length": True}
    _pyjwt(asked, options)


def _joserfc(asked: Question, **more: Any) -> None:
    keys = joserfc.jwk.KeySet.import_key_set(json.loads(asked.key_set))
    token = joserfc.jwt.decode(asked.token, keys, algorithms=["RS256"])
    joserfc.jwt.JWTClaimsRegistry(
        now=asked.now,
        iss={"essential": True, "value": asked.issuer},
        aud={"essential": True, "value": asked.audience},
        **more,
    ).validate(token.claims)


def _joserfc_with_options(asked: Question) -> None:
    more: dict[str, dict[str, object]] = {
        name: {"essential": True} for name in REQUIRED if name not in {"iss", "aud"}
    }
    more["nonce"]["value"] = asked.nonce
    _joserfc(asked, **more)


def _authlib(asked: Question) -> None:
    keys = authlib.jose.JsonWebKey.import_key_set(json.loads(asked.key_set))
    claims = authlib.jose.JsonWebToken(["RS256"]).decode(
        asked.token,
        keys,
        claims_options={
            "iss": {"essential": True, "value": asked.issuer},
            "aud": {"essential": True, "value": asked.audience},
        },
    )
    claims.validate(now=asked.now)


def _jwcrypto(asked: Question) -> None:
    keys = jwcrypto.jwk.JWKSet.from_json(asked.key_set)
    jwcrypto.jwt.time = SimpleNamespace(time=lambda: asked.now)  # it takes no clock
    # Who names claims has to name exp as well: so says its documentation.
    named = {"iss": asked.issuer, "aud": asked.audience, "exp": None}
    jwcrypto.jwt.JWT(jwt=asked.token, key=keys, algs=["RS256"], check_claims=named)


def _python_jose(asked: Question) -> None:
    class _Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(asked.now, tz)

    jose.jwt.datetime = _Stopped  # it takes no clock
    jose.jwt.decode(
        asked.token,
        json.loads(asked.key_set),
        algorithms=["RS256"],
        audience=asked.audience,
        issuer=asked.issuer,
    )


LIBRARIES: dict[str, Callable[[Question], None]] = {
    "PyJWT": _pyjwt,
    "joserfc": _joserfc,
    "Authlib": _authlib,
    "jwcrypto": _jwcrypto,
    "python-jose": _python_jose,
    "PyJWT with options": _pyjwt_with_options,
    "joserfc with options": _joserfc_with_options,
}


def results() -> dict[str, Any]:
    """Count by row what there is, and what each library accepts, beside its version."""
    there: Counter[str] = Counter()
    accepted: dict[str, Counter[str]] = {name: Counter() for name in LIBRARIES}
    for row, document, vector in counted():
        there[row] += 1
        asked = Question(
            token=text_of(vector["token"]),
            key_set=document["key_sets"][vector["keys"]],
            now=vector["now"],
            **{each: document["receiver"][each] for each in ("issuer", "audience", "nonce")},
        )
        for name, verify in LIBRARIES.items():
            try:
                verify(asked)
            except Exception:  # noqa: S112 - whatever is raised, nobody is let in
                continue
            accepted[name][row] += 1
    return {
        "versions": {name: version(name) for name in LIBRARIES if " " not in name},
        "vectors": {row: there[row] for row in GROUPS},
        "accepted": {name: {row: each[row] for row in GROUPS} for name, each in accepted.items()},
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of a weak key some of them only warn
    print(json.dumps(results(), indent=1))
