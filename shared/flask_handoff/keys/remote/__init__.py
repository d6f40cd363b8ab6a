"""The issuer's public keys as a receiver gets them: fetched over HTTP, and kept current."""
