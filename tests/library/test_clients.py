import pytest

from flask_handoff import Client
from flask_handoff.addresses import origin_of
from flask_handoff.errors import (
    ClientUnknownError,
    ConfigurationError,
    RedirectURIMismatchError,
    ResponseModeError,
)
from flask_handoff.issuer.authorization import ReturnAddress
from flask_handoff.issuer.clients import ClientRegistry
from flask_handoff.keys import VerificationKey
from flask_handoff.setting_reader import check_public_url

CALLBACK = "https://notes.example.com/sso/callback"
ENTRY = {
    "client_id": "notes",
    "name": "Notes",
    "redirect_uris": [CALLBACK],
    "initiate_login_uri": "https://notes.example.com/sso/login",
}


def registry(*entries):
    return ClientRegistry(entries or [ENTRY])


def client(**changed):
    return registry({**ENTRY, **changed}).client("notes")


def address(client=ENTRY, **changed):
    """Read the return address of a request of this client."""
    asked = {
        "client_id": "notes",
        "redirect_uri": CALLBACK,
        "response_type": "id_token",
        "response_mode": "form_post",
        "state": "s" * 43,
        **changed,
    }
    unverified = {name: [value] for name, value in asked.items() if value is not None}
    return ReturnAddress.read(unverified, registry(client))


def test_a_client_is_found_by_its_name():
    assert registry().client("notes").name == "Notes"


def test_clients_come_in_the_order_in_which_they_are_written():
    entries = [{**ENTRY, "client_id": name} for name in ("b", "a", "c")]
    assert [each.client_id for each in registry(*entries)] == ["b", "a", "c"]


@pytest.mark.parametrize("client_id", ["", "Notes", "notes ", "note", "notes2"])
def test_an_unknown_client_is_refused(client_id):
    with pytest.raises(ClientUnknownError) as refused:
        registry().client(client_id)
    assert refused.value.code == "client_unknown"


def test_unless_it_is_said_otherwise_a_client_gets_its_token_by_post_and_strict():
    assert client().response_modes == {"form_post"}
    assert client().policy == "handoff"


def test_a_client_may_be_given_as_an_object():
    given = Client("notes", "Notes", (CALLBACK,), "https://notes.example.com/sso/login")
    assert registry(given).client("notes") is given
    assert given == client()


def test_a_registered_redirect_uri_is_returned():
    assert address().redirect_uri == CALLBACK


@pytest.mark.parametrize(
    "redirect_uri",
    [
        *("", CALLBACK + "/", CALLBACK + "?x=1", CALLBACK + "#x", CALLBACK[:-1], CALLBACK.upper()),
        *("https://notes.example.com", "https://NOTES.example.com/sso/callback"),
        *("http://notes.example.com/sso/callback", "https://notes.example.com:443/sso/callback"),
        *("https://notes.example.com.evil.example/sso/callback", f"{CALLBACK}/../x"),
        *("https://evil@notes.example.com/sso/callback", "//notes.example.com/sso/callback"),
        *("https://notes.example.com/sso/%63allback", "/sso/callback", f" {CALLBACK}"),
        *("https://sub.notes.example.com/sso/callback", "https://notes.example.com/sso//callback"),
    ],
)
def test_a_redirect_uri_is_compared_character_by_character(redirect_uri):
    with pytest.raises(RedirectURIMismatchError) as refused:
        address(redirect_uri=redirect_uri)
    assert refused.value.code == "redirect_uri_mismatch"


@pytest.mark.parametrize(
    "response_mode", [None, "", "query", "fragment", "web_message", "FORM_POST"]
)
def test_a_response_mode_that_is_not_registered_is_refused(response_mode):
    with pytest.raises(ResponseModeError) as refused:
        address(response_mode=response_mode)
    assert refused.value.code == "response_mode"


@pytest.mark.parametrize("response_mode", ["query", "form_post"])
def test_a_client_may_register_both_response_modes(response_mode):
    both = {**ENTRY, "response_modes": ["query", "form_post"]}
    assert address(both, response_mode=response_mode).response_mode == response_mode


def test_the_origins_of_redirect_uris_are_told_once_each():
    uris = [CALLBACK, "https://notes.example.com/other", "http://localhost:5002/sso/callback"]
    assert client(redirect_uris=uris).redirect_origins == (
        "https://notes.example.com",
        "http://localhost:5002",
    )


