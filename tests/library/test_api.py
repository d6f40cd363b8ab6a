"""Routes that need an access token, at a service that knows nothing of the issuer's extension."""

import secrets
from typing import ClassVar

import pytest
from flask import Blueprint, Flask, request
from flask.views import MethodView
from sqlalchemy import create_engine

from flask_handoff import (
    HANDOFF,
    OIDC,
    ConfigurationError,
    HandoffAPI,
    HandoffReceiver,
    JWKSClient,
    MemoryReplayStore,
    SignedInUser,
    TokenMinter,
    access_token_rejected,
)
from flask_handoff.errors import (
    CodeStoreUnavailableError,
    JWKSUnavailableError,
    RevocationListUnavailableError,
    TokenRevokedError,
)
from flask_handoff.stores.sql import SQLRevocationList
from tests.library.revocation_service import Service
from tests.minimal_pair import (
    CALLBACK,
    ISSUER,
    RECEIVER,
    Browser,
    is_uniform_refusal,
    query_of,
)

READ, WRITE = "notes:read", "notes:write"
NO_CORS = {"Access-Control-Allow-Origin", "Access-Control-Allow-Headers"}


class Revocations:
    """What a service asks that can reach the issuer's store."""

    revoked = ""
    is_down = False

    def check_not_revoked(self, claims, _token):
        if self.is_down:
            raise CodeStoreUnavailableError("the database failed")
        if claims.jwt_id == self.revoked:
            raise TokenRevokedError("the token was revoked")


class NoKeys:
    """Keys that cannot be fetched."""

    def key(self, kid):
        self.ready()

    def ready(self):
        raise JWKSUnavailableError("the keys are out of reach")


def bare_app(**settings):
    app = Flask("service")
    app.secret_key = "of the tests, and of no use elsewhere"
    app.config.update(HANDOFF_ISSUER=ISSUER, HANDOFF_BASE_URL=RECEIVER, **settings)
    return app


@pytest.fixture
def revocations():
    return Revocations()


@pytest.fixture
def build(key_ring, clock, revocations):
    """Builds a service with two protected routes."""

    def build_service(keys=key_ring, **settings):
        app, api = bare_app(**settings), HandoffAPI()
        api.init_app(app, keys=keys, revocations=revocations, clock=clock)
        app.extensions["ran"] = ran = []

        @app.route("/notes", methods=["GET", "POST", "DELETE"])
        @api.require_token(scope=READ)
        def notes():
            ran.append("notes")
            claims = api.claims()
            return {"account": [claims.issuer, claims.subject], "client": claims.client_id}

        @app.get("/both")
        @api.require_token(scope=f"{READ} {WRITE}")
        def both():
            return "both", 200, {"Cache-Control": "private, max-age=60"}

        app.extensions["api"] = api
        return app

    return build_service


@pytest.fixture
def service(build):
    return build()


@pytest.fixture
def client(service):
    return service.test_client()


@pytest.fixture
def mint(key_ring, clock):
    """Mints an access token for this service, but for what is changed in it."""
    minter = TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock)

    def mint_token(scope=READ, **changed):
        asked = {
            "subject": "ada",
            "client_id": "reader",
            "audience": RECEIVER,
            "session_id": "a-session",
            "jwt_id": secrets.token_urlsafe(32),
            **changed,
        }
        return minter.mint_access(scope=frozenset(scope.split()), **asked)

    return mint_token


def ask(client, token, path="/notes", method="GET", **options):
    headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
    return client.open(path, method=method, headers=headers, **options)


def is_refused(answer, status=401, error="invalid_token"):
    """Tell whether an answer is a refusal for programs, of this status and with this error."""
    challenge = answer.headers.get("WWW-Authenticate", "")
    return (
        (answer.status_code, answer.mimetype) == (status, "application/problem+json")
        and (answer.json["status"], answer.json.get("error")) == (status, error)
        and answer.json.keys() >= {"title", "detail", "request_id"}
        and challenge.startswith(f'Bearer realm="{RECEIVER}"')
        and (f'error="{error}"' in challenge) == (error is not None)
        and answer.headers["Cache-Control"] == "no-store"
    )


def test_an_async_view_runs_as_it_would_without_a_token(service, mint, in_another_thread):
    async def later():
        return {"account": service.extensions["api"].claims().subject}

    protected = service.extensions["api"].require_token(scope=READ)(later)
    service.add_url_rule("/later", view_func=protected)
    client = service.test_client()
    assert in_another_thread(ask, client, mint(), "/later").json == {"account": "ada"}
    assert is_refused(ask(client, mint(scope=WRITE), "/later"), 403, "insufficient_scope")


