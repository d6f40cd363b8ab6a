"""``flask handoff-explain`` at each kind of application, with each kind of token."""

from datetime import UTC, datetime
from textwrap import dedent
from typing import Any

import jwt
import pytest

from flask_handoff import HANDOFF, OIDC, Revocation, SignedInUser, TokenMinter
from flask_handoff.profiles import (
    ACCESS,
    CLIENT_ASSERTION,
    LOGOUT,
    LOGOUT_EVENT,
    OIDC_LOGOUT,
    REVOCATION,
)
from flask_handoff.tokens.kinds import kind_of
from tests.flask_command import run_flask
from tests.minimal_pair import ISSUER, RECEIVER

APPLICATIONS = {
    "receiver": """
        from flask import Flask

        from flask_handoff import HandoffReceiver, MemoryReplayStore

        app = Flask(__name__)
        receiver = HandoffReceiver(
            sign_in=lambda arrival: "", live_session=lambda: None, end_sessions=lambda logout: None
        )
        receiver.init_app(app, replay_store=MemoryReplayStore())
        """,
    "issuer": """
        from flask import Flask

        from flask_handoff import HandoffIssuer
        from flask_handoff.stores import MemoryCodeStore

        app = Flask(__name__)
        app.secret_key = "of a test"
        issuer = HandoffIssuer(
            signed_in_user=lambda: None,
            granted_scope=lambda user, client, scope: scope,
            login_endpoint="login",
            token_user=lambda client, subject, session_id: None,
        )
        issuer.init_app(app, codes=MemoryCodeStore())
        """,
}
APPLICATIONS["plain_issuer"] = APPLICATIONS["issuer"].replace("codes=MemoryCodeStore()", "")
APPLICATIONS["services"] = """
    import os
    from pathlib import Path

    from flask import Flask

    from flask_handoff import Client, HandoffIssuer, KeyRing, MemoryReplayStore
    from flask_handoff.issuer.clients import ClientRegistry

    app = Flask(__name__)
    app.secret_key = "of a test"
    issuer = HandoffIssuer(
        signed_in_user=lambda: None,
        granted_scope=lambda user, client, scope: scope,
        login_endpoint="login",
        client_scope=lambda client, scope: scope,
    )
    ring = KeyRing.open(Path(os.environ["HANDOFF_KEYS_DIRECTORY"]))
    key = ring.signing_key.verification_key
    reader = Client("reader", "Reader", (), service=True, public_keys=(key,))
    issuer.init_app(app, clients=ClientRegistry([reader]), replay_store=MemoryReplayStore())
    """
APPLICATIONS["api"] = """
    from flask import Flask

    from flask_handoff import HandoffAPI, MemoryReplayStore
    from flask_handoff.stores import MemoryRevocationList

    app = Flask(__name__)
    app.config["HANDOFF_REVOCATION"] = "blocklist"
    HandoffAPI().init_app(
        app, revocation_list=MemoryRevocationList(), replay_store=MemoryReplayStore()
    )
    """
APPLICATIONS["neither"] = "from flask import Flask\napp = Flask(__name__)\n"


@pytest.fixture
def command(tmp_path, key_directory, key_ring):
    """Runs ``flask handoff-explain`` at one of the applications, with a token as its input."""
    for name, source in APPLICATIONS.items():
        (tmp_path / f"{name}.py").write_text(dedent(source))
    (tmp_path / "jwks.json").write_bytes(key_ring.jwks_json)
    settings = {
        "HANDOFF_ISSUER": ISSUER,
        "HANDOFF_BASE_URL": RECEIVER,
        "HANDOFF_CLIENT_ID": "notes",
        "HANDOFF_PINNED_KEYS": "jwks.json",
        "HANDOFF_KEYS_DIRECTORY": str(key_directory),
        "HANDOFF_CLIENTS": "[]",
    }

    def run(app, token, *options):
        line = ("--app", app, "handoff-explain", *options)
        return run_flask(tmp_path, *line, answer=token, settings=settings)

    return run


@pytest.fixture
def minter(key_ring):
    return TokenMinter(issuer=ISSUER, key_ring=key_ring)


