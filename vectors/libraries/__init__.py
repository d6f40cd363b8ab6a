"""The vectors against other libraries; ``python -m vectors.libraries`` writes what they do."""
