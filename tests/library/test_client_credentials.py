"""Services: how they authenticate by what they have signed, and get tokens for themselves."""

import base64
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import create_engine

from flask_handoff import AccessTokenVerifier, UnverifiedToken
from flask_handoff.issuer.clients.assertions import ASSERTION_TYPE
from flask_handoff.keys import VerificationKey
from flask_handoff.signals import tokens_issued, tokens_refused
from flask_handoff.stores import MemoryCodeStore, MemoryRefreshStore, MemoryReplayStore
from flask_handoff.stores.sql import SQLReplayStore
from tests.code_client import ask, claims_of, code_of, refused
from tests.minimal_pair import CLIENT, CODE_CLIENT, CODE_CLIENT_SECRET, ISSUER, Browser, issuer_app
from tests.token_trial import RecordingStore

NOTES: dict[str, Any] = {
    **CLIENT,
    "resource": "https://notes.example.com",
    "scopes": ["notes:read", "notes:write"],
}
MAIL = {
    **CLIENT,
    "client_id": "mail",
    "resource": "https://mail.example.com",
    "scopes": ["mail:send"],
}
KEYS = {name: rsa.generate_private_key(65537, 2048) for name in ("report", "backup", "site")}
PUBLIC = {
    name: VerificationKey.from_public_key(key.public_key()).to_jwk() for name, key in KEYS.items()
}


def entry(name, **fields):
    return {"client_id": name, "name": name.title(), "redirect_uris": [], **fields}


REPORT = entry("report", response_types=[], service=True, public_keys=[PUBLIC["report"]])
BACKUP = entry("backup", response_types=[], service=True, public_keys=[PUBLIC["backup"]])
OLD_LIBRARY = {**REPORT, "client_id": "old", "allow_token_endpoint_audience": True}
WITH_SECRET = entry(
    "secretive", response_types=[], service=True, secret_hashes=CODE_CLIENT["secret_hashes"]
)
SITE = {
    **CODE_CLIENT,
    "client_id": "site",
    "name": "Site",
    "secret_hashes": [],
    "public_keys": [PUBLIC["site"]],
}
CLIENTS = [NOTES, MAIL, REPORT, BACKUP, OLD_LIBRARY, WITH_SECRET, CODE_CLIENT, SITE]


@pytest.fixture
def replay_store():
    return RecordingStore()


@pytest.fixture
def issuer(key_ring, clock, replay_store):
    stores = (MemoryCodeStore(), MemoryRefreshStore(), replay_store)
    return issuer_app(key_ring, clock, *stores, HANDOFF_CLIENTS=CLIENTS)


@pytest.fixture
def program(issuer):
    return Browser(issuer, None)


def assertion(clock, name="report", *, key=None, kid=None, **changed):
    claims = {
        "iss": name,
        "sub": name,
        "aud": ISSUER,
        "exp": int((clock() + timedelta(minutes=1)).timestamp()),
        "jti": str(uuid.uuid4()),
        **changed,
    }
    headers = {"kid": kid or PUBLIC[key or name]["kid"]}
    return jwt.encode(claims, KEYS[key or name], algorithm="RS256", headers=headers)


