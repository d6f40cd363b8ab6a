"""The reader of bearer tokens, at a service that knows nothing of the issuer's extension."""

import pytest
from flask import Flask

from flask_handoff.claims import AccessClaims
from flask_handoff.errors import (
    AccessTokenError,
    CodeStoreUnavailableError,
    DependencyUnavailableError,
    HandoffRejectedError,
    InsufficientScopeError,
    TokenExpiredError,
    TokenRevokedError,
    TokenSignatureError,
)
from flask_handoff.signals import access_token_rejected
from flask_handoff.web.bearer import bearer_token, check_scope, refuse

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def service():
    """Answers with the token that came; or refuses as ``app.extensions["fails"]`` says."""
    app = Flask("service")
    app.extensions["fails"] = None

    @app.route("/api", methods=["GET", "POST", "PUT"])
    def api():
        try:
            if app.extensions["fails"]:
                raise app.extensions["fails"]
            return {"token": bearer_token()}
        except (AccessTokenError, HandoffRejectedError, DependencyUnavailableError) as error:
            return refuse(error, realm="notes")

    return app


@pytest.fixture
def client(service):
    return service.test_client()


def with_header(value):
    return {"headers": {"Authorization": value}}


def is_malformed(answer):
    challenge = answer.headers["WWW-Authenticate"]
    return (
        answer.status_code == 400
        and answer.json["error"] == "invalid_request"
        and challenge.startswith('Bearer realm="notes", error="invalid_request", error_desc')
    )


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_may_be_written_in_any_case(client, scheme):
    assert client.get("/api", **with_header(f"{scheme} a.b-c_d~e+f/g==")).json == {
        "token": "a.b-c_d~e+f/g=="
    }


def test_several_spaces_may_follow_the_scheme(client):
    assert client.get("/api", **with_header("Bearer   abc")).json == {"token": "abc"}


def test_a_posted_form_may_hold_the_token(client):
    assert client.post("/api", data={"access_token": "abc", "x": "y"}).json == {"token": "abc"}


@pytest.mark.parametrize(
    "value",
    [
        *("Bearer", "Bearer\tabc", "Bearer \tabc", "Bearer abc def", "Bearer a,b", "Bearer abc,"),
        *("Bearer abc, Bearer abc", 'Bearer token="abc"', "Bearer =", "Bearer a=b", "bearer:abc"),
        *("Bearer ab\xe9", "Bearer  ", "Bearer \t abc"),
    ],
    ids=ascii,
)
def test_a_header_that_is_not_of_its_form_is_malformed(client, value):
    assert is_malformed(client.get("/api", **with_header(value)))


def test_two_headers_are_malformed(client):
    headers = [("Authorization", "Bearer abc"), ("Authorization", "Bearer abc")]
    assert is_malformed(client.get("/api", headers=headers))


