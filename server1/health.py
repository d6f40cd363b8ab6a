"""For machines that watch: does the process live, can it work?"""

from __future__ import annotations

from flask import Blueprint, Response

from .parts import parts

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer: the process lives."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer when the database does; the signing key was loaded when the server started.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: It does not (HTTP 503).
    """
    parts().database.check()
    return Response("ok\n", mimetype="text/plain")
