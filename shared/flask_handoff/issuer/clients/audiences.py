"""Which service an access token is for: one token, one audience."""

from __future__ import annotations

import re
from typing import NamedTuple

from flask_handoff.errors import InvalidTargetError, TokenRequestError
from flask_handoff.profiles import OPENID_SCOPES
from flask_handoff.web.parameters import ParameterReader

from .registry import ClientSource

_BARE_ORIGIN = re.compile(r"https?://[^/?#]+/")


class Audience(NamedTuple):
    """Who an access token is for, and what of a scope has a meaning there."""

    name: str  # goes into the claim ``aud``
    scopes: frozenset[str]


def read_resource(read: ParameterReader) -> str | None:
    """Return the one resource that a request names; None where it names none.

    Raises:
        InvalidTargetError: There are several: a token for both could be used by each at the other.

    Source: RFC 8707, section 2.
    """
    values = read.values("resource")
    if not values:
        return None
    resources = {plain_resource(value) for value in values}
    if len(resources) > 1:
        raise InvalidTargetError("resource: more than one; ask for a token for each")
    return resources.pop()


def check_resources(read: ParameterReader, granted: str) -> None:
    """Check that what a client names beside its code or refresh token is what was granted.

    Raises:
        TokenRequestError: It names another service.

    Source: RFC 8707, section 2.2.
    """
    if any(plain_resource(one) != plain_resource(granted) for one in read.values("resource")):
        raise TokenRequestError("resource: not the one that was granted", error="invalid_target")


def choose_audience(
    scope: frozenset[str],
    unverified_resource: str | None,
    *,
    issuer: str,
    clients: ClientSource,
) -> Audience:
    """Choose who an access token is for.

    A request that names a resource means that one. Else a scope of OpenID Connect's own values is
    for the issuer's ``/userinfo``, and any other for the service that knows its values.

    Raises:
        InvalidTargetError: The resource is not registered, or the scope holds values of several
            services.

    Sources: RFC 8707, section 2; RFC 9068, section 3; RFC 9700, section 2.3.
    """
    own = Audience(issuer, OPENID_SCOPES)
    if unverified_resource is None and scope <= OPENID_SCOPES:
        return own
    services = [Audience(one.resource, one.scopes) for one in clients if one.resource is not None]
    meant = {one for one in services if one.scopes & scope}
    if unverified_resource is not None:
        named = plain_resource(unverified_resource)
        of_this_name = {one for one in (own, *services) if plain_resource(one.name) == named}
        meant |= of_this_name
        if not of_this_name:
            raise InvalidTargetError("resource: no service of this name is registered")
    if len(meant) > 1:
        raise InvalidTargetError("scope: its values belong to several services")
    return meant.pop() if meant else own


def plain_resource(resource: str) -> str:
    """Return a resource as all who mean the same service write it.

    JavaScript adds the slash to an address without a path. Below a path it tells two apart.

    Source: RFC 3986, section 6.2.3.
    """
    return resource[:-1] if _BARE_ORIGIN.fullmatch(resource) else resource
