"""Stores that remember which tokens were used, and which sessions have ended.

``flask_handoff.stores.sql`` needs the extra ``sql``, and is imported by that name only.
"""

from .memory import MemoryReplayStore as MemoryReplayStore
from .ports import LogoutStore as LogoutStore
from .ports import ReplayStore as ReplayStore
