import pytest

from flask_handoff import Client
from flask_handoff.errors import InvalidTargetError
from flask_handoff.issuer.clients import ClientRegistry
from flask_handoff.issuer.clients.audiences import choose_audience

ISSUER = "https://accounts.example.com"
NOTES, FILES = "https://notes.example.com", "https://files.example.com/api"


def service(client_id, resource, *scopes):
    return Client(client_id, client_id, (), resource=resource, scopes=frozenset(scopes))


SERVICES = ClientRegistry(
    [service("notes", NOTES, "notes:read", "notes:write"), service("files", FILES, "files:read")]
)


def chosen(scope, resource=None):
    audience = choose_audience(frozenset(scope.split()), resource, issuer=ISSUER, clients=SERVICES)
    return audience.name


@pytest.mark.parametrize(
    ("scope", "resource", "audience"),
    [
        ("openid", None, ISSUER),
        ("openid profile email offline_access", None, ISSUER),
        ("openid profile notes:read", None, NOTES),
        ("notes:read notes:write", None, NOTES),
        ("files:read", None, FILES),
        ("openid unknown", None, ISSUER),
        ("openid profile", ISSUER, ISSUER),
        ("openid profile", NOTES, NOTES),
        ("openid notes:write", NOTES, NOTES),
        ("openid notes:write", NOTES + "/", NOTES),
        ("openid", ISSUER + "/", ISSUER),
    ],
)
def test_a_token_is_for_the_service_that_knows_its_scope(scope, resource, audience):
    assert chosen(scope, resource) == audience


@pytest.mark.parametrize(
    ("scope", "resource"),
    [
        ("notes:read files:read", None),
        ("notes:read files:read", NOTES),
        ("files:read", NOTES),
        ("openid notes:read", ISSUER),
        ("notes:read", "https://unknown.example.com"),
        ("openid", NOTES + "//"),
        ("files:read", FILES + "/"),
    ],
)
def test_a_token_for_no_service_or_for_two_is_refused(scope, resource):
    with pytest.raises(InvalidTargetError) as refused:
        chosen(scope, resource)
    assert refused.value.error == "invalid_target"


def test_of_a_scope_each_service_gets_what_it_knows():
    audience = choose_audience(
        frozenset({"openid", "notes:read"}), None, issuer=ISSUER, clients=SERVICES
    )
    assert audience.scopes == {"notes:read", "notes:write"}
