"""Applications that do not lie at the root of their host, and endpoints that lie elsewhere."""

import pytest
from flask import Flask
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_handoff import HandoffIssuer, HandoffReceiver
from flask_handoff.errors import ConfigurationError
from tests.minimal_pair import (
    CLIENT,
    ISSUER,
    RECEIVER,
    Browser,
    Form,
    landed_at,
    query_of,
)

AUTH, APP = f"{ISSUER}/auth", f"{RECEIVER}/app"
REGISTERED = {
    **CLIENT,
    "redirect_uris": [f"{APP}/sso/callback"],
    "initiate_login_uri": f"{APP}/sso/login",
    "post_logout_redirect_uris": [f"{APP}/bye"],
}


def mounted(app, path):
    """Mount an application as a dispatcher of several does."""
    app.wsgi_app = DispatcherMiddleware(NotFound(), {path: app.wsgi_app})
    return app


def behind_proxy(app, path):
    """Put a proxy in front that takes the path away, and says so."""
    inner = ProxyFix(app.wsgi_app, x_prefix=1)

    def proxy(environ, start_response):
        outer = environ["PATH_INFO"]
        if not outer.startswith(f"{path}/"):
            return NotFound()(environ, start_response)
        told = {"PATH_INFO": outer.removeprefix(path), "HTTP_X_FORWARDED_PREFIX": path}
        return inner({**environ, **told}, start_response)

    app.wsgi_app = proxy
    return app


@pytest.fixture(params=[mounted, behind_proxy])
def browser(request, build_issuer, build_receiver):
    """A browser before both, each below a path of its own."""
    issuer = build_issuer(HANDOFF_ISSUER=AUTH, HANDOFF_CLIENTS=[REGISTERED], ends_sessions=True)
    receiver = build_receiver(
        HANDOFF_ISSUER=AUTH, HANDOFF_BASE_URL=APP, HANDOFF_RESPONSE_MODE="form_post"
    )
    return Browser(request.param(issuer, "/auth"), request.param(receiver, "/app"))


def test_a_handoff_goes_all_the_way_below_paths(browser, caplog):
    begun = browser.get(f"{APP}/sso/login?target_link_uri=/app/notes?page=2").location
    assert query_of(begun)["redirect_uri"] == f"{APP}/sso/callback"
    asked = browser.get(begun)
    assert asked.location.startswith("/auth/login?continue=")
    signed_in = browser.post(f"{AUTH}/login", {**query_of(asked.location), "subject": "ada"})
    assert signed_in.location.startswith("/auth/authorize?continue=")
    landed = browser.follow(browser.get(ISSUER + signed_in.location))
    assert landed_at(landed) == "/app/notes?page=2"
    assert browser.get(f"{APP}/me").text == "ada"
    assert browser.attempts() == {}
    assert caplog.messages == []


def test_the_metadata_names_what_is_found_below_the_path(browser):
    told = browser.get(f"{AUTH}/.well-known/openid-configuration").json
    assert told["issuer"] == AUTH
    assert told["authorization_endpoint"] == f"{AUTH}/authorize"
    assert told["end_session_endpoint"] == f"{AUTH}/end-session"
    assert browser.get(told["jwks_uri"]).json["keys"]


def test_a_logout_comes_back_below_the_path(browser):
    receiver = browser.apps[RECEIVER]
    with receiver.test_request_context(base_url=APP):
        leads = [
            receiver.extensions["handoff"].logout_url(return_to=to) for to in ("/bye", "/app/bye")
        ]
    assert leads[0] == leads[1]
    assert leads[0].startswith(f"{AUTH}/end-session?")
    assert browser.get(leads[0]).location == f"{APP}/bye"