@pytest.mark.parametrize(
    "uri",
    [
        "https://notes.example.com/sso/backchannel-logout",
        "https://10.0.0.7:8443/sso/backchannel-logout?tenant=1",
        "http://127.0.0.1:5002/sso/backchannel-logout",
        "http://localhost:5002/sso/backchannel-logout",
    ],
)
def test_a_client_may_be_told_of_log_outs(uri):
    assert client(backchannel_logout_uri=uri).backchannel_logout_uri == uri
    assert client().backchannel_logout_uri is None
    assert client(backchannel_logout_uri=None).backchannel_logout_uri is None
    assert client(revocation_uri=uri).revocation_uri == uri


def test_http_to_another_machine_has_to_be_asked_for():
    uri = "http://server2:5002/sso/backchannel-logout"
    with pytest.raises(ConfigurationError, match="backchannel_logout_uri"):
        client(backchannel_logout_uri=uri)
    allowed = client(backchannel_logout_uri=uri, backchannel_logout_allow_http=True)
    assert allowed.backchannel_logout_uri == uri


@pytest.mark.parametrize("name", ["\u0646\u0631\u0645\u200c\u0627\u0641", "Team\xa0Wiki"])
def test_a_client_may_have_a_name_in_any_script(name):
    assert client(name=name).name == name


def test_two_clients_of_one_name_are_refused():
    with pytest.raises(ConfigurationError, match="two clients are called 'notes'"):
        registry(ENTRY, ENTRY)


WRONG_FIELDS = {
    "client_id empty": {"client_id": ""},
    "client_id with a space": {"client_id": "not es"},
    "client_id too long": {"client_id": "n" * 129},
    "client_id a number": {"client_id": 7},
    "name empty": {"name": ""},
    "name blank": {"name": "  "},
    "name with a line end": {"name": "No\ntes"},
    "name a list": {"name": ["Notes"]},
    "no redirect_uri": {"redirect_uris": []},
    "redirect_uris a text": {"redirect_uris": CALLBACK},
    "redirect_uris of numbers": {"redirect_uris": [7]},
    "redirect_uri of another machine by http": {"redirect_uris": ["http://notes.example.com/"]},
    "redirect_uri with a fragment": {"redirect_uris": [CALLBACK + "#x"]},
    "post_logout_redirect_uris a text": {"post_logout_redirect_uris": CALLBACK},
    "post_logout_redirect_uri of a script": {"post_logout_redirect_uris": ["javascript:alert(1)"]},
    "post_logout_redirect_uri of another machine by http": {
        "post_logout_redirect_uris": ["http://notes.example.com/"]
    },
    "redirect_uri of a script": {"redirect_uris": ["javascript:alert(1)"]},
    "redirect_uri without a host": {"redirect_uris": ["/sso/callback"]},
    "initiate_login_uri relative": {"initiate_login_uri": "/sso/login"},
    "initiate_login_uri of another machine by http": {
        "initiate_login_uri": "http://notes.example.com/sso/login"
    },
    "no response_mode": {"response_modes": []},
    "response_mode fragment": {"response_modes": ["fragment"]},
    "response_mode unknown beside a known": {"response_modes": ["form_post", "x"]},
    "response_modes a text": {"response_modes": "query"},
    "revocation_uri a list": {"revocation_uri": ["https://notes.example.com/"]},
    "revocation_uri by http to another machine": {
        "revocation_uri": "http://notes.example.com/sso/revocations"
    },
    "backchannel_logout_uri empty": {"backchannel_logout_uri": ""},
    "backchannel_logout_uri a list": {"backchannel_logout_uri": ["https://notes.example.com/"]},
    "backchannel_logout_uri by http to another machine": {
        "backchannel_logout_uri": "http://notes.example.com/sso/backchannel-logout"
    },
    "backchannel_logout_uri with a user": {
        "backchannel_logout_uri": "https://me@notes.example.com/sso/backchannel-logout"
    },
    "backchannel_logout_uri with a fragment": {
        "backchannel_logout_uri": "https://notes.example.com/sso/backchannel-logout#x"
    },
    "backchannel_logout_uri of a file": {"backchannel_logout_uri": "file:///etc/passwd"},
    "backchannel_logout_uri without a host": {"backchannel_logout_uri": "/sso/backchannel-logout"},
    "backchannel_logout_uri of an impossible port": {
        "backchannel_logout_uri": "https://notes.example.com:99999/"
    },
    "backchannel_logout_allow_http a text": {"backchannel_logout_allow_http": "1"},
    "backchannel_logout_allow_http a number": {"backchannel_logout_allow_http": 1},
    "policy unknown": {"policy": "lax"},
    "policy null": {"policy": None},
    "name null": {"name": None},
    "no response_type": {"response_types": []},
    "response_type unknown": {"response_types": ["token"], "policy": "oidc"},
    "code with policy handoff": {"response_types": ["code"]},
    "a secret in place of its hash": {"secret_hashes": ["s" * 43]},
    "a secret's hash in capitals": {"secret_hashes": ["A" * 64]},
    "secret_hashes a text": {"secret_hashes": "a" * 64},
    "native a text": {"native": "1"},
    "first_party a number": {"first_party": 1},
    "resource without scopes": {"resource": "https://notes.example.com"},
    "resource of no scheme": {"resource": "notes", "scopes": ["notes:read"]},
    "resource too long": {"resource": "https://a.example/" + "a" * 1024, "scopes": ["a"]},
    "scopes without a resource": {"scopes": ["notes:read"]},
    "a scope of OpenID Connect": {"resource": "https://a.example", "scopes": ["email"]},
    "two scopes in one": {"resource": "https://a.example", "scopes": ["a b"]},
    "scopes a text": {"resource": "https://a.example", "scopes": "a"},
    "an unknown field": {"redirect_uri": CALLBACK},
}


