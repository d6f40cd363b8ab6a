"""The commands that the library adds to ``flask``: what an operator does with keys and tokens."""
