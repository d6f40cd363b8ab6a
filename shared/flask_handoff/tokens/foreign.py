"""The checks of a foreign issuer's tokens, where the standards let it write more than ours does.

Each stands in the place of the check of its name. What is looser here binds nobody to anything: the
algorithm, the issuer's own keys, its name and the one audience are checked as strictly.
"""

from __future__ import annotations

import re

from flask_handoff.errors import TokenClaimError, TokenMalformedError
from flask_handoff.keys.foreign import LONGEST_KID

from .strict_jwt import ALGORITHM, read_header, read_object
from .verification import (
    UP_TO_THE_CLAIMS,
    Verification,
    find_key,
    plain_type,
)
from .verification import check_audience as check_our_audience
from .verification import check_form as check_our_form
from .verification import check_header as check_our_header
from .verification import check_key as check_our_key
from .verification import check_payload as check_our_payload

# A header may hold a chain of certificates, a payload the groups of a person in many.
# ``re`` compiles it where there is a foreign issuer.
_COMPACT_FORM = (
    r"(?P<header>[A-Za-z0-9_-]{2,8192})\.(?P<payload>[A-Za-z0-9_-]{2,12288})"
    r"\.(?P<signature>[A-Za-z0-9_-]{342,683})"
)
# They change what the signature covers, so that to ignore them is to misread the token.
_NEVER_IGNORED = frozenset({"crit", "b64"})


def check_form(case: Verification) -> None:
    """Is it a compact JWS of at most 12,288 characters?"""
    longest = case.expected.profile.maximum_length
    if len(case.unverified_token) > longest:
        raise TokenMalformedError(f"longer than {longest} characters")
    form = re.fullmatch(_COMPACT_FORM, case.unverified_token)
    if form is None:
        is_encrypted = case.unverified_token.count(".") == 4
        raise TokenMalformedError("encrypted (a JWE)" if is_encrypted else "not a compact JWS")
    case.unverified_segments = form.groupdict()


def check_header(case: Verification) -> None:
    """Does its header hold alg and typ as expected, and nothing critical?"""
    header, profile = read_header(case.unverified_segments["header"]), case.expected.profile
    # All else that is not understood is ignored: no key in it is taken, no address opened.
    if not _NEVER_IGNORED.isdisjoint(header):
        raise TokenMalformedError('header: "crit" or "b64", which are not understood here')
    if header.get("alg") != ALGORITHM:
        raise TokenMalformedError(f'header "alg" (algorithm): expected {ALGORITHM}')
    if plain_type(header) not in profile.accepted_types:
        raise TokenMalformedError(f'header "typ" (type): not that of a {profile.name}')
    kid = header.get("kid")
    if "kid" in header and (type(kid) is not str or not 1 <= len(kid) <= LONGEST_KID):
        raise TokenMalformedError(
            f'header "kid" (key ID): expected a text of 1 to {LONGEST_KID} characters'
        )
    case.unverified_kid = kid


def check_key(case: Verification) -> None:
    """Does the issuer publish the key that it names, or one key only where it names none?"""
    case.key = find_key(case.expected.keys, case.unverified_kid)


def check_payload(case: Verification) -> None:
    """Is its payload one JSON object?"""
    case.payload = read_object(case.signed_octets, "payload", foreign=True)


def check_audience(case: Verification) -> None:
    """Is it for this receiver, and for nobody else, as a text or a list of one?"""
    audience = case.expected.audience
    # Any other member is a second receiver, which could use the token here.
    if case.payload["aud"] not in (audience, [audience]):
        raise TokenClaimError(
            f'claim "aud" (audience): expected {audience!r}, and nothing beside it', claim="aud"
        )
    if case.payload.get("azp") not in (None, audience):
        raise TokenClaimError('claim "azp" (authorized party): not this receiver', claim="azp")


_IN_PLACE_OF = {
    check_our_form: check_form,
    check_our_header: check_header,
    check_our_key: check_key,
    check_our_payload: check_payload,
    check_our_audience: check_audience,
}

FOREIGN_UP_TO_THE_CLAIMS = tuple(_IN_PLACE_OF.get(check, check) for check in UP_TO_THE_CLAIMS)
"""``UP_TO_THE_CLAIMS``, of a foreign issuer's token."""
