"""Log-outs: the services that a session was handed on to are told when it ends."""
