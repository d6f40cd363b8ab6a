"""The code flow at the issuer: a code is exchanged for tokens, and a token asks for userinfo.

CPU time of SERVER1 alone, while a batch of codes is exchanged, and then while each access token
that came of it is used once. A browser that is signed in got the codes before. Authlib's server
does the same for the same client, on the same WSGI server; the one that keeps its JWTs can take an
access token back, as ours can.
"""

from __future__ import annotations

import json
import secrets
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import requests
from requests import Response

from benchmarks.browser import PATIENCE, Browser
from benchmarks.pairs import Pair, Start, authlib_environment, our_pair
from benchmarks.processes import UnavailableError
from benchmarks.tokens import bare_microseconds
from benchmarks.verdict import Row
from flask_handoff.addresses import with_parameters
from flask_handoff.issuer.clients.authentication import secret_hash

NUMBERS = frozenset({14, 15})
WARM_UP, BATCH, ROUNDS = 100, 100, 8  # a batch is exchanged well before its codes expire, in 60 s
# Nobody answers there: the codes are taken from the address that the browser is led to.
CLIENT = "https://client.example"
CLIENT_ID, REDIRECT_URI = "server2", f"{CLIENT}/callback"

OURS, JWTS, OPAQUE = "ours", "Authlib's server", "Authlib's, opaque tokens"
KEPT = "Authlib's, tokens kept"
NAMES = {
    14: ("code exchange, CPU", "two RSA signatures"),
    15: ("userinfo, CPU", "RSA verification"),
}
MUST = 0.4

Figures = Mapping[int, float]  # microseconds of CPU time of one request, by the row's number


def measure(starts: int) -> Iterator[Row]:
    found: dict[str, list[Figures]] = defaultdict(list)
    secret, skipped = secrets.token_urlsafe(32), ""
    with ExitStack() as stack:
        clients = json.dumps([our_client(secret)])
        prepared = {OURS: stack.enter_context(our_pair(HANDOFF_CLIENTS=clients))}
        try:
            authlib = stack.enter_context(authlib_environment())
        except UnavailableError as error:
            skipped = str(error)
        else:
            settings = {"PEER_SECRET": secret, "PEER_SERVER2": CLIENT}
            jwts = {**settings, "PEER_ACCESS_TOKENS": "jwt"}
            prepared[JWTS] = authlib(jwts)
            prepared[KEPT] = authlib({**jwts, "PEER_KEEPS_JWTS": "1"})
            prepared[OPAQUE] = authlib(settings)
        for start in range(starts):
            print(f"start {start + 1} of {starts}: {', '.join(prepared)}", flush=True)
            for kind, figures in _measure_once(prepared, secret).items():
                found[kind].append(figures)
            signature, verification = bare_microseconds()
            found["bare"].append({14: 2 * signature, 15: verification})
    for number, (name, bare) in NAMES.items():
        for kind, must in ((KEPT, MUST), (OPAQUE, MUST), (JWTS, MUST), ("bare", None)):
            each = zip(found[OURS], found[kind], strict=False)
            times = tuple((mine[number], theirs[number]) for mine, theirs in each)
            peer = bare if kind == "bare" else kind
            missing = "" if times else skipped
            yield Row(number, name, peer, "us", times, must=must, skipped=missing)


class Party:
    """Both whom a server deals with: a client that knows its secret, and a user's browser."""

    def __init__(self, pair: Pair, secret: str) -> None:
        self._browser = Browser(pair.cookies)
        self._secret = secret
        self.http = requests.Session()
        self.http.trust_env = False
        self.metadata = self.json(f"{pair.issuer}/.well-known/openid-configuration")

    def code(self, nonce: str, scope: str = "openid profile email") -> str:
        """Have the user lead the client to a code."""
        asked = {
            **{"client_id": CLIENT_ID, "redirect_uri": REDIRECT_URI, "response_type": "code"},
            **{"scope": scope, "state": secrets.token_urlsafe(32)},
            "nonce": nonce,
        }
        answer = self._browser.get(with_parameters(self.metadata["authorization_endpoint"], asked))
        answered = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert answered["state"] == [asked["state"]], answer.headers["Location"]
        return answered["code"][0]

    def codes(self) -> list[str]:
        """Return a batch of codes."""
        return [self.code(secrets.token_urlsafe(32)) for _ in range(BATCH)]

    def exchange(self, code: str) -> Mapping[str, Any]:
        """Return the tokens that the client gets for a code."""
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        return self.read(self.ask_for_tokens(asked))

    def ask_for_tokens(self, asked: Mapping[str, str], *, with_secret: bool = True) -> Response:
        """Send a request to the token endpoint."""
        auth = (CLIENT_ID, self._secret) if with_secret else None
        url = self.metadata["token_endpoint"]
        return self.http.post(url, data=asked, auth=auth, timeout=PATIENCE)

    def revoke(self, access_token: str) -> Response:
        """Take an access token back."""
        url, auth = self.metadata["revocation_endpoint"], (CLIENT_ID, self._secret)
        return self.http.post(url, data={"token": access_token}, auth=auth, timeout=PATIENCE)

    def ask_for_userinfo(self, access_token: str) -> Response:
        """Send a request to the userinfo endpoint."""
        bearer = {"Authorization": f"Bearer {access_token}"}
        url = self.metadata["userinfo_endpoint"]
        return self.http.get(url, headers=bearer, timeout=PATIENCE)

    def userinfo(self, access_token: str) -> Mapping[str, Any]:
        """Return what the server tells of the user."""
        return self.read(self.ask_for_userinfo(access_token))

    def json(self, url: str) -> Mapping[str, Any]:
        return self.read(self.http.get(url, timeout=PATIENCE))

    def read(self, answer: Response) -> Mapping[str, Any]:
        assert answer.status_code == 200, f"{answer.status_code} at {answer.url}: {answer.text}"
        read: Mapping[str, Any] = answer.json()
        return read


