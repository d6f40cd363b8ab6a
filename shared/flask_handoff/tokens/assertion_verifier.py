"""Verifies client assertions: JWTs that a client signs to prove who it is, or raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from flask_handoff.claims import Clock, UnverifiedToken, system_clock
from flask_handoff.errors import TokenClaimError, TokenKeyUnknownError, TokenMalformedError
from flask_handoff.keys import FixedKeys, VerificationKey
from flask_handoff.profiles import CLIENT_ASSERTION, CLIENT_ID
from flask_handoff.stores import ReplayStore

from . import verification
from .claim_reader import FractionalDates
from .one_use import OneUseVerification, OneUseVerifier
from .strict_jwt import read_segment
from .verification import (
    check_form,
    check_header,
    check_issuer,
    check_payload,
    check_required_claims,
    check_signature,
    run_checks,
)


class AssertionVerification(OneUseVerification):
    """One client assertion on its way through the checks."""

    __slots__ = ()

    claim_reader = FractionalDates

    expected: ClientAssertionVerifier


def unverified_client_id(unverified_token: UnverifiedToken) -> str:
    """Return which client a client assertion says that it is from; nothing is verified by that.

    Only that client's keys may verify it: the client is found first, and the key among its own.

    Raises:
        TokenMalformedError: Not a compact JWS, not strict JSON inside, or it names no client.
    """
    # Whom to expect is asked here, and the check of the form does not need to know.
    case = verification.Verification(cast(verification.Verifier, None), unverified_token)
    check_form(case)
    subject = read_segment(case.unverified_segments["payload"], "payload").get("sub")
    if type(subject) is not str or CLIENT_ID.fullmatch(subject) is None:
        raise TokenMalformedError('claim "sub" (subject): not of the form of a client_id')
    return subject


def check_key(case: AssertionVerification) -> None:
    """Is it of one of this client's keys?"""
    keys, kid = case.expected.client_keys, case.unverified_kid
    if kid is None and len(keys) == 1:
        case.key = keys[0]
    elif kid is None:
        raise TokenKeyUnknownError(f"names no key, and this client has {len(keys)}")
    else:
        verification.check_key(case)


def check_subject(case: AssertionVerification) -> None:
    """Does the client speak for itself?"""
    if case.payload["sub"] != case.expected.issuer:
        raise TokenClaimError('claim "sub" (subject): expected the same as "iss"', claim="sub")


def check_audience(case: AssertionVerification) -> None:
    """Is it for this issuer, and for nobody else?"""
    audience, expected = case.payload["aud"], case.expected
    # A list could name a second server, which then plays the client here.
    if audience == expected.audience:
        return
    endpoint = expected.token_endpoint
    if endpoint is None or audience not in (endpoint, [endpoint]):
        raise TokenClaimError(
            f'claim "aud" (audience): expected {expected.audience!r}, and nothing beside it',
            claim="aud",
        )


def check_claims(case: AssertionVerification) -> None:
    """Is each claim of its type and form?"""
    read = case.claim_reader(case.payload)
    read.jwt_id(strict=case.expected.profile.strict_jwt_id)
    read.required_date("exp")
    read.date("iat")


def check_lifetime(case: AssertionVerification) -> None:
    """Does it live no longer than is allowed?"""
    expected = case.expected
    ahead = case.payload["exp"] - expected.clock().timestamp()
    if ahead > expected.maximum_lifetime + expected.leeway:
        raise TokenClaimError(
            f'claim "exp" (expiration time): {ahead:.0f} s ahead of this clock, '
            f"at most {expected.maximum_lifetime:.0f} allowed",
            claim="exp",
        )


def check_one_use(case: AssertionVerification) -> None:
    """Was it never used before?"""
    case.claim(case.payload["jti"])


class ClientAssertionVerifier(OneUseVerifier):
    """Lets one client prove who it is by what its key signed, once, or raises.

    Args:
        client_id: The client: the only ``iss`` and ``sub`` that are accepted.
        audience: The issuer, the only ``aud`` that is accepted, as a text.
        keys: The client's own public keys.
        replay_store: Remembers what was used, by ``client:`` and the client's name.
        token_endpoint: An ``aud`` that is accepted as well, as a text or a list of one; for clients
            whose library knows no other. None for all others.
    """

    default_profile = CLIENT_ASSERTION
    verification_class = AssertionVerification
    checks = (
        check_form,
        check_header,
        check_key,
        check_signature,
        check_payload,
        check_required_claims,
        check_issuer,
        check_subject,
        check_audience,
        check_claims,
        check_lifetime,
        verification.check_time,
        check_one_use,
    )
    inspections = checks[:-1]

    def __init__(
        self,
        *,
        client_id: str,
        audience: str,
        keys: Sequence[VerificationKey],
        replay_store: ReplayStore,
        token_endpoint: str | None = None,
        clock: Clock = system_clock,
    ) -> None:
        super().__init__(
            issuer=client_id,
            audience=audience,
            keys=FixedKeys(keys),
            replay_store=replay_store,
            clock=clock,
        )
        self.client_keys = keys
        self.token_endpoint = token_endpoint
        # No issuer is called that, an origin as it is, and no client_id holds a colon.
        self.claimed_as = f"client:{client_id}"

    def verify(self, unverified_token: UnverifiedToken) -> None:
        """Check the assertion completely, and claim it. It proves who the client is.

        Raises:
            HandoffRejectedError, ReplayStoreUnavailableError: See ``inspect`` and ``redeem``.
        """
        self.redeem(self.inspect(unverified_token))

    def inspect(self, unverified_token: UnverifiedToken) -> AssertionVerification:
        """Check all but that the assertion was never used. It takes no part in any transaction.

        It is a compact JWS as it came, at most 4,096 characters.

        Raises:
            TokenMalformedError: Not a compact JWS of this kind, or not strict JSON inside.
            TokenKeyUnknownError: The client has no key of this ``kid``; or several, and none is
                named.
            TokenSignatureError: Not signed by that key, or changed since.
            TokenClaimError: A claim is missing, of the wrong type or value; its subclasses
                TokenExpiredError and TokenNotYetValidError where only the time is wrong.

        Sources: RFC 7523, section 3; OpenID Connect Core 1.0, section 9; RFC 8725, section 3.
        """
        case = AssertionVerification(self, unverified_token)
        run_checks(case, self.inspections)
        return case

    def redeem(self, case: AssertionVerification) -> None:
        """Claim an assertion that was inspected: it proves who the client is, once.

        Raises:
            TokenReplayedError: It was used before.
            ReplayStoreUnavailableError: It cannot be told.
        """
        run_checks(case, (check_one_use,))