def ask_for_token(program, token=None, **changed):
    """Ask as a service would; a parameter changed to None is left out."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": token,
        "scope": "notes:read",
        **changed,
    }
    headers = form.pop("headers", None)
    given = {name: value for name, value in form.items() if value is not None}
    return program.post(f"{ISSUER}/token", given, headers=headers, sends_cookies=False)


def reason(caplog):
    return caplog.messages[-1]


# What it gets.


def test_a_service_gets_an_access_token_for_itself(program, clock, key_ring):
    answer = ask_for_token(program, assertion(clock))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 600)
    assert answer.json["scope"] == "notes:read"
    verifier = AccessTokenVerifier(
        issuer=ISSUER, audience=NOTES["resource"], keys=key_ring, clock=clock
    )
    claims = verifier.verify(UnverifiedToken(answer.json["access_token"]))
    assert (claims.subject, claims.client_id, claims.session_id) == ("report", "report", None)
    assert claims.scope == {"notes:read"}


@pytest.mark.parametrize(
    ("asked", "scope", "audience"),
    [
        ({"scope": "notes:write mail:send"}, "notes:write", "notes"),
        ({"scope": None}, "notes:read notes:write", "notes"),
        ({"scope": " notes:read  notes:write "}, "notes:read notes:write", "notes"),
        ({"scope": None, "resource": NOTES["resource"]}, "notes:read notes:write", "notes"),
        ({"resource": NOTES["resource"]}, "notes:read", "notes"),
    ],
    ids=["less than asked", "nothing asked", "many spaces", "a resource alone", "both"],
)
def test_it_gets_what_is_asked_and_granted(program, clock, asked, scope, audience):
    answer = ask_for_token(program, assertion(clock), **asked)
    assert answer.json["scope"] == scope
    claims = claims_of(answer.json["access_token"])
    assert (claims["scope"], claims["aud"]) == (scope, f"https://{audience}.example.com")


def test_the_application_is_told_what_is_asked(program, issuer, clock):
    ask_for_token(program, assertion(clock))
    ask_for_token(program, assertion(clock), scope=None)
    asked = issuer.extensions["hooks"].asked_by_services
    assert asked == [("report", {"notes:read"}), ("report", frozenset())]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"scope": "openid"}, "invalid_scope"),
        ({"scope": "notes:read offline_access"}, "invalid_scope"),
        ({"scope": "notes:read email"}, "invalid_scope"),
        ({"scope": "mail:send"}, "invalid_scope"),
        ({"scope": "unknown"}, "invalid_scope"),
        ({"scope": '"'}, "invalid_scope"),
        ({"scope": "a" * 1025}, "invalid_scope"),
        ({"resource": ISSUER}, "invalid_target"),
        ({"scope": None, "resource": ISSUER}, "invalid_scope"),
        ({"scope": None, "resource": MAIL["resource"]}, "invalid_scope"),
        ({"resource": MAIL["resource"]}, "invalid_target"),
        ({"resource": "https://other.example.com"}, "invalid_target"),
        ({"resource": [NOTES["resource"], MAIL["resource"]]}, "invalid_target"),
        ({"scope": ["notes:read", "notes:write"]}, "invalid_request"),
    ],
)
def test_what_it_may_not_have_is_refused(program, clock, asked, error):
    assert refused(ask_for_token(program, assertion(clock), **asked)) == error


def test_several_services_at_once_are_refused(program, issuer, clock):
    issuer.extensions["hooks"].serves |= {"mail:send"}
    asked = {"scope": "notes:read mail:send"}
    assert refused(ask_for_token(program, assertion(clock), **asked)) == "invalid_target"
    assert refused(ask_for_token(program, assertion(clock), scope=None)) == "invalid_target"
    answer = ask_for_token(program, assertion(clock), scope=None, resource=MAIL["resource"])
    assert answer.json["scope"] == "mail:send"


def test_a_grant_of_what_belongs_to_users_gives_nothing(program, issuer, clock):
    issuer.extensions["hooks"].serves = frozenset({"openid", "offline_access", "unknown"})
    for scope in (None, "unknown"):
        answer = ask_for_token(program, assertion(clock), scope=scope)
        assert refused(answer) == "invalid_scope"


def test_a_service_may_have_a_secret_instead(program):
    secret = {"client_id": "secretive", "client_secret": CODE_CLIENT_SECRET}
    answer = ask_for_token(program, client_assertion_type=None, **secret)
    assert claims_of(answer.json["access_token"])["sub"] == "secretive"


def test_no_other_client_acts_for_itself(program, clock):
    secret = {"client_id": "reader", "client_secret": CODE_CLIENT_SECRET}
    answer = ask_for_token(program, client_assertion_type=None, **secret)
    assert refused(answer) == "unauthorized_client"
    assert refused(ask_for_token(program, assertion(clock, "site"))) == "unauthorized_client"


def test_a_service_acts_for_no_user(program, clock):
    for grant_type, more in (
        ("authorization_code", {"code": "c" * 43}),
        ("refresh_token", {"refresh_token": "r" * 65}),
    ):
        answer = ask_for_token(program, assertion(clock), grant_type=grant_type, **more)
        assert refused(answer) == "unauthorized_client"
    answer = program.get(
        f"{ISSUER}/authorize",
        query_string={"client_id": "report", "redirect_uri": "https://x.example.com/"},
    )
    assert answer.status_code == 400


def test_userinfo_knows_no_services(program, clock, issuer, caplog):
    token = ask_for_token(program, assertion(clock)).json["access_token"]
    about_itself = issuer.extensions["handoff_issuer"].minter.mint_access(
        subject="report",
        client_id="report",
        audience=ISSUER,
        scope=frozenset({"openid"}),
        session_id=None,
        jwt_id="j" * 43,
    )
    for each, problem in ((token, "check=audience"), (about_itself, "about no user")):
        headers = {"Authorization": f"Bearer {each}"}
        assert program.get(f"{ISSUER}/userinfo", headers=headers).status_code == 401
        assert problem in reason(caplog)


def test_what_happens_to_services_is_told_to_whoever_counts(program, issuer, clock):
    told = []

    def note(name):
        return lambda sender, **facts: told.append((name, facts))

    hears = {signal: note(signal.name) for signal in (tokens_issued, tokens_refused)}
    for signal, listener in hears.items():
        signal.connect(listener, sender=issuer)
    answer = ask_for_token(program, assertion(clock))
    ask_for_token(program, assertion(clock, aud="https://other.example.com"))
    (issued, facts), (was_refused, refusal) = told
    assert (issued, was_refused) == ("tokens-issued", "tokens-refused")
    assert (facts["user"], facts["client"].client_id) == (None, "report")
    assert facts["grant"].scope == {"notes:read"}
    assert facts["grant"].jwt_id == claims_of(answer.json["access_token"])["jti"]
    assert (refusal["error"].code, refusal["error"].check) == ("client_assertion", "audience")


# How it proves who it is.


def test_an_assertion_is_good_once(program, clock, caplog):
    token = assertion(clock)
    assert ask_for_token(program, token).status_code == 200
    assert refused(ask_for_token(program, token), 401) == "invalid_client"
    assert "client_assertion of report, check one_use" in reason(caplog)


def test_of_many_at_once_one_brings_a_token(key_ring, clock, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'replay.sqlite3'}")
    store = SQLReplayStore(engine)
    store.create_tables()
    app = issuer_app(key_ring, clock, None, None, store, HANDOFF_CLIENTS=CLIENTS)
    token = assertion(clock)
    with ThreadPoolExecutor(8) as threads:
        statuses = threads.map(
            lambda _: ask_for_token(Browser(app, None), token).status_code, range(20)
        )
    assert sorted(statuses) == [200, *[401] * 19]
    engine.dispose()


FORGED = {
    "another client's key": {"key": "backup"},
    "another client's key under its own name": {"key": "backup", "kid": PUBLIC["report"]["kid"]},
    "another client's kid": {"kid": PUBLIC["backup"]["kid"]},
    "another client's name inside": {"iss": "backup"},
    "a client that is unknown": {"iss": "nobody", "sub": "nobody"},
    "a client without keys": {"iss": "reader", "sub": "reader"},
    "no client": {"sub": "a b"},
    "the token endpoint": {"aud": f"{ISSUER}/token"},
    "a list": {"aud": [ISSUER]},
    "another server": {"aud": "https://other.example.com"},
    "half an hour": {"exp": 10**10},
    "an empty jti": {"jti": ""},
}


@pytest.mark.parametrize("changed", FORGED.values(), ids=list(FORGED))
def test_every_fault_looks_the_same_outside(program, clock, caplog, changed, replay_store):
    answer = ask_for_token(program, assertion(clock, **changed))
    assert refused(answer, 401) == "invalid_client"
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="token"'
    description = answer.json["error_description"]
    assert description.startswith("Refused. The log of this server says why: ")
    assert "code=client_assertion client_id=- reason=client_assertion of" in reason(caplog)
    assert replay_store.claimed == []


@pytest.mark.parametrize("token", ["x", "a.b.c", "e" * 5000, "eyJ.eyJ." + "A" * 342])
def test_what_is_no_assertion_is_refused(program, token, caplog):
    assert refused(ask_for_token(program, token), 401) == "invalid_client"
    assert token[:300] not in reason(caplog)


def test_a_client_may_name_itself_beside_its_assertion(program, clock):
    assert ask_for_token(program, assertion(clock), client_id="report").status_code == 200
    answer = ask_for_token(program, assertion(clock), client_id="backup")
    assert refused(answer, 401) == "invalid_client"


def test_a_library_that_knows_only_the_endpoint_can_be_allowed(program, clock):
    for audience in (f"{ISSUER}/token", [f"{ISSUER}/token"], ISSUER):
        token = assertion(clock, "old", key="report", aud=audience)
        assert ask_for_token(program, token).status_code == 200
    token = assertion(clock, "old", key="report", aud=[ISSUER])
    assert refused(ask_for_token(program, token), 401) == "invalid_client"


def basic(secret):
    return {"Authorization": "Basic " + base64.b64encode(f"report:{secret}".encode()).decode()}


@pytest.mark.parametrize(
    "more",
    [
        {"client_secret": "s"},
        {"headers": basic("s")},
        {"headers": {"Authorization": "Bearer x"}},
        {"client_assertion_type": None},
        {"client_assertion": None},
        {"client_assertion_type": [ASSERTION_TYPE, ASSERTION_TYPE]},
        {"client_assertion": ["x", "y"]},
        {"client_id": ["report", "report"]},
    ],
)
def test_two_ways_or_half_of_one_are_a_malformed_request(program, clock, more):
    answer = ask_for_token(program, **{"client_assertion": assertion(clock), **more})
    assert refused(answer) == "invalid_request"


@pytest.mark.parametrize("kind", ["urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "x"])
def test_another_kind_of_assertion_is_no_authentication(program, clock, kind):
    answer = ask_for_token(program, assertion(clock), client_assertion_type=kind)
    assert refused(answer, 401) == "invalid_client"


@pytest.mark.parametrize("more", [{}, {"client_secret": "s"}, {"headers": basic("")}])
def test_a_client_with_keys_proves_nothing_without_them(program, more):
    answer = ask_for_token(program, client_assertion_type=None, client_id="report", **more)
    assert refused(answer, 401) == "invalid_client"


def test_a_store_that_is_down_lets_nobody_in(program, clock, replay_store):
    replay_store.out_of_reach = True
    answer = ask_for_token(program, assertion(clock))
    assert refused(answer, 503) == "temporarily_unavailable"


def test_a_web_client_redeems_its_code_by_an_assertion(program, clock):
    program.sign_in()
    code = code_of(ask(program, SITE, scope="openid"), SITE)
    code_form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": SITE["redirect_uris"][0],
        "scope": None,
        "code_verifier": "v" * 43,
    }
    answer = ask_for_token(program, assertion(clock, "site"), **code_form)
    assert claims_of(answer.json["id_token"])["aud"] == "site"


def test_an_assertion_is_good_at_the_token_endpoint_alone(program, clock, replay_store):
    token = assertion(clock, aud=ISSUER)
    answer = program.get(f"{ISSUER}/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    answer = ask_for_token(
        program, None, grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=token
    )
    assert answer.status_code == 400
    assert replay_store.claimed == []
    assert ask_for_token(program, token).status_code == 200


def test_no_assertion_reaches_the_log(program, clock, caplog):
    caplog.set_level("DEBUG")
    good, bad = assertion(clock), assertion(clock, aud="https://other.example.com")
    tokens = [ask_for_token(program, good).json["access_token"]]
    ask_for_token(program, good)
    ask_for_token(program, bad)
    for text in [part for each in (good, bad, *tokens) for part in each.split(".")[1:]]:
        assert text not in caplog.text


# What is announced.


def metadata(app):
    return Browser(app, None).get(f"{ISSUER}/.well-known/openid-configuration").json


def test_the_metadata_tells_how_services_get_in(issuer):
    document = metadata(issuer)
    assert "private_key_jwt" in document["token_endpoint_auth_methods_supported"]
    assert document["token_endpoint_auth_signing_alg_values_supported"] == ["RS256"]
    assert "client_credentials" in document["grant_types_supported"]


def test_without_a_replay_store_there_are_no_assertions(key_ring, clock):
    app = issuer_app(key_ring, clock, MemoryCodeStore(), HANDOFF_CLIENTS=CLIENTS)
    document = metadata(app)
    assert "private_key_jwt" not in document["token_endpoint_auth_methods_supported"]
    assert "token_endpoint_auth_signing_alg_values_supported" not in document
    assert "client_credentials" not in document["grant_types_supported"]
    program = Browser(app, None)
    assert refused(ask_for_token(program, assertion(clock)), 401) == "invalid_client"


def test_services_need_no_code_flow(key_ring, clock):
    store = MemoryReplayStore()
    app = issuer_app(key_ring, clock, None, None, store, HANDOFF_CLIENTS=CLIENTS)
    document = metadata(app)
    assert document["grant_types_supported"] == ["client_credentials", "implicit"]
    assert document["response_types_supported"] == ["id_token"]
    assert "userinfo_endpoint" not in document
    program = Browser(app, None)
    assert ask_for_token(program, assertion(clock)).status_code == 200
    assert program.get(f"{ISSUER}/userinfo").status_code == 404
    answer = ask_for_token(program, assertion(clock), grant_type="authorization_code")
    assert refused(answer) == "unsupported_grant_type"
