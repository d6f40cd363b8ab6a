"""Where the demo's servers tell the lab what they saw. No page of any site can write here."""

from __future__ import annotations

from flask import Blueprint, Flask, abort, request
from werkzeug.wrappers import Response

from flask_service.hops.hop import Hop

from . import current

blueprint = Blueprint("intake", __name__)


def init_app(app: Flask) -> None:
    """Take hops, under the lab's own host."""
    app.register_blueprint(blueprint)


@blueprint.post("/hops")
def take() -> Response:
    """Take one hop of a server's."""
    # Browsers send one of these with every POST that a page makes; the servers' program neither.
    if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
        abort(403)
    if request.mimetype != "application/json":
        abort(415)
    try:
        hop = Hop.from_json(request.get_data())
    except ValueError:
        abort(400)
    current.hops().add(hop)
    return Response(status=204)
