"""SERVER2's side: the extension, what begins a handoff, and the verdict on what comes back."""

from .extension import HandoffReceiver as HandoffReceiver
