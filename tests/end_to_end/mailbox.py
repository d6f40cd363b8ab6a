"""What SERVER1 has mailed, as files in its outbox."""

from __future__ import annotations

import re
import time

from tests.pair import PATIENCE, Server


def link_mailed_to(server: Server, address: str, page: str) -> str:
    """Wait for the newest mail to an address with a link to a page, and return the link."""
    link = re.compile(rf"^http://\S+/{page}\?token=\S+$", re.MULTILINE)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for file in sorted((server.folder / "outbox").glob("*.eml"), reverse=True):
            mail = file.read_text()
            if f"To: {address}\n" in mail and (found := link.search(mail)):
                return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no mail with a link to {page} came")


def token_of(link: str) -> str:
    """Return the token of a mailed link."""
    return link.partition("?token=")[2]
