"""Ends access tokens at an API before their time: the strategies, and what they need."""

from .copy import RevocationCopy as RevocationCopy
from .introspection import Introspection as Introspection
from .introspection import ServiceKey as ServiceKey
from .strategies import Allowlist as Allowlist
from .strategies import Blocklist as Blocklist
from .strategies import RevocationStrategy as RevocationStrategy
from .strategies import ValidAfter as ValidAfter
