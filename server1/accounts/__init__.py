"""Accounts: who they are, how they prove it, and the sessions that follow."""
