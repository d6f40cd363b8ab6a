"""Everything that can go wrong, as one tree.

    HandoffError
    ├── ConfigurationError               an operator must fix a setting; raised at start-up
    ├── HandoffRejectedError             what came from outside is refused
    │   ├── RequestMalformedError            request_malformed
    │   ├── TokenMalformedError              token_malformed
    │   ├── TokenSignatureError              token_signature
    │   ├── TokenKeyUnknownError             token_key_unknown
    │   ├── TokenClaimError                  token_claim             carries ``claim``
    │   │   ├── TokenExpiredError            token_expired           carries ``expired_at``
    │   │   └── TokenNotYetValidError        token_not_yet_valid
    │   ├── TokenReplayedError               token_replayed
    │   ├── SessionEndedError                session_ended           carries ``ended_at``
    │   ├── AttemptUnknownError              attempt_unknown
    │   ├── ResponseIssuerError              response_issuer
    │   ├── AuthorizationFailedError         authorization_failed    carries ``error``
    │   └── UnsafeReturnToError              unsafe_return_to
    ├── AuthorizationRequestError        SERVER1 refuses a request for a handoff
    │   ├── ClientUnknownError               client_unknown          answered with a page
    │   ├── RedirectURIMismatchError         redirect_uri_mismatch   answered with a page
    │   ├── ResponseModeError                response_mode           answered with a page
    │   ├── StateError                       state                   answered with a page
    │   ├── AuthorizationExpiredError        authorization_expired   answered with a page
    │   └── AuthorizationReturnedError       authorization_returned  the client is told ``error``
    │       └── AccessDeniedError            access_denied
    ├── LogoutNotDeliveredError          logout_not_delivered    SERVER1 could not tell a client
    ├── KeyLifeCycleError                a key's next step is refused    carries ``again_at``
    ├── KeyMaterialError                 a key or key set may not be used
    │   ├── KeyUnusableError                 key_unusable
    │   └── JWKSMalformedError               jwks_malformed
    └── DependencyUnavailableError       nobody is signed in; "try again"
        ├── JWKSUnavailableError             jwks_unavailable
        ├── ReplayStoreUnavailableError      replay_store_unavailable
        ├── SigningUnavailableError          signing_unavailable     SERVER1 cannot hand on
        └── LogoutFailedError                logout_failed           answered to the issuer, 400

``code`` is the contract: documented in ``docs/errors.md``, logged, never changed. The text is for
people and may change. Neither ever holds a token, a cookie or a secret.
"""

from .authorization import AccessDeniedError as AccessDeniedError
from .authorization import AuthorizationExpiredError as AuthorizationExpiredError
from .authorization import AuthorizationRequestError as AuthorizationRequestError
from .authorization import AuthorizationReturnedError as AuthorizationReturnedError
from .authorization import ClientUnknownError as ClientUnknownError
from .authorization import LogoutNotDeliveredError as LogoutNotDeliveredError
from .authorization import RedirectURIMismatchError as RedirectURIMismatchError
from .authorization import ResponseModeError as ResponseModeError
from .authorization import StateError as StateError
from .keys import JWKSMalformedError as JWKSMalformedError
from .keys import JWKSUnavailableError as JWKSUnavailableError
from .keys import KeyLifeCycleError as KeyLifeCycleError
from .keys import KeyMaterialError as KeyMaterialError
from .keys import KeyUnusableError as KeyUnusableError
from .keys import SigningUnavailableError as SigningUnavailableError
from .rejections import AttemptUnknownError as AttemptUnknownError
from .rejections import AuthorizationFailedError as AuthorizationFailedError
from .rejections import HandoffRejectedError as HandoffRejectedError
from .rejections import LogoutFailedError as LogoutFailedError
from .rejections import ReplayStoreUnavailableError as ReplayStoreUnavailableError
from .rejections import RequestMalformedError as RequestMalformedError
from .rejections import ResponseIssuerError as ResponseIssuerError
from .rejections import SessionEndedError as SessionEndedError
from .rejections import TokenClaimError as TokenClaimError
from .rejections import TokenExpiredError as TokenExpiredError
from .rejections import TokenKeyUnknownError as TokenKeyUnknownError
from .rejections import TokenMalformedError as TokenMalformedError
from .rejections import TokenNotYetValidError as TokenNotYetValidError
from .rejections import TokenReplayedError as TokenReplayedError
from .rejections import TokenSignatureError as TokenSignatureError
from .rejections import UnsafeReturnToError as UnsafeReturnToError
from .tree import ConfigurationError as ConfigurationError
from .tree import DependencyUnavailableError as DependencyUnavailableError
from .tree import HandoffError as HandoffError
from .tree import Refusal as Refusal
