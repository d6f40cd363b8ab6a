"""A peer: OpenID Connect's code flow as Authlib's documentation builds it for Flask.

SERVER1 is its provider on SQLAlchemy, SERVER2 its client; the page of notes is the tutorial's. It
has no consent page, PKCE, refresh token or userinfo request: what ours does without, it does too.
"""
