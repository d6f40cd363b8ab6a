"""What SERVER1 has mailed, as files in its outbox."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from tests.pair import PATIENCE, Server


def links_mailed_to(server: Server, address: str, page: str) -> list[str]:
    """Return the links to a page that were mailed to an address, the newest first."""
    link = re.compile(rf"^http://\S+/{page}\?\S+$", re.MULTILINE)
    files = sorted((server.folder / "outbox").glob("*.eml"), reverse=True)
    mails = [mail for file in files if f"To: {address}\n" in (mail := file.read_text())]
    return [found[0] for mail in mails if (found := link.search(mail))]


def link_mailed_to(server: Server, address: str, page: str, before: Sequence[str] = ()) -> str:
    """Wait for a mail to an address with a link to a page, other than those of before.

    Returns:
        The link, of several the newest.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for link in links_mailed_to(server, address, page):
            if link not in before:
                return link
        time.sleep(0.02)
    raise AssertionError(f"no mail with a link to {page} came")


def token_of(link: str) -> str:
    """Return the token of a mailed link."""
    return link.partition("?")[2]