def test_a_token_with_the_scope_lets_the_view_run(client, mint):
    answer = ask(client, mint())
    assert answer.status_code == 200
    assert answer.json == {"account": [ISSUER, "ada"], "client": "reader"}
    assert "Set-Cookie" not in answer.headers


def test_without_a_token_the_view_does_not_run(service, client):
    answer = client.get("/notes")
    assert is_refused(answer, error=None)
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="{RECEIVER}"'
    assert service.extensions["ran"] == []


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_cookie_takes_no_tokens_place(service, client, method):
    with client.session_transaction() as held:
        held["subject"] = "ada"
    client.set_cookie("access_token", "x")
    assert is_refused(client.open("/notes", method=method), error=None)
    assert service.extensions["ran"] == []


@pytest.mark.parametrize("scope", ["", WRITE, "NOTES:READ", "notes:rea", "openid notes:reader"])
def test_a_scope_that_is_too_small_is_forbidden(client, mint, scope):
    answer = ask(client, mint(scope))
    assert is_refused(answer, 403, "insufficient_scope")
    assert answer.json["scope"] == READ
    assert answer.headers["WWW-Authenticate"].endswith(f'scope="{READ}"')


def test_of_several_scopes_all_are_needed(client, mint):
    assert ask(client, mint(f"{WRITE} {READ} more"), "/both").status_code == 200
    for scope in (READ, WRITE):
        answer = ask(client, mint(scope), "/both")
        assert is_refused(answer, 403, "insufficient_scope")
        assert answer.json["scope"] == f"{READ} {WRITE}"


@pytest.mark.parametrize(
    "sent",
    [
        {"headers": {"Authorization": "Bearer x y"}},
        {"headers": {"Authorization": "Bearer"}},
        {"query_string": {"access_token": "x"}},
        {"headers": {"Authorization": "Bearer x"}, "query_string": {"access_token": "x"}},
    ],
    ids=["two words", "no token", "in the query", "in two ways"],
)
def test_what_is_no_request_with_a_token_is_malformed(client, sent):
    assert is_refused(client.get("/notes", **sent), 400, "invalid_request")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_may_be_written_in_any_case(client, mint, scheme):
    headers = {"Authorization": f"{scheme} {mint()}"}
    assert client.get("/notes", headers=headers).status_code == 200


def test_a_posted_form_may_hold_the_token(client, mint):
    assert client.post("/notes", data={"access_token": mint()}).status_code == 200


def test_a_view_reads_a_posted_form_as_it_came(service, client, mint):
    @service.post("/signed")
    @service.extensions["api"].require_token(scope=READ)
    def signed():
        return request.get_data()

    assert ask(client, mint(), "/signed", "POST", data={"b": "2"}).data == b"b=2"


@pytest.mark.parametrize("audience", [ISSUER, f"{RECEIVER}/", "http://127.0.0.1:5003", "notes"])
def test_a_token_for_somebody_else_is_refused(client, mint, audience, caplog):
    assert is_refused(ask(client, mint(audience=audience)))
    assert "access token rejected: code=token_claim check=audience claim=aud" in caplog.text


@pytest.mark.parametrize("kind", ["handoff", "ID Token", "logout token"])
def test_another_kind_of_token_lets_no_program_in(client, key_ring, clock, kind, caplog):
    minter = TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock)
    if kind == "logout token":
        token = minter.mint_logout(audience=RECEIVER, ended_at=clock(), subject="ada")
    else:
        token = minter.mint(
            HANDOFF if kind == "handoff" else OIDC,
            SignedInUser("ada", "a-session", clock()),
            audience=RECEIVER,
            nonce="n" * 43,
            scope=frozenset({"openid", READ}),
        )
    assert is_refused(ask(client, token))
    assert "access token rejected: code=token_malformed check=header" in caplog.text


def test_an_access_token_of_a_service_opens_no_session(build_receiver, mint, store):
    browser = Browser.at_receiver(build_receiver())
    asked = query_of(browser.begin())
    token = mint(audience="notes")
    answer = browser.get(f"{CALLBACK}?id_token={token}&state={asked['state']}&iss={ISSUER}")
    assert is_uniform_refusal(answer)
    assert store.claimed == []


