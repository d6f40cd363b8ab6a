"""What ``flask handoff-check`` looks at: a pair as it is configured and running."""

from .own import add_check as add_check
