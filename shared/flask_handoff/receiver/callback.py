"""What SERVER1's answer brings to the callback: a token or an error, and the attempt it is for."""

from __future__ import annotations

from collections.abc import Mapping

from flask_handoff.errors import RequestMalformedError
from flask_handoff.web.parameters import UnverifiedParameters, single

from .config import ReceiverConfig

LONGEST_QUERY_TOKEN = 3500  # characters; longer request lines are cut or refused on the way

_FIELDS = ("id_token", "error", "state", "iss")
_LONGEST_FIELD = 4096  # characters


def read_callback(unverified: UnverifiedParameters, config: ReceiverConfig) -> Mapping[str, str]:
    """Read the fields of an answer; none of them is verified yet.

    Raises:
        RequestMalformedError: A field is missing, sent twice or too long, or there is not exactly
            one of token and error.

    Sources: OpenID Connect Core 1.0, sections 3.2.2.5 and 3.2.2.6; RFC 9207, section 2.4.
    """
    fields = {name: single(unverified, name, RequestMalformedError) for name in _FIELDS}
    given = {name: value for name, value in fields.items() if value is not None}
    if ("id_token" in given) == ("error" in given):
        raise RequestMalformedError("expected either id_token or error")
    if "state" not in given:
        raise RequestMalformedError("state: missing")
    if "iss" not in given and config.policy == "handoff":
        raise RequestMalformedError("iss: missing")
    if any(len(value) > _LONGEST_FIELD for value in given.values()):
        raise RequestMalformedError("a parameter is too long")
    return given


def check_query(fields: Mapping[str, str], config: ReceiverConfig) -> None:
    """Check that the token may come in a query, where others read it.

    Raises:
        RequestMalformedError: It is over 3,500 characters, or ``form_post`` was asked for.
    """
    if "id_token" not in fields:
        return
    if len(fields["id_token"]) > LONGEST_QUERY_TOKEN:
        raise RequestMalformedError("id_token: too long for a query")
    if config.response_mode != "query":
        raise RequestMalformedError("id_token: in a query, where form_post was asked for")
