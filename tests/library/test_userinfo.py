import secrets
from typing import Any

import pytest
from flask.json.provider import DefaultJSONProvider

from flask_handoff.claims import CodeGrant
from flask_handoff.errors import CodeReplayedError, CodeStoreUnavailableError
from flask_handoff.stores import MemoryCodeStore
from flask_handoff.tokens import TokenMinter
from tests.minimal_pair import CODE_CLIENT, ISSUER, issuer_app

USERINFO = "/userinfo"


class Codes(MemoryCodeStore):
    """A store that can be out of reach."""

    is_down = False

    def check_not_revoked(self, jwt_id):
        if self.is_down:
            raise CodeStoreUnavailableError("the database failed")
        super().check_not_revoked(jwt_id)


@pytest.fixture
def codes():
    return Codes()


@pytest.fixture
def issuer(key_ring, clock, codes):
    return issuer_app(key_ring, clock, codes)


@pytest.fixture
def client(issuer):
    return issuer.test_client()


@pytest.fixture
def mint(key_ring, clock):
    """Mints an access token for /userinfo, but for what is changed in it."""
    minter = TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock)

    def mint_token(scope="openid profile email", **changed):
        asked = {
            "subject": "ada",
            "client_id": CODE_CLIENT["client_id"],
            "audience": ISSUER,
            "session_id": "a-session",
            "jwt_id": secrets.token_urlsafe(32),
            **changed,
        }
        return minter.mint_access(scope=frozenset(scope.split()), **asked)

    return mint_token


def ask(client, token, method="GET", **options):
    headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
    return client.open(USERINFO, method=method, base_url=ISSUER, headers=headers, **options)


def is_refused(answer):
    return (
        answer.status_code == 401
        and answer.json["error"] == "invalid_token"
        and answer.json["error_description"].startswith("Refused. The log of this server says why")
        and 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        and answer.headers["Cache-Control"] == "no-store"
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_program_learns_what_its_scope_tells(client, mint, method):
    answer = ask(client, mint(), method)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json == {
        "sub": "ada",
        "name": "Ada",
        "email": "ada@example.com",
        "email_verified": True,
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_an_application_writes_its_own_json_its_own_way(issuer, client, mint):
    class CamelCase(DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return super().dumps({"emailVerified": obj.get("email_verified")}, **kwargs)

    issuer.json = CamelCase(issuer)
    assert ask(client, mint()).json["email_verified"] is True


def test_the_token_may_come_in_a_form(client, mint):
    answer = client.post(USERINFO, base_url=ISSUER, data={"access_token": mint()})
    assert answer.json["sub"] == "ada"


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("openid", {"sub"}),
        ("openid profile", {"sub", "name"}),
        ("openid email", {"sub", "email", "email_verified"}),
    ],
)
def test_nothing_beside_its_scope_is_told(client, mint, scope, told):
    assert ask(client, mint(scope)).json.keys() == told


def test_what_a_user_has_not_is_left_out(issuer, client, mint):
    issuer.extensions["hooks"].about = {"name": "", "email": None}
    assert ask(client, mint()).json == {"sub": "ada"}


def test_the_user_is_told_as_they_are_now(issuer, client, mint):
    token = mint()
    assert ask(client, token).json["name"] == "Ada"
    issuer.extensions["hooks"].about["name"] = "Ada Lovelace"
    assert ask(client, token).json["name"] == "Ada Lovelace"


@pytest.mark.parametrize("scope", ["profile email", "", "OPENID"])
def test_a_scope_without_openid_is_not_enough(client, mint, scope):
    answer = ask(client, mint(scope))
    assert (answer.status_code, answer.json["error"]) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"].endswith('scope="openid"')


def test_without_a_token_the_challenge_names_no_error(client):
    answer = client.get(USERINFO, base_url=ISSUER)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="userinfo"'


@pytest.mark.parametrize("text", ["x", "a.b.c", "A" * 5000])
def test_what_is_no_token_is_refused(client, text):
    assert is_refused(ask(client, text))


def test_a_token_that_is_over_is_refused(client, mint, clock):
    token = mint()
    clock.tick(seconds=604)
    assert ask(client, token).status_code == 200
    clock.tick(seconds=1)
    assert is_refused(ask(client, token))


def test_a_token_for_a_service_is_refused_here(client, mint, caplog):
    assert is_refused(ask(client, mint(audience="https://notes.example.com")))
    assert "access token rejected: code=token_claim check=audience claim=aud" in caplog.text


def test_the_second_use_of_a_code_ends_its_access_token(client, mint, codes, clock):
    grant = CodeGrant(
        client_id="reader",
        redirect_uri="http://127.0.0.1:5003/callback",
        code_challenge=None,
        nonce=None,
        subject="ada",
        session_id="a-session",
        auth_time=clock(),
        scope=frozenset({"openid"}),
        audience=ISSUER,
        access_scope=frozenset({"openid"}),
        jwt_id="j" * 43,
        issued_at=clock(),
    )
    now = int(clock().timestamp())
    codes.keep("a" * 64, grant, expires_at=now + 60, forget_at=now + 800, now=now)
    codes.redeem("a" * 64, now=now)
    token = mint(jwt_id=grant.jwt_id)
    assert ask(client, token).status_code == 200
    with pytest.raises(CodeReplayedError):
        codes.redeem("a" * 64, now=now)
    assert is_refused(ask(client, token))
    assert ask(client, mint()).status_code == 200


def test_a_session_that_has_ended_ends_its_access_tokens(issuer, client, mint, caplog):
    issuer.extensions["hooks"].session_ended = True
    assert is_refused(ask(client, mint(jwt_id="j" * 43)))
    assert f"jti={'j' * 43} iss={ISSUER} reason=its session" in caplog.text


def test_the_application_is_asked_for_exactly_this_token(issuer, client, mint):
    ask(client, mint(subject="grace", session_id="another-session"))
    assert issuer.extensions["hooks"].asked_for == [("reader", "grace", "another-session")]


@pytest.mark.parametrize("changed", [{"client_id": "nobody"}, {"session_id": None}])
def test_a_token_without_its_client_or_session_is_refused(client, mint, changed):
    assert is_refused(ask(client, mint(**changed)))


def test_a_store_out_of_reach_lets_nobody_in(client, mint, codes):
    codes.is_down = True
    answer = ask(client, mint())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_head_answers_as_get_does_without_a_body(client, mint):
    answer = ask(client, mint(), "HEAD")
    assert (answer.status_code, answer.data) == (200, b"")
    assert client.head(USERINFO, base_url=ISSUER).status_code == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_another_method_is_not_allowed(client, mint, method):
    answer = ask(client, mint(), method)
    assert answer.status_code == 405
    assert {"GET", "HEAD", "POST", "OPTIONS"} == set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"data": b"x" * 20_000}, 413), ({"headers": {"Transfer-Encoding": "chunked"}}, 411)],
    ids=["too large", "of unknown length"],
)
def test_a_body_is_bounded(client, mint, sent, status):
    assert ask(client, mint(), "POST", **sent).status_code == status