def test_every_fault_of_a_token_looks_the_same(client, mint, clock):
    late = mint()
    clock.tick(seconds=605)
    good = mint()
    signed_by_nobody = f"{good[:-4]}{'AAAA' if good[-4:] != 'AAAA' else 'BBBB'}"
    answers = [ask(client, token) for token in (late, signed_by_nobody, "x", "a.b.c")]
    assert all(map(is_refused, answers))
    for answer in answers:
        reference = answer.json["request_id"]
        assert answer.json["detail"] == f"Refused. The log of this server says why: {reference}"


@pytest.mark.parametrize("leeway", [0, 5, 60])
def test_an_access_token_has_the_leeway_of_the_setting(build, mint, clock, leeway):
    client = build(HANDOFF_LEEWAY=str(leeway)).test_client()
    token = mint()
    clock.tick(minutes=10, seconds=leeway - 1)
    assert ask(client, token).status_code == 200
    clock.tick(seconds=1)
    assert is_refused(ask(client, token))


def test_a_revoked_token_is_refused(client, mint, revocations):
    token = mint(jwt_id="j" * 43)
    assert ask(client, token).status_code == 200
    revocations.revoked = "j" * 43
    assert is_refused(ask(client, token))


def is_unavailable(answer):
    return (
        (answer.status_code, answer.mimetype) == (503, "application/problem+json")
        and answer.headers["Retry-After"] == "5"
        and answer.json["error"] == "temporarily_unavailable"
        and "WWW-Authenticate" not in answer.headers
    )


def test_a_store_out_of_reach_lets_nobody_in(client, mint, revocations):
    revocations.is_down = True
    assert is_unavailable(ask(client, mint()))


def test_without_any_key_nobody_is_let_in(build, mint):
    app = build(keys=NoKeys())
    assert is_unavailable(ask(app.test_client(), mint()))
    with app.app_context(), pytest.raises(JWKSUnavailableError):
        app.extensions["api"].check_ready()


def test_a_service_with_keys_is_ready(service):
    with service.app_context():
        service.extensions["api"].check_ready()


def test_a_service_that_cannot_note_a_revocation_is_not_ready(key_ring, clock, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'api.sqlite3'}")
    entries = SQLRevocationList(engine)
    service = Service(key_ring, clock, entries, HANDOFF_REVOCATION="blocklist").app
    check = service.extensions["api"].check_ready
    with service.app_context():
        with pytest.raises(RevocationListUnavailableError):
            check()
        entries.create_tables()
        check()
    engine.dispose()


def test_who_counts_refusals_hears_of_each(service, client):
    heard = []

    def hear(app, *, error, request_id):
        heard.append((app, error.code, request_id))

    with access_token_rejected.connected_to(hear):
        answer = client.get("/notes")
    assert heard == [(service, "access_token", answer.json["request_id"])]


def test_head_answers_as_get_does_without_a_body(client, mint):
    answer = ask(client, mint(), method="HEAD")
    assert (answer.status_code, answer.data) == (200, b"")
    assert client.head("/notes").status_code == 401


def test_options_tells_the_methods_and_runs_nothing(service, client):
    answer = client.options("/notes")
    assert answer.status_code == 200
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}
    assert service.extensions["ran"] == []


def test_a_script_of_another_site_may_read_nothing(client, mint):
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    answers = [
        client.options("/notes", headers=headers),
        client.get("/notes", headers=headers),
        ask(client, mint(), headers=headers),
    ]
    assert not any(NO_CORS & set(answer.headers.keys()) for answer in answers)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": b"x" * 16_385}, 413),
        ({"data": b"x" * 16_384}, 200),
        ({"headers": {"Transfer-Encoding": "chunked"}}, 411),
    ],
    ids=["too large", "as large as may be", "of unknown length"],
)
def test_a_body_is_bounded(client, mint, sent, status):
    assert ask(client, mint(), method="POST", **sent).status_code == status


def test_an_application_may_take_larger_bodies(build, mint):
    client = build(MAX_CONTENT_LENGTH=20_000).test_client()
    assert ask(client, mint(), method="POST", data=b"x" * 20_000).status_code == 200
    assert ask(client, mint(), method="POST", data=b"x" * 20_001).status_code == 413


def test_an_answer_is_kept_out_of_caches_unless_it_says_otherwise(client, mint):
    assert ask(client, mint()).headers["Cache-Control"] == "no-store"
    both = ask(client, mint(f"{READ} {WRITE}"), "/both")
    assert both.headers["Cache-Control"] == "private, max-age=60"