@pytest.mark.parametrize("changed", WRONG_FIELDS.values(), ids=list(WRONG_FIELDS))
def test_a_client_that_is_registered_wrongly_is_refused_with_a_remedy(changed):
    with pytest.raises(ConfigurationError) as refused:
        client(**changed)
    assert "HANDOFF_CLIENTS" in refused.value.problem
    assert refused.value.remedy.endswith(".")


@pytest.mark.parametrize("field", ["client_id", "name", "redirect_uris"])
def test_a_client_without_a_field_is_refused_by_the_field_s_name(field):
    entry = {name: value for name, value in ENTRY.items() if name != field}
    with pytest.raises(ConfigurationError, match=rf"entry 1: {field} missing"):
        registry(entry)


@pytest.mark.parametrize("entry", ["notes", 7, None, [ENTRY]])
def test_a_client_that_is_no_object_is_refused(entry):
    with pytest.raises(ConfigurationError, match="entry 1: it is no object"):
        registry(entry)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"redirct": 1}, "there is no field 'redirct'"),
        ({"redirect_uris": CALLBACK}, "redirect_uris of the wrong type"),
        ({"name": "Team Wiki 2", "policy": "lax"}, "policy of client 'second' is wrong"),
        (
            {"redirect_uris": ["com.example.app:/x"]},
            "redirect_uris of client 'Notes': 'com.example.app:/x' may not be used",
        ),
    ],
    ids=["unknown", "type", "value", "scheme"],
)
def test_the_entry_and_the_field_that_are_wrong_are_named(changed, problem):
    with pytest.raises(ConfigurationError) as refused:
        registry(ENTRY, {**ENTRY, "client_id": "second", **changed})
    assert refused.value.problem == f"HANDOFF_CLIENTS, entry 2: {problem}."


def test_a_random_value_in_a_wrong_client_is_not_repeated():
    random = "Xk5LcxeSWVTruQNB2nz"
    with pytest.raises(ConfigurationError) as refused:
        registry({**ENTRY, "client_id": random, "name": random, "policy": "lax"})
    assert refused.value.problem == "HANDOFF_CLIENTS, entry 1: policy of the client is wrong."


PUBLIC_URLS = (
    *(
        "https://notes.example.com",
        "https://notes.example.com:8443/a/b?c=d",
        "https://[2001:db8::1]/",
    ),
    *("http://localhost:5001", "http://127.0.0.1:5002/x", "http://[::1]:5002", "http://127.0.0.2"),
    "HTTPS://a.example",
)
UNFIT_URLS = (
    *("", "notes.example.com", "//notes.example.com", "https://", "https:///x", "https:notes"),
    *("http://notes.example.com", "http://128.0.0.1", "http://localhost.evil.example"),
    *("http://127.0.0.1.nip.example", "ftp://notes.example.com", "javascript:alert(1)"),
    *("https://user@notes.example.com", "https://user:pw@notes.example.com", "https://@a.example"),
    *("https://notes.example.com#x", "https://notes.example.com/\\evil", "https://a b.example"),
    *("https://notes.example.com/\n", "https://nötes.example.com", "https://a.example:99999"),
    *("https://a.example:port", "https://[::1", "file:///etc/passwd", "data:text/html,x"),
    *("https://a.example/<script>", 'https://a.example/"', "https://" + "a" * 1024),
)


