"""Stores in a SQLite or PostgreSQL database that all processes share; needs the extra ``sql``."""

from .codes import SQLCodeStore as SQLCodeStore
from .codes import code_table as code_table
from .refresh_tokens import SQLRefreshStore as SQLRefreshStore
from .refresh_tokens import refresh_table as refresh_table
from .replay import SQLReplayStore as SQLReplayStore
from .replay import logout_table as logout_table
from .replay import replay_table as replay_table
from .revocation_list import SQLRevocationList as SQLRevocationList
from .revocation_list import revocation_table as revocation_table
from .revoked_tokens import SQLRevokedTokenStore as SQLRevokedTokenStore
from .revoked_tokens import revoked_token_table as revoked_token_table
from .store import SQLStore as SQLStore
