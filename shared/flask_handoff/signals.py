"""What happened, to be counted or recorded: one signal an event.

Each is sent with the Flask application as sender and keyword arguments only; none carries a token.
"""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

handoff_issued = _signals.signal("handoff-issued")
"""SERVER1 issued a token or a code: ``user``, ``client``, ``scope``, ``request_id``.

It is sent before the token leaves: what a receiver of the signal raises keeps the token back.
"""

tokens_issued = _signals.signal("tokens-issued")
"""SERVER1 is about to mint tokens for a program: ``user``, ``client``, ``grant``, ``request_id``.

It is sent in the transaction that redeems the code or the refresh token: what a receiver of the
signal raises keeps the tokens back, and what it writes holds or falls with that.
``user`` is None where the client is a service that acts for itself; that has no transaction.
"""

tokens_refused = _signals.signal("tokens-refused")
"""SERVER1 refused a program at ``/token``, ``/revoke`` or ``/introspect``.

With ``error``, ``client``, ``request_id``.

``client`` is None where the client did not prove who it is.
"""

refresh_token_reused = _signals.signal("refresh-token-reused")
"""A refresh token was used again, and its family ends: ``client``, ``family``, ``request_id``.

Two hold that token, and one of them may be a thief. It is sent in the transaction in which the
family ends, and before ``tokens_refused``.
"""

token_revoked = _signals.signal("token-revoked")
"""A client has revoked a token of its own: ``client``, ``revoked``, ``request_id``.

``revoked`` is the ``RefreshFamily`` that ended, or the ``AccessClaims`` of the one access token. It
is sent once for each, in the transaction in which it happens: what a receiver of the signal raises
takes the revocation back.
"""

access_token_rejected = _signals.signal("access-token-rejected")
"""A program was refused where it presented an access token, or none: ``error``, ``request_id``."""

handoff_refused = _signals.signal("handoff-refused")
"""SERVER1 refused a request: ``error``, ``client``, ``request_id``.

``client`` is None where the request is not known to be a registered client's.
"""

handoff_accepted = _signals.signal("handoff-accepted")
"""SERVER2 signed someone in: ``claims``, ``handle``, ``request_id``."""

handoff_rejected = _signals.signal("handoff-rejected")
"""SERVER2 signed nobody in: ``error``, ``request_id``."""

logout_accepted = _signals.signal("logout-accepted")
"""SERVER2 ended the sessions that a logout token named: ``logout``, ``request_id``."""

logout_rejected = _signals.signal("logout-rejected")
"""SERVER2 did not do what a logout token asked for: ``error``, ``request_id``."""

revocation_accepted = _signals.signal("revocation-accepted")
"""An API noted what a revocation notice told: ``revocation``, ``request_id``."""

revocation_rejected = _signals.signal("revocation-rejected")
"""An API did not note what a revocation notice told: ``error``, ``request_id``."""