@pytest.mark.parametrize("url", PUBLIC_URLS)
def test_a_browser_may_be_sent_by_https_or_on_loopback(url):
    assert check_public_url(url, setting="HANDOFF_ISSUER") == url


@pytest.mark.parametrize("url", UNFIT_URLS)
def test_a_browser_is_sent_nowhere_else(url):
    with pytest.raises(ConfigurationError, match=r"^HANDOFF_ISSUER: ") as refused:
        check_public_url(url, setting="HANDOFF_ISSUER")
    assert "https://" in refused.value.remedy


def test_an_origin_is_scheme_host_and_port():
    assert origin_of("https://notes.example.com:8443/a?b=c") == "https://notes.example.com:8443"


SECRET_HASH = "0" * 64


def key(strangers_key):
    return VerificationKey.from_public_key(strangers_key.public_key())


def service(**changed):
    fields = {"redirect_uris": [], "response_types": [], "service": True}
    return client(**{"initiate_login_uri": None, **fields, **changed})


def test_a_service_needs_no_address_and_no_user(strangers_key):
    jwk = key(strangers_key).to_jwk()
    registered = service(public_keys=[jwk])
    assert [each.kid for each in registered.public_keys] == [jwk["kid"]]
    assert not registered.is_public
    assert service(public_keys=[key(strangers_key)]) == registered
    assert hash(registered)
    assert service(secret_hashes=[SECRET_HASH]).service


def test_a_client_has_two_keys_while_it_rotates(strangers_key):
    jwk = key(strangers_key).to_jwk()
    two = client(public_keys=[jwk, {**jwk, "kid": "another"}])
    assert [each.kid for each in two.public_keys] == [jwk["kid"], "another"]


def test_a_service_that_proves_nothing_is_refused_at_the_start():
    with pytest.raises(ConfigurationError, match=r"service of client .* is wrong"):
        service()


def test_only_a_service_goes_without_answers(strangers_key):
    keys = [key(strangers_key)]
    with pytest.raises(ConfigurationError, match="response_types"):
        client(response_types=[], public_keys=keys)
    with pytest.raises(ConfigurationError, match="redirect_uris"):
        client(redirect_uris=[], public_keys=keys)


def test_keys_stand_in_place_of_secrets(strangers_key):
    with pytest.raises(ConfigurationError, match="keys or secrets, not both"):
        client(public_keys=[key(strangers_key)], secret_hashes=[SECRET_HASH])


def test_two_keys_of_one_name_are_refused(strangers_key):
    with pytest.raises(ConfigurationError, match="a kid of its own"):
        client(public_keys=[key(strangers_key), key(strangers_key)])


@pytest.mark.parametrize(
    "change",
    [
        {"n": "AQAB"},
        {"kty": "EC"},
        {"alg": "RS512"},
        {"use": "enc"},
        {"kid": None},
        {"d": "AQAB"},
        {"e": "Aw"},
    ],
    ids=["short", "EC", "RS512", "encryption", "no kid", "private", "exponent"],
)
def test_a_key_that_cannot_be_used_is_refused_at_the_start(strangers_key, change):
    jwk = {**key(strangers_key).to_jwk(), **change}
    with pytest.raises(ConfigurationError, match="a key of public_keys cannot be used"):
        client(public_keys=[jwk])


@pytest.mark.parametrize("value", ["a key", ["a key"], {"keys": []}, 7, None, [None]])
def test_keys_that_are_no_list_of_keys_are_refused(value):
    with pytest.raises(ConfigurationError, match="public_keys"):
        client(public_keys=value)


def test_an_object_with_what_is_no_key_is_refused():
    with pytest.raises(ConfigurationError, match="public_keys"):
        Client("notes", "Notes", (CALLBACK,), public_keys=({"kty": "RSA"},))  # type: ignore[arg-type]
