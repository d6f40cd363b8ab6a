"""Minting and verifying tokens; an application that has no use for the extensions begins here.

Nothing in this folder knows Flask, and nothing outside it knows PyJWT.
"""

from .access_verifier import AccessTokenVerifier as AccessTokenVerifier
from .access_verifier import IssuedTokenVerifier as IssuedTokenVerifier
from .assertion_verifier import ClientAssertionVerifier as ClientAssertionVerifier
from .explain import Explanation as Explanation
from .genuine_tokens import GenuineTokens as GenuineTokens
from .handoff_verifier import TokenVerifier as TokenVerifier
from .hint_verifier import IDTokenHintVerifier as IDTokenHintVerifier
from .logout_verifier import LogoutTokenVerifier as LogoutTokenVerifier
from .minter import TokenMinter as TokenMinter
from .revocation_verifier import RevocationNoticeVerifier as RevocationNoticeVerifier
