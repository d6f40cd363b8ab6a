"""The issuer's side: its address, its keys, its clients and its stores."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from flask import Flask

from flask_handoff.addresses import with_parameters
from flask_handoff.issuer.clients import Client
from flask_handoff.issuer.context import IssuerContext
from flask_handoff.issuer.discovery import metadata_of
from flask_handoff.profiles import HANDOFF
from flask_handoff.redaction import shown
from flask_handoff.strict_json import load_strict_json

from .asking import NoAnswerError, ask, clock_findings, json_object
from .findings import Finding, ok, warning, wrong
from .hosting import check_hosting
from .registered import check_clients
from .signing_keys import check_keys
from .tables import check_stores, used_tokens

_ADDRESS, _SIGN_IN = "issuer address", "sign-in page"


def check_issuer(app: Flask, issuer: IssuerContext) -> Iterator[Finding]:
    """Look at everything that a sign-in from here needs."""
    config, clients = issuer.config, list(issuer.clients)
    count = f"{len(clients)} client{'' if len(clients) == 1 else 's'}"
    yield ok("issuer", f"This is the issuer {config.issuer}, with {count}.")
    yield from check_keys(issuer)
    yield from _check_metadata(issuer)
    yield from _check_published_keys(issuer)
    yield from _check_sign_in_page(issuer, clients)
    yield from check_clients(config.issuer, clients)
    yield from check_stores(_stores(issuer))
    uris = [uri for client in clients for uri in client.redirect_uris]
    yield from check_hosting(app, config.base_url, uris)
    if app.session_interface.get_cookie_samesite(app) == "Strict":
        yield warning(
            "session cookie",
            "SESSION_COOKIE_SAMESITE is Strict: a browser that a service sends here does not bring "
            "the cookie, and everybody is asked to sign in each time.",
            "Set SESSION_COOKIE_SAMESITE='Lax'.",
        )


def _check_metadata(issuer: IssuerContext) -> Iterator[Finding]:
    """Ask as a service does, and compare with what this application would say."""
    url = f"{issuer.config.issuer}/.well-known/openid-configuration"
    try:
        answer = ask(url, issuer.clock, issuer.config.ca_file, Accept="application/json")
        document = json_object(answer)
    except NoAnswerError as error:
        yield wrong(
            _ADDRESS,
            f"{url} {error}.",
            "Is this application running, and is HANDOFF_ISSUER its address as services and "
            "browsers know it? A proxy in front passes on the host (nginx: proxy_set_header Host "
            "$http_host;) and leaves the path as it is, or says X-Forwarded-Prefix.",
        )
        return
    yield from clock_findings("The clock at the issuer's address", answer, HANDOFF.leeway)
    own = metadata_of(issuer)
    others = sorted(
        name for name in own.keys() | document.keys() if own.get(name) != document.get(name)
    )
    if "issuer" in others:
        yield wrong(
            _ADDRESS,
            f"At {url} another issuer answers, or one with another HANDOFF_ISSUER.",
            "Give both the same settings, or correct the address.",
        )
    elif others:
        yield warning(
            _ADDRESS,
            f"What answers at {url} says other things than this application would: "
            f"{', '.join(name for name in others if name in own) or 'more of them'}.",
            "Restart the running processes, and run this with their settings.",
        )
    else:
        yield ok(_ADDRESS, f"{url} answers, and says what this application says.")


def _check_published_keys(issuer: IssuerContext) -> Iterator[Finding]:
    url = f"{issuer.config.issuer}/.well-known/jwks.json"
    try:
        document = json_object(
            ask(url, issuer.clock, issuer.config.ca_file, Accept="application/json")
        )
    except NoAnswerError as error:
        yield wrong("published keys", f"{url} {error}.", "Services fetch the keys from there.")
        return
    published, own = _kids(document), _kids(load_strict_json(issuer.keys.jwks_json))
    if published == own:
        yield ok("published keys", f"{url} publishes them: {', '.join(sorted(own))}.")
    else:
        yield wrong(
            "published keys",
            f"{url} publishes other keys than this application holds: what signs there is another "
            "one, or a process that does not follow the directory of its keys.",
            "Give all processes the same HANDOFF_KEYS_DIRECTORY, and restart those that lag.",
        )


def _check_sign_in_page(issuer: IssuerContext, clients: list[Client]) -> Iterator[Finding]:
    """Ask for a sign-in as a browser does that a client has sent, and see where it is led."""
    asking = [each for each in clients if each.redirect_uris and "id_token" in each.response_types]
    if not asking:
        return
    request = {
        "client_id": asking[0].client_id,
        "redirect_uri": asking[0].redirect_uris[0],
        "response_type": "id_token",
        "response_mode": min(asking[0].response_modes),
        "scope": "openid",
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
    }
    url = f"{issuer.config.endpoints_url}/authorize"
    try:
        answer = ask(with_parameters(url, request), issuer.clock, issuer.config.ca_file)
    except NoAnswerError as error:
        yield wrong(_SIGN_IN, f"{url} {error}.", "Services send their users there.")
        return
    page, base_path = urlsplit(answer.location).path, urlsplit(issuer.config.base_url).path
    if not page:
        yield wrong(
            _SIGN_IN,
            f"{url} answers with status {answer.status}, where it should lead to the sign-in page.",
            "See the log of the running application, and whether it has the settings of this one.",
        )
    elif not page.startswith(f"{base_path}/"):
        yield wrong(
            _SIGN_IN,
            f"Users are led to {shown(page)}, and browsers know this application below "
            f"{base_path}.",
            "Behind a proxy that takes the path away: ProxyFix(app.wsgi_app, x_prefix=1), and "
            "X-Forwarded-Prefix from the proxy. Else correct HANDOFF_ISSUER.",
        )
    else:
        yield ok(_SIGN_IN, f"Users who are not signed in are led to {shown(page)}.")
        yield from _check_signature(issuer, answer.location)


def _check_signature(issuer: IssuerContext, location: str) -> Iterator[Finding]:
    """Compare the secret keys: the sign-in page is sent what was signed with the other one."""
    carried = dict(parse_qsl(urlsplit(location).query)).get("continue")
    if carried is not None and issuer.carrier.destination(carried, issuer.clock()) is None:
        yield warning(
            "secret key",
            "What answers there has another SECRET_KEY than this application: perhaps each process "
            "makes its own when it starts. Then no process knows the sessions of another.",
            "Give all processes, and this command, one SECRET_KEY that is kept.",
        )


def _kids(document: object) -> frozenset[str]:
    entries = document.get("keys") if isinstance(document, Mapping) else None
    return frozenset(
        str(entry.get("kid"))
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, Mapping)
    )


def _stores(issuer: IssuerContext) -> Mapping[str, object]:
    codes, assertions = issuer.codes, issuer.assertions
    refresh = None if codes is None else codes.refresh_tokens
    return {
        "codes": None if codes is None else codes.store,
        "refresh tokens": None if refresh is None else refresh.store,
        "revoked tokens": None if issuer.issued is None else issuer.issued.store,
        "client assertions": used_tokens(assertions and assertions.replay_store),
    }
