"""The processes of a server: the one that supervises, and its workers."""
