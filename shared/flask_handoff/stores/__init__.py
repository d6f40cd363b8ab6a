"""Stores that remember which tokens and codes were used, and what has ended.

``flask_handoff.stores.sql`` needs the extra ``sql``, and is imported by that name only.
"""

from .memory import MemoryCodeStore as MemoryCodeStore
from .memory import MemoryReplayStore as MemoryReplayStore
from .memory import MemoryRevokedTokenStore as MemoryRevokedTokenStore
from .memory_refresh_tokens import MemoryRefreshStore as MemoryRefreshStore
from .ports import CodeStore as CodeStore
from .ports import HasTables as HasTables
from .ports import LogoutStore as LogoutStore
from .ports import RefreshStore as RefreshStore
from .ports import ReplayStore as ReplayStore
from .ports import RevocationStore as RevocationStore
from .ports import RevokedTokenStore as RevokedTokenStore
from .revocation_list import MemoryRevocationList as MemoryRevocationList
from .revocation_list import RevocationEntry as RevocationEntry
from .revocation_list import RevocationList as RevocationList
from .revocations import RevocationCheck as RevocationCheck
from .revocations import Revocations as Revocations