@pytest.mark.parametrize("query", ["access_token=abc", "access_token=", "a=1&access%5Ftoken=abc"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_token_in_a_query_is_refused(client, method, query):
    assert is_malformed(client.open(f"/api?{query}", method=method))
    assert is_malformed(client.open(f"/api?{query}", method=method, **with_header("Bearer abc")))


@pytest.mark.parametrize("authorization", ["Bearer abc", "Bearer other", "Basic YTpi", "Bearer"])
def test_a_header_and_a_form_at_once_are_refused(client, authorization):
    answer = client.post("/api", data={"access_token": "abc"}, **with_header(authorization))
    assert is_malformed(answer)


def test_two_tokens_in_one_form_are_refused(client):
    answer = client.post("/api", data="access_token=abc&access_token=abc", content_type=FORM)
    assert is_malformed(answer)


@pytest.mark.parametrize(
    "sent",
    [
        {},
        with_header("Basic YTpi"),
        with_header("DPoP abc"),
        with_header("BearerX abc"),
        with_header("abc"),
        with_header('"Bearer" abc'),
        {"method": "POST", "data": "access_token=", "content_type": FORM},
        {"method": "POST", "data": {"other": "abc"}},
        {"method": "POST", "json": {"access_token": "abc"}},
        {"method": "POST", "data": {"access_token": "abc"}, "content_type": "multipart/form-data"},
        {"method": "PUT", "data": {"access_token": "abc"}},
        {"data": "access_token=abc", "content_type": FORM},
    ],
    ids=ascii,
)
def test_without_a_token_the_challenge_names_no_error(client, sent):
    answer = client.open("/api", **sent)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="notes"'
    assert "error" not in answer.json


@pytest.mark.parametrize(
    "error",
    [
        TokenExpiredError("expired long ago", claim="exp"),
        TokenSignatureError("the signature does not match"),
        TokenRevokedError("used twice"),
        AccessTokenError("its session has ended", error="invalid_token", status=401),
    ],
    ids=lambda error: error.code,
)
def test_every_fault_of_a_token_looks_the_same_outside(service, client, error, caplog):
    service.extensions["fails"] = error
    answer = client.get("/api")
    assert answer.status_code == 401
    description = answer.json["error_description"]
    request_id = caplog.text.rpartition("request_id=")[2].strip()
    assert description == f"Refused. The log of this server says why: {request_id}"
    assert answer.json == {"error": "invalid_token", "error_description": description}
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="notes", error="invalid_token", error_description="{description}"'
    )
    assert f"access token rejected: code={error.code} " in caplog.text
    assert f"reason={error} " in caplog.text


def test_a_scope_that_is_too_small_is_named(service, client):
    service.extensions["fails"] = InsufficientScopeError(frozenset({"notes:write", "notes:read"}))
    answer = client.get("/api")
    assert answer.status_code == 403
    assert answer.json["error"] == "insufficient_scope"
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="notes", error="insufficient_scope", ')
    assert challenge.endswith(', scope="notes:read notes:write"')


def test_a_scope_has_to_hold_all_that_is_asked_for(clock):
    claims = AccessClaims(
        *("https://issuer.example", "ada", "https://notes.example", "reader"),
        scope=frozenset({"notes:read", "openid"}),
        session_id=None,
        issued_at=clock(),
        expires_at=clock(),
        jwt_id="j" * 43,
        kid="a-key",
    )
    check_scope(claims, "notes:read", "openid")
    with pytest.raises(InsufficientScopeError) as refusal:
        check_scope(claims, "notes:read", "notes:write")
    assert refusal.value.scope == {"notes:read", "notes:write"}
    assert (refusal.value.jwt_id, refusal.value.kid) == ("j" * 43, "a-key")


def test_what_is_out_of_reach_says_nothing_of_the_token(service, client):
    service.extensions["fails"] = CodeStoreUnavailableError("the database failed")
    answer = client.get("/api")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json["error"] == "temporarily_unavailable"
    assert "WWW-Authenticate" not in answer.headers


def test_no_refusal_repeats_what_came(client, caplog):
    answers = [
        client.get("/api?access_token=s3cret"),
        client.get("/api", **with_header("Bearer s3cret s3cret")),
        client.post("/api", data={"access_token": "s3cret"}, **with_header("Bearer s3cret")),
        client.get("/api", **with_header("s3cret s3cret")),
    ]
    assert {answer.status_code for answer in answers} == {400, 401}
    told = "".join(f"{answer.headers}{answer.text}" for answer in answers) + caplog.text
    assert "s3cret" not in told


def test_listeners_hear_of_every_refusal(service, client):
    heard = []

    def hear(app, *, error, request_id):
        heard.append((error.code, len(request_id)))

    with access_token_rejected.connected_to(hear, sender=service):
        client.get("/api")
        service.extensions["fails"] = TokenRevokedError("used twice")
        client.get("/api")
    assert heard == [("access_token", 16), ("token_revoked", 16)]
