"""Speed, always as a ratio to a peer that is measured in the same run: ``make bench``."""
