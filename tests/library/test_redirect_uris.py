import pytest

from flask_handoff import Client
from flask_handoff.errors import ConfigurationError
from flask_handoff.issuer.clients.redirect_uris import form_action_source

PRIVATE = "com.example.app:/callback"
LOOPBACK = "http://127.0.0.1/callback"


def app(*redirect_uris, native=True):
    """A client with these addresses."""
    return Client(
        "app",
        "App",
        redirect_uris,
        response_types=frozenset({"code"}),
        policy="oidc",
        native=native,
    )


@pytest.mark.parametrize(
    ("registered", "asked"),
    [
        (LOOPBACK, LOOPBACK),
        (LOOPBACK, "http://127.0.0.1:51004/callback"),
        ("http://127.0.0.1:8080/callback", "http://127.0.0.1:51004/callback"),
        ("http://[::1]/callback", "http://[::1]:51004/callback"),
        ("http://127.0.0.1", "http://127.0.0.1:51004"),
        (PRIVATE, PRIVATE),
        ("com.example.app://callback", "com.example.app://callback"),
        ("com.example.app:/", "com.example.app:/"),
        ("com.example.app:/a/b(1)/", "com.example.app:/a/b(1)/"),
        ("http://localhost:8080/callback", "http://localhost:8080/callback"),
        ("https://app.example.com/callback", "https://app.example.com/callback"),
    ],
)
def test_an_app_may_choose_its_port_on_a_loopback_address(registered, asked):
    assert app(registered).may_redirect_to(asked)


@pytest.mark.parametrize(
    ("registered", "asked"),
    [
        (LOOPBACK, "http://127.0.0.1:51004/other"),
        (LOOPBACK, "http://127.0.0.1:51004/callback/"),
        (LOOPBACK, "http://127.0.0.1:51004/callback?x=1"),
        (LOOPBACK, "http://127.0.0.1:51004/callback#x"),
        (LOOPBACK, "http://127.0.0.1:51004/callback\n"),
        (LOOPBACK, "http://127.0.0.1:510040/callback"),
        (LOOPBACK, "http://127.0.0.1:65536/callback"),
        (LOOPBACK, "http://127.0.0.1:0/callback"),
        (LOOPBACK, "http://127.0.0.1:051/callback"),
        ("http://[::1]/callback", "http://[::1]:99999/callback"),
        (f"http://127.0.0.1/{'x' * 1007}", f"http://127.0.0.1:51004/{'x' * 1007}"),
        (LOOPBACK, "http://127.0.0.1:/callback"),
        (LOOPBACK, "http://127.0.0.1:1@evil.example/callback"),
        (LOOPBACK, "http://127.0.0.1.evil.example/callback"),
        (LOOPBACK, "https://127.0.0.1:51004/callback"),
        (LOOPBACK, "http://[::1]:51004/callback"),
        (LOOPBACK, "http://localhost:51004/callback"),
        ("http://localhost/callback", "http://localhost:51004/callback"),
        ("https://app.example.com/callback", "https://app.example.com:51004/callback"),
        (PRIVATE, "com.example.app:/other"),
        (PRIVATE, "com.example.app:8080/callback"),
        (PRIVATE, "COM.EXAMPLE.APP:/callback"),
    ],
)
def test_everything_else_is_compared_character_by_character(registered, asked):
    assert not app(registered).may_redirect_to(asked)


def test_a_web_client_has_one_port():
    assert not app(LOOPBACK, native=False).may_redirect_to("http://127.0.0.1:51004/callback")


@pytest.mark.parametrize(
    "uri",
    [
        *("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "app:/callback"),
        *("com.example.app", "com.example.app:callback", "com.example.app:/call back"),
        *("com.example.app:/x#y", "com.example.app:/x?y=1", "com.example.app://me@x/y/"),
        *("com.example.app:/\n", "COM.EXAMPLE:/x", ".com:/x", "com..app:/x", "com.app:/<x>", ""),
        "com.example.app:/" + "x" * 1024,
        "com.example.app:/" + "x" * 1000 + "?",  # at once, and not in 2 ** 1000 steps
        *("com.example.app:///x", "com.example.app:/x//y", "com.example.app:/x//"),
        "http://app.example.com/callback",
    ],
)
def test_a_scheme_that_belongs_to_nobody_is_refused(uri):
    with pytest.raises(ConfigurationError) as refused:
        app(uri)
    assert refused.value.remedy


def test_a_scheme_of_its_own_is_for_native_apps():
    with pytest.raises(ConfigurationError):
        app(PRIVATE, native=False)


@pytest.mark.parametrize(
    ("uri", "native", "source"),
    [
        (PRIVATE, True, "com.example.app:"),
        (LOOPBACK, True, "http://127.0.0.1:*"),
        ("http://127.0.0.1:8080/callback", True, "http://127.0.0.1:*"),
        ("http://[::1]/callback", True, "http:"),
        ("https://[2001:db8::1]:8443/callback", False, "https:"),
        ("http://127.0.0.1:8080/callback", False, "http://127.0.0.1:8080"),
        ("https://app.example.com/callback", True, "https://app.example.com"),
    ],
)
def test_a_form_may_end_where_the_answer_goes(uri, native, source):
    assert form_action_source(uri, native=native) == source
