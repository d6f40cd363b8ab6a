"""A clock for tests."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """A clock that stands until it is told to go on."""

    def __init__(self):
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        """Let time pass as whoever waits wants it, and not longer."""
        self.tick(seconds=seconds)

    def tick(self, **duration):
        self.now += timedelta(**duration)
