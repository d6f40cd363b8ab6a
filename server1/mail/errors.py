"""What can come of an attempt to send a mail.

The text of each is kept with the job and shown to the operator: our own words, and at most a
number that the mail server said. It contains no address and no foreign text.
"""

from __future__ import annotations

from flask_service.outbox.jobs import JobError


class DeliveryError(JobError):
    """The mail did not leave this time; it may next time."""


class RefusedError(DeliveryError):
    """The mail server will never take this mail for this address."""

    permanent = True


class OutOfReachError(DeliveryError):
    """No mail can leave at the moment, whatever it says and to whom."""

    unreachable = True


class UncertainError(DeliveryError):
    """The mail was handed over, but not acknowledged: it may arrive."""
