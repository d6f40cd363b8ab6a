"""The way on to a service, for somebody who was stopped on it: through a sign-up, or a mail."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import request, url_for
from sqlalchemy import Connection

from flask_handoff import Client
from flask_handoff.errors import ClientUnknownError
from server1.accounts.destinations import note_destination, take_destination
from server1.handoff import handoff


class WayOn(NamedTuple):
    """A service, and the address of the link that leads there."""

    client: Client
    url: str


def carried() -> dict[str, Any]:
    """Return what the links and the forms of a page keep of the request that waits, if one does."""
    return {} if handoff.destination() is None else {"continue": request.values["continue"]}


def way_on() -> WayOn | None:
    """Return where the request leads that this page keeps, also when that has become too old."""
    destination = handoff.destination()
    if destination is None:
        return None
    client, target = destination
    if client.initiate_login_uri is None:
        return WayOn(client, handoff.after_sign_in(default=url_for("pages.home")))
    return WayOn(client, handoff.continue_url(client, target))


def note_way_on(connection: Connection, subject: str) -> None:
    """Keep where this user is going until their address is confirmed, in whatever browser."""
    destination = handoff.destination()
    if destination is not None:
        client, target = destination
        note_destination(connection, subject, client.client_id, target)


def take_way_on(connection: Connection, subject: str) -> dict[str, Any]:
    """Return what ``told_way_on`` reads, for the address of a page that says what was done."""
    taken = take_destination(connection, subject)
    if taken is None:
        return {}
    client_id, target = taken
    return {"service": client_id} if target is None else {"service": client_id, "target": target}


def told_way_on() -> WayOn | None:
    """Return the way on that the address of this page names; as such a link anybody can make one.

    The service judges the target, and begins a sign-in of its own.
    """
    try:
        client = handoff.client(request.args.get("service", ""))
    except ClientUnknownError:
        return None
    if client.initiate_login_uri is None:
        return None
    return WayOn(client, handoff.continue_url(client, request.args.get("target")))
