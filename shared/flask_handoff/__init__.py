"""Sign in on one Flask server, arrive signed in on another."""

from .claims import Arrival as Arrival
from .claims import HandoffClaims as HandoffClaims
from .claims import LiveSession as LiveSession
from .claims import SignedInUser as SignedInUser
from .claims import UnverifiedToken as UnverifiedToken
from .clients import Client as Client
from .errors import AccessDeniedError as AccessDeniedError
from .errors import ConfigurationError as ConfigurationError
from .errors import DependencyUnavailableError as DependencyUnavailableError
from .errors import HandoffError as HandoffError
from .errors import HandoffRejectedError as HandoffRejectedError
from .issuer import HandoffIssuer as HandoffIssuer
from .jwks_client import JWKSClient as JWKSClient
from .keys import KeyRing as KeyRing
from .keys import PinnedKeys as PinnedKeys
from .profiles import HANDOFF as HANDOFF
from .profiles import OIDC as OIDC
from .receiver import HandoffReceiver as HandoffReceiver
from .replay import MemoryReplayStore as MemoryReplayStore
from .replay import ReplayStore as ReplayStore
from .signals import handoff_accepted as handoff_accepted
from .signals import handoff_issued as handoff_issued
from .signals import handoff_refused as handoff_refused
from .signals import handoff_rejected as handoff_rejected
from .tokens import TokenMinter as TokenMinter
from .tokens import TokenVerifier as TokenVerifier