def access_token(minter, audience):
    return minter.mint_access(
        subject="ada",
        client_id="reader",
        audience=audience,
        scope=frozenset({"openid"}),
        session_id="a-session",
        jwt_id="j" * 43,
    )


@pytest.fixture
def tokens(minter, key_ring):
    """A good token of each kind, by its name, from this very moment."""
    user = SignedInUser("ada", "a-session", datetime.now(UTC))
    scope = frozenset({"openid"})
    asked: dict[str, Any] = {"audience": "notes", "nonce": "n" * 43, "scope": scope}
    key = key_ring.signing_key
    now = int(datetime.now(UTC).timestamp())
    assertion = {"iss": "reader", "sub": "reader", "aud": ISSUER, "jti": "j" * 43, "exp": now + 60}
    return {
        HANDOFF.name: minter.mint(HANDOFF, user, **asked),
        OIDC.name: minter.mint(OIDC, user, **asked | {"nonce": None}),
        ACCESS.name: access_token(minter, audience=ISSUER),
        LOGOUT.name: minter.mint_logout(
            audience="notes", ended_at=datetime.now(UTC), subject="ada"
        ),
        REVOCATION.name: minter.mint_revocation(
            audience="notes",
            revocation=Revocation(subject="ada", valid_after=datetime.fromtimestamp(now, UTC)),
        ),
        CLIENT_ASSERTION.name: jwt.encode(
            assertion, key.private_key, algorithm="RS256", headers={"kid": key.kid}
        ),
    }


OPTIONS = {
    ("receiver", ()): HANDOFF.name,
    ("receiver", ("--logout",)): LOGOUT.name,
    ("issuer", ()): ACCESS.name,
    ("issuer", ("--access",)): ACCESS.name,
}


@pytest.mark.parametrize(("where", "expected"), OPTIONS.items())
@pytest.mark.parametrize(
    "kind",
    [HANDOFF.name, OIDC.name, ACCESS.name, LOGOUT.name, REVOCATION.name, CLIENT_ASSERTION.name],
)
def test_the_kind_of_a_token_is_named_wherever_it_is_explained(
    command, tokens, where, expected, kind
):
    app, options = where
    answer = command(app, tokens[kind], *options)
    assert f"  kind  {kind}\n" in answer.stdout
    mixed_up = f"It is no {expected}. By what it says of itself it is another kind: {kind}."
    assert (mixed_up in answer.stdout) == (kind != expected)
    assert answer.returncode == (kind != expected)
    assert not any(part in answer.stdout for part in tokens[kind].split(".") if len(part) > 20)


def test_an_access_token_is_explained_by_its_own_checks(command, tokens, key_ring):
    answer = command("issuer", tokens[ACCESS.name])
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "kind            access token, at most 600 s long" in answer.stdout
    assert f"audience        {ISSUER}" in answer.stdout
    assert f"keys            {key_ring.signing_key.kid}" in answer.stdout
    assert "  not_revoked      ok" in answer.stdout


@pytest.mark.parametrize("options", [(), ("--access",)])
def test_an_api_explains_the_access_tokens_that_are_for_it(command, minter, options):
    token = access_token(minter, audience=RECEIVER)
    answer = command("api", token, *options)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert f"audience        {RECEIVER}" in answer.stdout
    assert "  not_revoked      ok" in answer.stdout
    # Where a receiver is asked, it does not say that this is another service's.
    assert command("receiver", token).stdout.startswith("Expected here")


def test_a_clients_own_jwt_is_explained_by_its_own_checks(command, tokens, key_ring):
    answer = command("services", tokens[CLIENT_ASSERTION.name], "--assertion")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "kind            client assertion, at most 300 s long" in answer.stdout
    assert f"audience        {ISSUER}" in answer.stdout
    assert f"keys            {key_ring.signing_key.kid}" in answer.stdout
    assert "  subject          ok" in answer.stdout
    assert "not claimed: explaining spends nothing" in answer.stdout


