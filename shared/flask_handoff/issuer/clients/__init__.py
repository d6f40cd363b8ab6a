"""Registered clients: who they are, where their answers go, and how they prove who they are."""

from .client import Client as Client
from .registry import ClientRegistry as ClientRegistry
from .registry import ClientSource as ClientSource
from .registry import CombinedClients as CombinedClients
