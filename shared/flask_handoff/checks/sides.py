"""All that one application is: an issuer, a receiver, an API, or several of them."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask

from flask_handoff.api.extension import EXTENSION as API
from flask_handoff.api.extension import APIContext
from flask_handoff.errors import HandoffError
from flask_handoff.issuer.context import EXTENSION as ISSUER
from flask_handoff.issuer.context import IssuerContext
from flask_handoff.receiver.context import EXTENSION as RECEIVER
from flask_handoff.receiver.context import ReceiverContext

from .findings import Finding, ok, wrong
from .hosting import check_front, check_hosting
from .issuing import check_issuer
from .own import own_findings
from .receiving import check_receiver
from .tables import check_stores, used_tokens
from .trusted_issuer import TrustedIssuer


def findings_of(app: Flask) -> Iterator[Finding]:
    """Check every side of an application, then what it has added; nothing where it has none.

    The application's context is open.
    """
    issuer: IssuerContext | None = app.extensions.get(ISSUER)
    receiver: ReceiverContext | None = app.extensions.get(RECEIVER)
    api: APIContext | None = app.extensions.get(API)
    if issuer is not None:
        yield from _to_the_end("issuer", check_issuer(app, issuer))
    if receiver is not None:
        yield from _to_the_end("receiver", check_receiver(app, receiver))
    if api is not None:
        yield from _to_the_end("API", _check_api(app, api, alone=receiver is None))
    if issuer or receiver or api:
        yield from own_findings(app)


def _to_the_end(side: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Say so where what the application brings, such as its source of clients, fails on the way."""
    try:
        yield from findings
    except HandoffError as error:
        yield wrong(side, f"The rest cannot be looked at: {error}.", "Make that work first.")
    except Exception as error:
        failed = f"something of the application's own failed ({type(error).__name__})"
        remedy = "Look what its stores, keys and clients do."
        yield wrong(side, f"The rest cannot be looked at: {failed}.", remedy)


def _check_api(app: Flask, api: APIContext, *, alone: bool) -> Iterator[Finding]:
    """Look at an API's stores, and where it stands *alone* at all that a receiver would see."""
    yield from check_stores(
        {
            "revocations": api.revocation_list,
            "revocation notices": used_tokens(api.replay_store),
        }
    )
    if not alone:
        return
    config, verifier = api.config, api.verifier
    yield ok(
        "API",
        f"Access tokens of {config.issuer} are accepted for {config.base_url}, which is the "
        "resource to register there.",
    )
    trusted = TrustedIssuer(config, verifier.keys, verifier.clock, allowed=config.leeway)
    yield from trusted.check()
    if app.secret_key:
        yield from check_hosting(app, config.base_url, [config.issuer])
    else:  # a token is all that an API needs: it keeps no session
        yield from check_front(app, config.base_url)
