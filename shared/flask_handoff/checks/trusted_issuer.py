"""The issuer as a service sees it: its metadata, its keys and its clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from flask_handoff.claims import Clock
from flask_handoff.errors import HandoffError
from flask_handoff.keys import JWKSClient, KeySource
from flask_handoff.redaction import as_log_field, shown
from flask_handoff.web.service_config import ServiceConfig

from .asking import NoAnswerError, ask, clock_findings, json_object
from .findings import Finding, ok, warning, wrong

Metadata = Mapping[str, object]


class TrustedIssuer:
    """The issuer that a service trusts.

    Args:
        config: Of the service.
        keys: Of the issuer, as the service gets them.
        allowed: By how much the two clocks may differ (``HANDOFF_LEEWAY``).
    """

    def __init__(
        self,
        config: ServiceConfig,
        keys: KeySource,
        clock: Clock,
        *,
        allowed: timedelta,
    ) -> None:
        self._config = config
        self._keys = keys
        self._clock = clock
        self._allowed = allowed
        self.metadata: Metadata | None = None  # None until it was asked for, and where it is wrong

    def check(self) -> Iterator[Finding]:
        """Ask for its metadata and its keys."""
        yield from self._check_metadata()
        yield from self._check_keys()

    def _check_metadata(self) -> Iterator[Finding]:
        issuer = self._config.issuer
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            answer = ask(url, self._clock, self._config.ca_file, Accept="application/json")
            document = json_object(answer)
        except NoAnswerError as error:
            yield self._unreachable(f"{url} {error}.")
            return
        yield from clock_findings("The issuer's clock", answer, self._allowed, " (HANDOFF_LEEWAY)")
        named = document.get("issuer")
        if named != issuer:
            yield wrong(
                "metadata",
                f"The issuer calls itself {_shown(named)}, and HANDOFF_ISSUER is {issuer!r}. They "
                "are compared character by character, and every token is refused.",
                "Write HANDOFF_ISSUER on both sides as the issuer does, without a slash more or "
                "less.",
            )
            return
        self.metadata = document
        yield ok("metadata", f"{url} answers, and names the issuer that is expected.")
        yield from self._check_jwks_uri(document.get("jwks_uri"))
        algorithms = document.get("id_token_signing_alg_values_supported")
        if isinstance(algorithms, list) and "RS256" not in algorithms:
            yield wrong(
                "keys",
                "The issuer does not announce RS256, the only algorithm that is accepted here.",
                "Have the issuer sign this client's tokens with RS256.",
            )

    def _unreachable(self, text: str) -> Finding:
        remedy = (
            "Is the issuer running, and is HANDOFF_ISSUER its address, with the path where it is "
            "mounted? Ask that address on this very machine, such as by curl -i."
        )
        if not isinstance(self._keys, JWKSClient):
            return warning("metadata", f"{text} The keys are not fetched from there.", remedy)
        return wrong("metadata", text, remedy)

    def _check_jwks_uri(self, announced: object) -> Iterator[Finding]:
        fetched = self._config.jwks_uri
        if announced == fetched or not isinstance(self._keys, JWKSClient):
            return
        if fetched == f"{self._config.issuer.rstrip('/')}/.well-known/jwks.json":
            yield wrong(
                "keys",
                f"The issuer publishes its keys at {_shown(announced)}, and this service looks "
                f"for them at {fetched}.",
                "Set HANDOFF_JWKS_URI to the issuer's address.",
            )
        else:
            yield ok(
                "keys",
                f"They are fetched from {fetched}; the issuer names {_shown(announced)}. That is "
                "right where the former is its address inside of your network.",
            )

    def _check_keys(self) -> Iterator[Finding]:
        source = type(self._keys).__name__
        try:
            self._keys.ready()
        except HandoffError as error:
            yield wrong(
                "keys",
                f"There are none ({source}): {error}.",
                "Nobody can sign in until it has. See that this machine reaches "
                f"{self._config.jwks_uri}, or set HANDOFF_JWKS_URI or HANDOFF_PINNED_KEYS.",
            )
            return
        kids = getattr(self._keys, "kids", None)
        named = f": {', '.join(sorted(map(as_log_field, kids)))}" if kids else ""
        yield ok("keys", f"Public keys for RS256 are there ({source}){named}.")
        if kids and not isinstance(self._keys, JWKSClient):
            yield from self._compare_with_published(kids)

    def _compare_with_published(self, held: frozenset[str]) -> Iterator[Finding]:
        """Look whether keys that are not fetched are still those of the issuer."""
        try:
            answer = ask(self._config.jwks_uri, self._clock, self._config.ca_file)
            entries = json_object(answer).get("keys")
        except NoAnswerError:
            return
        published = {
            str(entry.get("kid"))
            for entry in (entries if isinstance(entries, list) else ())
            if isinstance(entry, Mapping)
        }
        if not published & held:
            yield wrong(
                "keys",
                "None of the keys that are held here is published by the issuer.",
                "Put those of its jwks_uri into the file of HANDOFF_PINNED_KEYS, and start again.",
            )
        elif published - held:
            yield warning(
                "keys",
                f"The issuer publishes {len(published - held)} that is not held here: when it "
                "signs, sign-ins fail.",
                "Put it into the file of HANDOFF_PINNED_KEYS, and start again.",
            )


def _shown(unverified: object) -> str:
    return shown(unverified) if isinstance(unverified, str) else "nothing"
