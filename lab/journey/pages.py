"""The pages: the list of journeys, one of them or two, and what became of its token."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, abort, render_template, request
from flask import make_response as response_of
from werkzeug.wrappers import Response

from flask_service.hops.hop import Hop
from flask_service.security_headers import content_security_policy
from lab.current import config, hops
from lab.same_origin import check_sender

from .another_browser import ServerAwayError, callback_address, present
from .diagram import draw
from .story import LEEWAY, Journey, journeys

TOLD_WITHIN = 1  # seconds: a server tells of a hop when it has answered
SHOWN = 50  # journeys in the list

blueprint = Blueprint("journey", __name__)


@blueprint.app_template_filter()
def clock_time(instant: datetime) -> str:
    """Write the time of day."""
    return f"{instant.astimezone(UTC):%H:%M:%S}.{instant.microsecond // 1000:03} UTC"


@blueprint.app_template_filter()
def duration(milliseconds: float) -> str:
    """Write a duration as people say it."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f} s"


@blueprint.get("/journeys")
def journey_list() -> str:
    """Show the newest journeys, and how to make one."""
    found = journeys(hops().newest())
    own = [each for each in found if not each.is_of_bench]
    pair = [next((each for each in own if each.mode == m), None) for m in ("query", "form_post")]
    return render_template(
        "journey/list.html",
        journeys=own[:SHOWN],
        of_bench=[each for each in found if each.is_of_bench][:SHOWN],
        pair=pair if all(pair) else None,
        server2=config().server2.url,
    )


@blueprint.get("/journey")
def journey_page() -> Response:
    """Show one journey; or two side by side."""
    names = [name for name in ("token", "beside") if request.args.get(name)]
    shown = [_journey(request.args[name]) for name in names] or abort(404)
    page = render_template(
        "journey/journey.html" if len(shown) == 1 else "journey/beside.html",
        journeys=[(journey, draw(journey.steps)) for journey in shown],
        other=_other_mode(shown[0]) if len(shown) == 1 else None,
        now=datetime.now(UTC),
        leeway=LEEWAY,
        **_again(shown[0]),
    )
    response = response_of(page)
    # The form that repeats a form_post leads to SERVER2, as SERVER1's did.
    policy = content_security_policy("'self'", config().server2.url)
    response.headers["Content-Security-Policy"] = policy
    return response


@blueprint.post("/journey/again")
def again() -> str:
    """Present the token at SERVER2 as somebody would who has stolen it, and show the answer."""
    check_sender()
    journey = _journey(request.form.get("token", ""))
    judged = journey.judged or abort(404)
    try:
        answer = present(config().server2, judged.hop)
    except ServerAwayError:
        abort(503)
    return render_template(
        "journey/outcome.html",
        journey=journey,
        answer=answer,
        hop=_told(answer.request_id),
        wants_expired=request.form.get("why") == "expired",
        now=datetime.now(UTC),
        leeway=LEEWAY,
    )


def _journey(unverified_id: str) -> Journey:
    try:
        return Journey.of(unverified_id, hops().journey(unverified_id, within=TOLD_WITHIN))
    except KeyError:
        abort(404)


def _other_mode(journey: Journey) -> Journey | None:
    found = journeys(hops().newest())
    return next((each for each in found if each.mode != journey.mode), None)


def _again(journey: Journey) -> dict[str, object]:
    """Return how this browser would use the token again: by an address, or by a form."""
    judged, server2 = journey.judged, config().server2
    if judged is None:
        return {}
    fields = dict(judged.hop.query or judged.hop.form)
    return {
        "again_url": callback_address(server2, fields),
        "again_action": f"{server2.url}/sso/callback",
        "again_fields": fields,
    }


def _told(request_id: str) -> Hop | None:
    if not request_id:
        return None
    try:
        return hops().by_request_id(request_id, within=TOLD_WITHIN)
    except KeyError:
        return None
