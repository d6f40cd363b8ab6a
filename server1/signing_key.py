"""The demo's first signing key. Elsewhere an operator makes it, with ``flask handoff-keys new``."""

from __future__ import annotations

from pathlib import Path

from flask_handoff.keys import new_key, ring_exists

from .config import Config


def make_first_signing_key(config: Config) -> None:
    """Make a signing key in the demo when there is none; elsewhere leave the ring alone.

    Raises:
        ConfigurationError: The key cannot be written.
    """
    directory = Path(str(config.handoff["HANDOFF_KEYS_DIRECTORY"]))
    if config.demo and not ring_exists(directory):
        new_key(directory)
