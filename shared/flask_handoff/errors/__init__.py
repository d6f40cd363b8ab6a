"""Everything that can go wrong: one tree, whose root is ``HandoffError``.

``code`` is the contract: documented in ``docs/errors.md``, logged, never changed. The text is for
people and may change. Neither ever holds a token, a cookie or a secret.
"""

from .authorization import AccessDeniedError as AccessDeniedError
from .authorization import AuthorizationExpiredError as AuthorizationExpiredError
from .authorization import AuthorizationRequestError as AuthorizationRequestError
from .authorization import AuthorizationReturnedError as AuthorizationReturnedError
from .authorization import ClientUnknownError as ClientUnknownError
from .authorization import InteractionRequiredError as InteractionRequiredError
from .authorization import InvalidTargetError as InvalidTargetError
from .authorization import LogoutNotDeliveredError as LogoutNotDeliveredError
from .authorization import LogoutRequestError as LogoutRequestError
from .authorization import RedirectURIMismatchError as RedirectURIMismatchError
from .authorization import ResponseModeError as ResponseModeError
from .authorization import RevocationNotDeliveredError as RevocationNotDeliveredError
from .authorization import StateError as StateError
from .dependencies import CodeStoreUnavailableError as CodeStoreUnavailableError
from .dependencies import DependencyUnavailableError as DependencyUnavailableError
from .dependencies import IntrospectionUnavailableError as IntrospectionUnavailableError
from .dependencies import IssuerClockError as IssuerClockError
from .dependencies import IssuingPausedError as IssuingPausedError
from .dependencies import JWKSUnavailableError as JWKSUnavailableError
from .dependencies import LogoutFailedError as LogoutFailedError
from .dependencies import RefreshStoreUnavailableError as RefreshStoreUnavailableError
from .dependencies import ReplayStoreUnavailableError as ReplayStoreUnavailableError
from .dependencies import RevocationListUnavailableError as RevocationListUnavailableError
from .dependencies import RevokedTokenStoreUnavailableError as RevokedTokenStoreUnavailableError
from .dependencies import SigningUnavailableError as SigningUnavailableError
from .handoffs import AttemptUnknownError as AttemptUnknownError
from .handoffs import AuthorizationFailedError as AuthorizationFailedError
from .handoffs import ClockAheadError as ClockAheadError
from .handoffs import HandoffRejectedError as HandoffRejectedError
from .handoffs import RequestMalformedError as RequestMalformedError
from .handoffs import ResponseIssuerError as ResponseIssuerError
from .handoffs import RevocationUnsupportedError as RevocationUnsupportedError
from .handoffs import SessionEndedError as SessionEndedError
from .handoffs import SessionNotKeptError as SessionNotKeptError
from .handoffs import TokenClaimError as TokenClaimError
from .handoffs import TokenExpiredError as TokenExpiredError
from .handoffs import TokenKeyUnknownError as TokenKeyUnknownError
from .handoffs import TokenMalformedError as TokenMalformedError
from .handoffs import TokenNotYetValidError as TokenNotYetValidError
from .handoffs import TokenReplayedError as TokenReplayedError
from .handoffs import TokenRevokedError as TokenRevokedError
from .handoffs import TokenSignatureError as TokenSignatureError
from .handoffs import UnsafeReturnToError as UnsafeReturnToError
from .keys import JWKSMalformedError as JWKSMalformedError
from .keys import KeyLifeCycleError as KeyLifeCycleError
from .keys import KeyMaterialError as KeyMaterialError
from .keys import KeyUnusableError as KeyUnusableError
from .programs import AccessTokenError as AccessTokenError
from .programs import ClientAssertionError as ClientAssertionError
from .programs import ClientAuthenticationError as ClientAuthenticationError
from .programs import CodeInvalidError as CodeInvalidError
from .programs import CodeReplayedError as CodeReplayedError
from .programs import CodeVerifierError as CodeVerifierError
from .programs import InsufficientScopeError as InsufficientScopeError
from .programs import RefreshTokenInvalidError as RefreshTokenInvalidError
from .programs import RefreshTokenReusedError as RefreshTokenReusedError
from .programs import TokenRequestError as TokenRequestError
from .root import ConfigurationError as ConfigurationError
from .root import HandoffError as HandoffError
