"""The keys: one pair signs at SERVER1, its public half verifies at SERVER2."""

from .jwks import MAXIMUM_JWKS_KEYS as MAXIMUM_JWKS_KEYS
from .jwks import parse_jwks as parse_jwks
from .pinned import PinnedKeys as PinnedKeys
from .ring import KeyRing as KeyRing
from .ring import SigningKey as SigningKey
from .ring import new_key as new_key
from .ring_file import KeyState as KeyState
from .ring_file import RingEntry as RingEntry
from .ring_file import read_ring as read_ring
from .source import KeySource as KeySource
from .verification_key import VerificationKey as VerificationKey
from .verification_key import thumbprint as thumbprint
from .weakness import MAXIMUM_KEY_BITS as MAXIMUM_KEY_BITS
from .weakness import MINIMUM_KEY_BITS as MINIMUM_KEY_BITS
from .weakness import PUBLIC_EXPONENT as PUBLIC_EXPONENT
