"""The issuer's own keys: a ring of private keys in a directory, and the steps of their lives."""