def test_an_error_page_leads_home_below_the_path(browser):
    for address in (f"{AUTH}/authorize?client_id=x", f"{APP}/sso/callback?error=x"):
        assert '<a href="/a' in browser.get(address).text
        assert 'href="/"' not in browser.get(address).text


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/app/notes", "/app/notes"),
        ("/notes", "/app/notes"),
        ("/application", "/app/application"),
        (f"{APP}/notes", "/app/notes"),
        (f"{APP}/app/x", "/app/app/x"),
        (APP, "/app/"),
        ("/app", "/app"),
        ("/app?x=1", "/app?x=1"),
        (f"{RECEIVER}/notes", "/app/home"),
        (f"{APP}.evil.example/", "/app/home"),
        ("/app/sso/login", "/app/home"),
        ("/sso/login", "/app/home"),
        ("/app/logout", "/app/home"),
        ("/logout", "/app/home"),
        ("/app/../other", "/app/home"),
        (None, "/app/home"),
    ],
)
def test_a_target_lies_below_the_path(build_receiver, build_issuer, target, lands):
    receiver = build_receiver(
        HANDOFF_ISSUER=AUTH, HANDOFF_BASE_URL=APP, HANDOFF_DEFAULT_TARGET="/home"
    )
    issuer = build_issuer(HANDOFF_ISSUER=AUTH, HANDOFF_CLIENTS=[REGISTERED])
    browser = Browser(mounted(issuer, "/auth"), mounted(receiver, "/app"))
    browser.post(f"{AUTH}/login", {"subject": "ada"})
    with receiver.test_request_context(base_url=APP):
        begin = receiver.extensions["handoff"].login_url(target)
    assert browser.follow(browser.get(browser.get(RECEIVER + begin).location)).location == lands


@pytest.mark.parametrize("side", ["issuer", "receiver"])
def test_a_path_that_the_settings_do_not_know_is_logged_once(
    build_issuer, build_receiver, side, caplog
):
    build = build_issuer if side == "issuer" else build_receiver
    client = build(HANDOFF_ISSUER=AUTH, HANDOFF_BASE_URL=APP).test_client()
    path, base_url = {"issuer": ("/authorize", ISSUER), "receiver": ("/sso/login", RECEIVER)}[side]
    for _ in range(2):
        client.get(path, base_url=base_url)
    lines = [line for line in caplog.messages if "path unexpected" in line]
    mount = {"issuer": "/auth", "receiver": "/app"}[side]
    assert len(lines) == 1
    assert f"at {mount} by its settings, and at '/' by this request" in lines[0]
    assert f"proxy_set_header X-Forwarded-Prefix {mount};" in lines[0]


# The endpoints' prefix.


def test_the_endpoints_lie_below_another_prefix(build_issuer, build_receiver):
    client = {**CLIENT, "redirect_uris": [f"{RECEIVER}/arrive/callback"]}
    issuer = build_issuer(HANDOFF_CLIENTS=[client], HANDOFF_URL_PREFIX="/oidc")
    receiver = build_receiver(
        HANDOFF_URL_PREFIX="/arrive",
        HANDOFF_AUTHORIZATION_ENDPOINT=f"{ISSUER}/oidc/authorize",
        HANDOFF_RESPONSE_MODE="form_post",
    )
    browser = Browser(issuer, receiver)
    browser.sign_in()
    told = browser.get(f"{ISSUER}/.well-known/openid-configuration").json
    assert told["authorization_endpoint"] == f"{ISSUER}/oidc/authorize"
    begun = browser.get(f"{RECEIVER}/arrive/login?target_link_uri=/sso/mine").location
    page = browser.get(begun)
    assert Form(page.text).action == f"{RECEIVER}/arrive/callback"
    assert landed_at(browser.follow(page)) == "/sso/mine"


def test_an_issuer_that_ends_with_the_prefix_has_its_metadata_below_it(build_issuer):
    app = build_issuer(HANDOFF_ISSUER=AUTH, HANDOFF_URL_PREFIX="/auth")
    client = app.test_client()
    told = client.get("/auth/.well-known/openid-configuration", base_url=ISSUER).json
    assert told["authorization_endpoint"] == f"{AUTH}/authorize"
    assert client.get("/auth/.well-known/jwks.json", base_url=ISSUER).json["keys"]
    assert client.get("/auth/authorize", base_url=ISSUER).status_code == 400
    assert client.get("/authorize", base_url=ISSUER).status_code == 404


def test_a_slash_alone_stands_for_no_prefix(build_receiver):
    app = build_receiver(HANDOFF_URL_PREFIX="/")
    answer = app.test_client().get("/login?target_link_uri=/callback", base_url=RECEIVER)
    assert query_of(answer.location)["redirect_uri"] == f"{RECEIVER}/callback"


# What the application has already.


