"""What ``flask handoff-check`` says of an application's session cookie, and of its proxy."""

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_handoff.checks.hosting import check_hosting

HTTPS, HTTP, UNDER_A_PATH = "https://a.example.com", "http://localhost:5001", "https://b.de/notes"
GOOD = {"SECRET_KEY": "x" * 32, "SESSION_COOKIE_NAME": "s1", "SESSION_COOKIE_SECURE": True}
LAX = {**GOOD, "SESSION_COOKIE_SECURE": False}


def found(settings, base_url, *others, proxy_fix=True):
    """Return what is found beside what is in order, as levels and texts."""
    app = Flask(__name__)
    app.config.update(settings)
    if proxy_fix:
        app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    findings = [each for each in check_hosting(app, base_url, others) if each.level != "ok"]
    assert all(each.remedy for each in findings)
    return [(each.level, each.text) for each in findings]


@pytest.mark.parametrize(
    ("settings", "base_url"),
    [
        (GOOD, HTTPS),
        (LAX, HTTP),
        ({**GOOD, "SESSION_COOKIE_NAME": "__Host-s1"}, HTTPS),
        ({**GOOD, "SESSION_COOKIE_DOMAIN": "a.example.com"}, HTTPS),
        ({**GOOD, "SESSION_COOKIE_PATH": "/notes"}, UNDER_A_PATH),
        ({**GOOD, "TRUSTED_HOSTS": [".example.com"]}, HTTPS),
    ],
)
def test_good_settings_give_nothing_to_look_at(settings, base_url):
    assert found(settings, base_url, "https://b.example.com") == []


@pytest.mark.parametrize(
    ("settings", "base_url", "level", "expected"),
    [
        ({**GOOD, "SECRET_KEY": None}, HTTPS, "wrong", "SECRET_KEY is not set"),
        ({**GOOD, "SECRET_KEY": "dev"}, HTTPS, "warning", "SECRET_KEY is so short"),
        ({**GOOD, "SECRET_KEY_FALLBACKS": "dev"}, HTTPS, "wrong", "each of its characters"),
        (GOOD, HTTP, "wrong", "SESSION_COOKIE_SECURE is on, and http://localhost:5001 is http"),
        (LAX, HTTPS, "warning", "SESSION_COOKIE_SECURE is off"),
        ({**LAX, "SESSION_COOKIE_SAMESITE": "None"}, HTTP, "wrong", "no browser keeps it"),
        ({**GOOD, "SESSION_COOKIE_DOMAIN": "example.org"}, HTTPS, "wrong", "does not lie in it"),
        ({**GOOD, "SESSION_COOKIE_PATH": "/app"}, UNDER_A_PATH, "wrong", "Its path is /app"),
        ({**LAX, "SESSION_COOKIE_NAME": "__Host-s1"}, HTTP, "wrong", "begins with __Host-"),
        ({**LAX, "SESSION_COOKIE_NAME": "__Secure-s1"}, HTTP, "wrong", "begins with __Secure-"),
        ({**GOOD, "TRUSTED_HOSTS": ["b.de"]}, HTTPS, "wrong", "TRUSTED_HOSTS does not name"),
    ],
)
def test_a_setting_that_does_not_fit_is_told(settings, base_url, level, expected):
    ((found_level, text),) = found(settings, base_url)
    assert (found_level, expected in text) == (level, True)


@pytest.mark.parametrize(
    ("settings", "other", "expected"),
    [
        ({**LAX, "SESSION_COOKIE_NAME": "session"}, "http://localhost:5002/x", "both on localhost"),
        ({**LAX, "SESSION_COOKIE_NAME": "session"}, "http://127.0.0.1:5002", None),
        ({**LAX, "SESSION_COOKIE_NAME": "session"}, "http://localhost:5001/sso/callback", None),
        (LAX, "http://localhost:5002", None),
    ],
)
def test_a_cookie_of_both_sides_is_told(settings, other, expected):
    texts = [text for _, text in found(settings, HTTP, other)]
    assert [expected in text for text in texts] == ([True] if expected else [])


def test_a_cookie_that_goes_to_the_other_side_is_told():
    settings = {**GOOD, "SESSION_COOKIE_DOMAIN": "example.com"}
    ((level, text),) = found(settings, HTTPS, "https://b.example.com/sso/callback")
    assert (level, "send the cookie to b.example.com" in text) == ("warning", True)


def test_https_without_proxy_fix_is_told():
    ((level, text),) = found(GOOD, HTTPS, proxy_fix=False)
    assert (level, "has no ProxyFix" in text) == ("warning", True)
    assert found(LAX, HTTP, proxy_fix=False) == []
