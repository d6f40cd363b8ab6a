"""Devices: what people call the browser and the system that a user agent names.

Anybody can send any text as their user agent: this is for an owner to recognise their own session.
"""

from __future__ import annotations

# The first that is found counts: many browsers name others as well, to be taken for them.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python-requests/", "a Python program"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device(user_agent: str) -> str:
    """Name a browser and its system, for example "Firefox on Linux"."""
    browser, system = (
        next((name for part, name in names if part in user_agent), None)
        for names in (_BROWSERS, _SYSTEMS)
    )
    browser = browser or "Unknown browser"
    return browser if system is None else f"{browser} on {system}"
