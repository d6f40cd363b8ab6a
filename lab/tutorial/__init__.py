"""The tutorial receiver: what many a tutorial builds in SERVER2's place, with what it leaves out.

It falls by what its own code does not ask for, never by a hole of a library. It has no user to
lose: whoever gets in sees a page that says so, and nothing else.
"""

from __future__ import annotations

from .pages import init_app as init_app
from .reader import TokenReader as TokenReader
