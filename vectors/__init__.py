"""Hostile and good tokens for any receiver, made again byte for byte by ``python -m vectors``."""
