"""A service's side for programs: what lets them in, by the access token that they bring."""

from .extension import HandoffAPI as HandoffAPI