def test_a_notice_is_explained_by_its_own_checks(command, tokens):
    answer = command("api", tokens[REVOCATION.name], "--revocation")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "kind            revocation notice, at most 120 s long" in answer.stdout
    assert "  event            ok" in answer.stdout
    assert "not claimed: explaining spends nothing" in answer.stdout


def test_a_mix_up_says_where_the_token_belongs(command, tokens):
    assert "Explain it with --access, at the API that it is for (aud), or at the issuer" in (
        command("receiver", tokens[ACCESS.name]).stdout
    )
    assert "Explain it with --logout" in command("issuer", tokens[LOGOUT.name]).stdout
    assert "Explain it without an option" in command("issuer", tokens[HANDOFF.name]).stdout
    assert (
        "sends it to the issuer's /token" in command("issuer", tokens[CLIENT_ASSERTION.name]).stdout
    )
    assert "Explain it with --revocation" in command("issuer", tokens[REVOCATION.name]).stdout
    assert "Compare HANDOFF_POLICY here" in command("receiver", tokens[OIDC.name]).stdout


@pytest.mark.parametrize(
    ("app", "options", "told"),
    [
        ("plain_issuer", (), "issues no codes, so it has no /userinfo"),
        ("plain_issuer", ("--access",), "issues no codes, so it has no /userinfo"),
        ("receiver", ("--access",), "that calls HandoffAPI.init_app or HandoffIssuer.init_app."),
        ("issuer", ("--logout",), "Give --app with one that calls HandoffReceiver.init_app."),
        ("neither", (), "Give --app with one that calls HandoffReceiver.init_app."),
        ("issuer", ("--assertion",), "gives HandoffIssuer.init_app a replay_store"),
        ("receiver", ("--assertion",), "gives HandoffIssuer.init_app a replay_store"),
        ("services", ("--assertion",), "Nothing can be checked: client_assertion of an unknown"),
        ("receiver", ("--revocation",), "takes no revocation notices"),
        ("neither", ("--access",), "that calls HandoffAPI.init_app or HandoffIssuer.init_app."),
    ],
)
def test_an_application_that_takes_no_such_token_says_so(command, tokens, app, options, told):
    answer = command(app, tokens[HANDOFF.name], *options)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert told in answer.stderr


JWT_TYPE = {"typ": "JWT"}


@pytest.mark.parametrize(
    ("header", "payload", "kind"),
    [
        ({"typ": "application/AT+JWT"}, {}, ACCESS.name),
        ({"typ": "at+jwt"}, {"nonce": "n", "events": {LOGOUT_EVENT: {}}}, ACCESS.name),
        ({"typ": "client-authentication+jwt"}, {}, CLIENT_ASSERTION.name),
        (JWT_TYPE, {"events": {LOGOUT_EVENT: {}}, "iss": "i"}, OIDC_LOGOUT.name),
        (JWT_TYPE, {"events": "x", "nonce": "n"}, OIDC.name),
        (JWT_TYPE, {"iss": "i", "aud": "a", "sub": "s"}, OIDC.name),
        ({}, {"iss": "a", "sub": "a", "aud": "i"}, CLIENT_ASSERTION.name),
        ({}, {"iss": "i", "sub": "s", "aud": "a", "client_id": "c"}, ACCESS.name),
        ({"typ": "secevent+jwt"}, {"iss": "i", "aud": "a"}, REVOCATION.name),
        ({"typ": "dpop+jwt"}, {"iss": "i", "aud": "a", "sub": "s"}, None),
        ({"typ": None}, {"iss": "i", "aud": "a", "sub": "s"}, None),
        ({"typ": ["JWT"]}, {}, None),
        (JWT_TYPE, {}, None),
        ({}, {}, None),
    ],
)
def test_a_kind_is_known_by_its_type_or_else_by_its_claims(header, payload, kind):
    assert kind_of(header, payload, HANDOFF) == kind


def test_a_type_of_two_policies_is_the_expected_one():
    assert kind_of({"typ": "logout+jwt"}, {}, OIDC_LOGOUT) == OIDC_LOGOUT.name
    assert kind_of({"typ": "logout+jwt"}, {}, HANDOFF) == LOGOUT.name
