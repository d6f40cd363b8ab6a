"""Several stores that know of revoked access tokens, asked as one."""

from __future__ import annotations

from .ports import RevocationStore


class Revocations:
    """Asks each of *stores* in turn; None stands for one that there is not."""

    def __init__(self, *stores: RevocationStore | None) -> None:
        self._stores = [store for store in stores if store is not None]

    def check_not_revoked(self, jwt_id: str) -> None:
        """Check that none knows the token as revoked, see ``RevocationStore``."""
        for store in self._stores:
            store.check_not_revoked(jwt_id)
