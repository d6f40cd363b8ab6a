"""The receiver's side: the issuer that it trusts, how it is registered there, and its address."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask

from flask_handoff.receiver.config import ReceiverConfig
from flask_handoff.receiver.context import ReceiverContext
from flask_handoff.redaction import shown

from .base_url import check_base_url
from .findings import Finding, ok, warning, wrong
from .hosting import check_hosting
from .registration import check_registration
from .tables import check_stores, used_tokens
from .trusted_issuer import Metadata, TrustedIssuer


def check_receiver(app: Flask, receiver: ReceiverContext) -> Iterator[Finding]:
    """Look at everything that a sign-in here needs."""
    config, verifier = receiver.config, receiver.verifier
    listens = receiver.logouts is not None
    yield _addresses(config, listens=listens)
    issuer = TrustedIssuer(
        config,
        verifier.keys,
        verifier.clock,
        allowed=config.profile.leeway,
    )
    yield from issuer.check()
    if issuer.metadata is not None:
        yield from _compare(config, issuer.metadata, listens=listens)
    yield from _check_response_mode(config)
    yield from check_registration(receiver)
    yield from check_base_url(receiver)
    store = verifier.replay_store if listens else used_tokens(verifier.replay_store)
    yield from check_stores({"used tokens": store})
    yield from check_hosting(app, config.base_url, [config.issuer])
    yield from _check_landing(app, config)


def _addresses(config: ReceiverConfig, *, listens: bool) -> Finding:
    base = f"{config.base_url}{config.url_prefix}"
    logouts = (
        f"backchannel_logout_uri {base}/backchannel-logout"
        if listens
        else "no backchannel_logout_uri, since there is no hook end_sessions"
    )
    return ok(
        "receiver",
        f"This is the client {config.client_id} of {config.issuer}. What has to be registered "
        f"there: redirect URI {config.redirect_uri}, initiate_login_uri {base}/login, {logouts}.",
    )


def _compare(config: ReceiverConfig, metadata: Metadata, *, listens: bool) -> Iterator[Finding]:
    """Hold what the issuer announces against what this receiver uses."""
    addresses = {
        "authorization_endpoint": ("HANDOFF_AUTHORIZATION_ENDPOINT", config.authorization_endpoint),
        "end_session_endpoint": ("HANDOFF_END_SESSION_ENDPOINT", config.end_session_endpoint),
    }
    differ = False
    for member, (setting, used) in addresses.items():
        announced = metadata.get(member)
        if announced == used or (announced is None and member == "end_session_endpoint"):
            continue
        differ = True
        said = shown(announced) if isinstance(announced, str) else "none"
        yield wrong(
            "endpoints",
            f"The issuer announces {said} as its {member}, and this receiver uses {used}.",
            f"Set {setting} to the issuer's address.",
        )
    if not differ:
        end = "" if "end_session_endpoint" in metadata else "; it ends no sessions for services"
        yield ok("endpoints", f"Users are sent to {config.authorization_endpoint}{end}.")
    if "id_token" not in _list(metadata, "response_types_supported", ["id_token"]):
        yield wrong(
            "endpoints",
            "The issuer does not announce the response type id_token, which a receiver asks for.",
            "Let the issuer allow it (the implicit flow of OpenID Connect, with form_post).",
        )
    modes = _list(metadata, "response_modes_supported", ["query", "fragment"])
    if config.response_mode == "form_post" and "form_post" not in modes:
        yield wrong(
            "response mode",
            "The issuer does not announce form_post, by which the token is to come.",
            "Let the issuer allow it; a token has no other safe way through a browser.",
        )
    if listens and metadata.get("backchannel_logout_supported") is False:
        yield warning(
            "logouts",
            "This receiver listens to logouts, and the issuer notifies no client of any.",
            "Register backchannel_logout_uri with the client there, as written above.",
        )


def _list(metadata: Metadata, member: str, default: list[str]) -> list[object]:
    value = metadata.get(member, default)
    return value if isinstance(value, list) else []


def _check_response_mode(config: ReceiverConfig) -> Iterator[Finding]:
    if config.response_mode == "query":
        yield warning(
            "response mode",
            "HANDOFF_RESPONSE_MODE is query: the token comes in an address, and may end up in "
            "histories and logs. No issuer announces that mode for tokens. One of this library "
            "answers by it where the client is registered with it.",
            "Leave the setting out (form_post), unless this is a trial. Else the client's "
            '"response_modes" there has to hold "query".',
        )


def _check_landing(app: Flask, config: ReceiverConfig) -> Iterator[Finding]:
    strict = app.session_interface.get_cookie_samesite(app) == "Strict"
    if strict and config.landing != "refresh" and config.response_mode == "query":
        yield wrong(
            "session cookie",
            "SESSION_COOKIE_SAMESITE is Strict: after a sign-in the browser follows redirects that "
            "began at the issuer, and does not send the cookie on them.",
            "Set HANDOFF_LANDING=refresh, or SESSION_COOKIE_SAMESITE='Lax'.",
        )