def taken(app, rule, endpoint="mine", methods=("GET", "POST")):
    app.add_url_rule(rule, endpoint, lambda **_: "mine", methods=methods)


@pytest.fixture
def init_receiver(key_ring, store, clock):
    """Puts a receiver into an application that is there already."""

    def init(app):
        app.config.update(
            HANDOFF_ISSUER=ISSUER, HANDOFF_BASE_URL=RECEIVER, HANDOFF_CLIENT_ID="notes"
        )
        receiver = HandoffReceiver(sign_in=lambda arrival: "handle", live_session=lambda: None)
        receiver.init_app(app, replay_store=store, keys=key_ring, clock=clock)

    return init


def test_a_url_that_the_application_has_is_refused_at_start(init_receiver):
    app = Flask("taken")
    taken(app, "/sso/login")
    with pytest.raises(ConfigurationError, match="has /sso/login already: its endpoint is mine"):
        init_receiver(app)


@pytest.mark.parametrize(
    ("rule", "methods"),
    [("/sso/<path:rest>", ("GET",)), ("/sso/finish", ("GET",)), ("/sso/login/", ("GET",))],
)
def test_a_url_that_is_another_one_is_left_alone(init_receiver, rule, methods):
    app = Flask("free")
    taken(app, rule, methods=methods)
    init_receiver(app)
    assert app.test_client().get("/sso/login", base_url=RECEIVER).status_code == 303


def test_an_endpoint_or_a_blueprint_of_ours_is_refused_at_start(init_receiver):
    app = Flask("taken")
    taken(app, "/mine", "handoff_receiver.login")
    with pytest.raises(ConfigurationError, match="endpoints named handoff_receiver already"):
        init_receiver(app)
    app = Flask("twice")
    init_receiver(app)
    with pytest.raises(ConfigurationError, match="Call init_app once"):
        init_receiver(app)


def test_a_url_that_the_application_gets_later_is_refused_too(init_receiver):
    app = Flask("later")
    app.testing = True
    init_receiver(app)
    taken(app, "/sso/login", methods=["POST"])
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="has /sso/login already"):
            app.test_client().get("/")


@pytest.fixture
def init_issuer(key_ring, clock):
    """Makes an application with an issuer, whose pages have these endpoints."""

    def init(**pages):
        app = Flask("pages")
        app.testing = True
        app.config.update(SECRET_KEY="of a test", HANDOFF_ISSUER=ISSUER, HANDOFF_CLIENTS=[CLIENT])
        issuer = HandoffIssuer(
            signed_in_user=lambda: None,
            granted_scope=lambda user, client, scope: scope,
            consented_at=lambda user, client, scope: None,
            end_session=lambda client: None,
            **{f"{name}_endpoint": "mine" for name in ("login", "consent", "logout")} | pages,
        )
        issuer.init_app(app, keys=key_ring, clock=clock)
        return app

    return init


@pytest.mark.parametrize("argument", ["login_endpoint", "consent_endpoint", "logout_endpoint"])
@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        ("nowhere", "no page with the endpoint 'nowhere'"),
        (".mine", "no page with the endpoint '.mine'"),
        ("posted", "no page with the endpoint 'posted'"),
        ("part", "has a part that has to be filled in"),
    ],
)
def test_a_page_that_there_is_not_is_named_at_the_first_request(
    init_issuer, argument, endpoint, told
):
    app = init_issuer(**{argument: endpoint})
    taken(app, "/mine")
    taken(app, "/posted", "posted", methods=["POST"])
    taken(app, "/<part>", "part")
    with pytest.raises(ConfigurationError, match=f"{argument}: .*{told}"):
        app.test_client().get("/mine")


def test_a_page_whose_url_others_build_is_left_to_them(init_issuer):
    app = init_issuer(login_endpoint="elsewhere")
    taken(app, "/mine")
    app.url_build_error_handlers.append(lambda error, endpoint, values: f"/at/{endpoint}")
    assert app.test_client().get("/mine").status_code == 200
    app = init_issuer(login_endpoint="part")
    taken(app, "/mine")
    taken(app, "/<part>/login", "part")
    app.url_defaults(lambda endpoint, values: values.setdefault("part", "en"))
    assert app.test_client().get("/mine").status_code == 200
