"""Minting and verifying tokens; an application that has no use for the extensions begins here.

Nothing in this folder knows Flask, and nothing outside it knows PyJWT.
"""

from .minter import TokenMinter as TokenMinter
from .verifier import LogoutTokenVerifier as LogoutTokenVerifier
from .verifier import TokenVerifier as TokenVerifier
