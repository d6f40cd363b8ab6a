"""SERVER1's side: the extension, the clients it knows, and the request for a handoff."""

from .authorization import AuthorizationRequest as AuthorizationRequest
from .clients import Client as Client
from .extension import HandoffIssuer as HandoffIssuer
from .logout_request import LogoutRequest as LogoutRequest