def test_a_decorator_above_the_route_lets_nobody_in(mint):
    app, api, ran = bare_app(), HandoffAPI(), []
    api.init_app(app, keys=NoKeys())

    @api.require_token(scope=READ)
    @app.get("/notes")
    def notes():
        ran.append("notes")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.add_url_rule("/healthz", view_func=lambda: "ok", endpoint="healthz")
    for path in ("/notes", "/healthz", "/notes"):
        assert ask(app.test_client(), mint(), path).status_code == 500
    app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(RuntimeError, match="notes: put require_token below the route"):
        app.test_client().get("/notes")
    assert ran == []


def test_a_view_of_a_blueprint_or_a_class_is_protected(key_ring, clock, mint):
    app, api = bare_app(), HandoffAPI()
    api.init_app(app, keys=key_ring, clock=clock)
    blueprint = Blueprint("inner", __name__)

    @blueprint.get("/plain/<name>")
    @api.require_token(scope=READ)
    def plain(name):
        return name

    class OfAClass(MethodView):
        decorators: ClassVar = [api.require_token(scope=READ)]

        def get(self, name):
            return name

    blueprint.add_url_rule("/class/<name>", view_func=OfAClass.as_view("of_a_class"))
    app.register_blueprint(blueprint)
    client = app.test_client()
    for path in ("/plain/x", "/class/x"):
        assert is_refused(client.get(path), error=None)
        assert ask(client, mint(), path).text == "x"


@pytest.mark.parametrize("scope", ["", " ", "a  b", " a", "a\n", 'a"b', "é", "x" * 65])
def test_a_scope_that_no_token_can_hold_is_an_error(scope):
    with pytest.raises(ValueError, match="scope: expected values"):
        HandoffAPI().require_token(scope=scope)


def test_a_route_without_protection_has_no_claims(service):
    with (
        service.test_request_context("/notes"),
        pytest.raises(RuntimeError, match="not protected by require_token"),
    ):
        service.extensions["api"].claims()


def test_the_claims_of_one_request_are_not_anothers(client, mint):
    assert ask(client, mint(subject="ada")).json["account"] == [ISSUER, "ada"]
    assert ask(client, mint(subject="grace")).json["account"] == [ISSUER, "grace"]
    assert client.get("/notes").status_code == 401


@pytest.mark.parametrize("missing", ["HANDOFF_ISSUER", "HANDOFF_BASE_URL"])
def test_a_setting_that_is_missing_stops_the_start(missing):
    app = bare_app()
    del app.config[missing]
    with pytest.raises(ConfigurationError, match=f"{missing} is not set"):
        HandoffAPI().init_app(app)


def keys_of_receiver(app):
    return app.extensions["handoff_receiver"].verifier.keys


def keys_of_api(app):
    return app.extensions["handoff_api"].verifier.keys


@pytest.mark.parametrize("first", ["api", "receiver"])
def test_a_receiver_in_the_same_application_shares_its_keys(first):
    app = bare_app(HANDOFF_CLIENT_ID="notes")
    receiver = HandoffReceiver(sign_in=lambda _: "", live_session=lambda: None)
    begin = [
        lambda: HandoffAPI().init_app(app),
        lambda: receiver.init_app(app, replay_store=MemoryReplayStore()),
    ]
    for init in begin if first == "api" else reversed(begin):
        init()
    assert isinstance(keys_of_api(app), JWKSClient)
    assert keys_of_api(app) is keys_of_receiver(app)


def test_keys_that_an_application_brings_are_shared(key_ring):
    app = bare_app(HANDOFF_CLIENT_ID="notes")
    receiver = HandoffReceiver(sign_in=lambda _: "", live_session=lambda: None)
    receiver.init_app(app, replay_store=MemoryReplayStore(), keys=key_ring)
    HandoffAPI().init_app(app)
    assert keys_of_api(app) is key_ring


def test_keys_of_another_issuer_are_not_shared(key_ring):
    app = bare_app(HANDOFF_CLIENT_ID="notes")
    receiver = HandoffReceiver(sign_in=lambda _: "", live_session=lambda: None)
    receiver.init_app(app, replay_store=MemoryReplayStore(), keys=key_ring)
    app.config["HANDOFF_ISSUER"] = "https://another.example"
    HandoffAPI().init_app(app)
    assert keys_of_api(app) is not key_ring
