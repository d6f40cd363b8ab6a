"""Sessions of six ways, each of which a visitor begins and ends: what it costs, whom it hits."""

from __future__ import annotations

from .pages import init_app as init_app