def our_client(secret: str) -> Mapping[str, object]:
    return {
        "client_id": CLIENT_ID,
        "name": "Notes",
        "redirect_uris": [REDIRECT_URI],
        "response_types": ["code"],
        "policy": "oidc",
        "secret_hashes": [secret_hash(secret)],
        "first_party": True,
    }


def _measure_once(prepared: Mapping[str, Start], secret: str) -> Mapping[str, Figures]:
    with ExitStack() as stack:
        running: dict[str, tuple[Pair, Party]] = {}
        for kind, start in prepared.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            pair = stack.enter_context(start(folder))
            party = Party(pair, secret)
            stack.enter_context(party.http)
            _check_answers(party, opaque=kind == OPAQUE)
            if kind != JWTS:
                _check_revocation(party)
            for _ in range(WARM_UP // BATCH):
                _round(pair, party)
            running[kind] = pair, party
        rounds: dict[str, list[Figures]] = {kind: [] for kind in running}
        order = [*running.items()]
        for _ in range(ROUNDS):
            order.reverse()  # what comes first in a round may find the caches colder
            for kind, (pair, party) in order:
                rounds[kind].append(_round(pair, party))
    return {
        kind: {number: statistics.fmean(each[number] for each in turns) for number in NUMBERS}
        for kind, turns in rounds.items()
    }


def _round(pair: Pair, party: Party) -> Figures:
    codes, tokens = party.codes(), list[Mapping[str, Any]]()
    exchange = _used(pair, lambda code: tokens.append(party.exchange(code)), codes)
    access_tokens = [answer["access_token"] for answer in tokens]
    return {14: exchange, 15: _used(pair, party.userinfo, access_tokens)}


def _used(pair: Pair, act: Callable[[str], object], values: Sequence[str]) -> float:
    """Return the microseconds of SERVER1's CPU time for each of these values."""
    before = pair.cpu_seconds()[0]
    for value in values:
        act(value)
    return (pair.cpu_seconds()[0] - before) / len(values) * 1e6


def _check_answers(party: Party, *, opaque: bool) -> None:
    """Make sure that a server gives what is measured: genuine tokens, of the kinds that it says."""
    nonce = secrets.token_urlsafe(32)
    tokens = party.exchange(party.code(nonce))
    key = jwt.PyJWKSet.from_dict(dict(party.json(party.metadata["jwks_uri"]))).keys[0]
    issuer = party.metadata["issuer"]

    def claims(token: str, audience: str) -> Mapping[str, Any]:
        read: Mapping[str, Any] = jwt.decode(
            token, key, algorithms=["RS256"], issuer=issuer, audience=audience
        )
        return read

    said = claims(tokens["id_token"], CLIENT_ID)
    assert said["nonce"] == nonce, "another request's ID Token"
    about = party.userinfo(tokens["access_token"])
    assert about["sub"] == said["sub"], "userinfo is about somebody else"
    assert about["name"] == "Ada" and about["email"] == "ada@example.com", about
    if opaque:
        assert "." not in tokens["access_token"], "the access token is not opaque"
        return
    allowed = claims(tokens["access_token"], issuer)
    assert (allowed["sub"], allowed["client_id"]) == (said["sub"], CLIENT_ID), allowed
    assert jwt.get_unverified_header(tokens["access_token"])["typ"] == "at+jwt"


def _check_revocation(party: Party) -> None:
    """Make sure that a server can take an access token back."""
    access_token = party.exchange(party.code(secrets.token_urlsafe(32)))["access_token"]
    party.userinfo(access_token)
    party.revoke(access_token)
    answer = party.ask_for_userinfo(access_token)
    assert answer.status_code == 401, f"{answer.status_code} for a token that was revoked"