def test_an_issuer_without_codes_has_no_userinfo(key_ring, clock, mint):
    plain = issuer_app(key_ring, clock).test_client()
    assert ask(plain, mint()).status_code == 404


OPEN = [
    ("/userinfo", "GET"),
    ("/token", "POST"),
    ("/.well-known/openid-configuration", "GET"),
    ("/.well-known/oauth-authorization-server", "GET"),
    ("/.well-known/jwks.json", "GET"),
]


@pytest.mark.parametrize(("path", "method"), OPEN)
def test_a_script_of_any_origin_may_call_it(client, path, method):
    origin = {"Origin": "https://app.example"}
    asked = {
        **origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,x-requested-with",
    }
    preflight = client.options(path, base_url=ISSUER, headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    allowed = preflight.headers["Access-Control-Allow-Headers"].split(", ")
    assert allowed == ["Authorization", "Content-Type", "X-Requested-With"]
    assert method in preflight.headers["Access-Control-Allow-Methods"]
    answer = client.open(path, method=method, base_url=ISSUER, headers=origin)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    for each in (preflight, answer):
        assert "Access-Control-Allow-Credentials" not in each.headers
        assert "Set-Cookie" not in each.headers


def test_a_script_may_read_why_it_was_refused(client):
    answer = client.get(USERINFO, base_url=ISSUER, headers={"Origin": "https://app.example"})
    assert answer.headers["Access-Control-Expose-Headers"] == "WWW-Authenticate"


@pytest.mark.parametrize("path", ["/authorize", "/login"])
def test_a_page_with_cookies_is_open_to_no_script(client, path):
    for method in ("OPTIONS", "GET"):
        headers = {"Origin": "https://app.example"}
        answer = client.open(path, method=method, base_url=ISSUER, headers=headers)
        assert "Access-Control-Allow-Origin" not in answer.headers
