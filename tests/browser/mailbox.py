"""What SERVER1 has sent, as the owner of an address reads it: files in the outbox of a pair."""

from __future__ import annotations

import re
import time
from email import message_from_bytes, policy
from email.message import EmailMessage

from tests.pair import Pair

PATIENCE = 60  # seconds until a mail has to be there


def mails_to(pair: Pair, address: str) -> list[EmailMessage]:
    """Return the mails to an address, the oldest first."""
    outbox = pair.server1.folder / "outbox"
    mails = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted(outbox.glob("*.eml"))
    ]
    return [mail for mail in mails if mail["To"] == address]


def wait_for_mail(pair: Pair, address: str, number: int = 1) -> EmailMessage:
    """Wait for the mail of this number to an address, counted from one."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        mails = mails_to(pair, address)
        if len(mails) >= number:
            return mails[number - 1]
        time.sleep(0.05)
    raise AssertionError(f"no mail came to {address} in {PATIENCE} s:\n{pair.server1.log}")


def link_in(mail: EmailMessage) -> str:
    """Return the link of a mail."""
    body = mail.get_body(("plain",))
    assert body is not None
    found = re.search(r"http://localhost:\S+\?[A-Za-z0-9_-]{43}\b", body.get_content())
    assert found is not None, "there is no link in this mail"
    return found[0]
