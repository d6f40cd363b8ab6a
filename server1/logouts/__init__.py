"""Logouts: the services that a session was handed on to are notified when it ends."""
