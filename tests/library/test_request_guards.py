import io
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Blueprint, Flask, g, request, url_for
from flask.testing import EnvironBuilder
from werkzeug import test as werkzeug_test

from flask_handoff import HandoffReceiver
from flask_handoff.errors import ConfigurationError
from flask_handoff.web import answer_only_to, limit_bodies, request_id
from flask_handoff.web.parameters import unverified_parameters
from flask_handoff.web.request_guards import MAXIMUM_BODY, guard_endpoints
from tests.minimal_pair import ISSUER, RECEIVER, issuer_app

LOOPBACK = "http://127.0.0.1:5002"
PUBLIC = "https://notes.example.com"
FORM = "application/x-www-form-urlencoded"


def application(base_url=LOOPBACK, any_host=()):
    """An application that sets a cookie on every page, and shows the parameters it got."""
    app = Flask("request_guards")
    app.config["SECRET_KEY"] = "of a test"
    answer_only_to(app, base_url, any_host=any_host)

    @app.route("/<path:path>", methods=["GET", "POST"])
    def page(path):
        return unverified_parameters(), 200, {"Set-Cookie": "seen=1"}

    @app.get("/id")
    def identifier():
        return [request_id(), request_id()]

    return app


def ask(app, path="/page", host="127.0.0.1:5002", method="GET", data=None, **environ):
    """Send what no well-behaved client would, octet by octet."""
    # The test client itself would read the host as a URL; that of Werkzeug 3.0 stumbles over some.
    builder = EnvironBuilder(
        app, path, method=method, data=data, environ_overrides={"HTTP_HOST": host, **environ}
    )
    with closing(builder):
        sent = builder.get_request()
        answer = werkzeug_test.run_wsgi_app(app, sent.environ, buffered=True)
    return werkzeug_test.TestResponse(*answer, sent)


# The host.


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        (LOOPBACK, "127.0.0.1:5002"),
        (PUBLIC, "notes.example.com"),
        (PUBLIC, "NOTES.example.com"),
        (PUBLIC, "notes.example.com:443"),
        (f"{PUBLIC}:443", "notes.example.com"),
        ("http://localhost", "localhost:80"),
        ("http://[::1]:5002", "[::1]:5002"),
    ],
)
def test_our_own_host_is_answered(base_url, host):
    assert ask(application(base_url), host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example.com", "notes.example.com.evil.example", "notes.example.com:8443", ""),
        *("notes.example.com,evil.example", "notes.example.com, notes.example.com", "localhost"),
        *("evil@notes.example.com", "notes.example.com@evil", "notes.example.com.", "[", "::1"),
        *("notes.example.com:80", "notes.example.com\x00", "a b", "127.0.0.1", "\xdf"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_another_host_is_refused_before_any_cookie(host, method):
    answer = ask(application(PUBLIC), host=host, method=method)
    assert answer.status_code == 400
    assert not {"Location", "Set-Cookie"} & {*answer.headers.keys()}
    assert "evil" not in answer.text


def test_no_host_is_refused():
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/page", "SERVER_NAME": "notes.example.com"}
    environ |= {"SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.0", "wsgi.url_scheme": "https"}
    assert status_of(application(PUBLIC), environ) == "400 BAD REQUEST"


def status_of(app, environ):
    """Call an application as a WSGI server would, with exactly this environment."""
    statuses = []
    given = {"wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(), **environ}
    body = app.wsgi_app(given, lambda status, *_: statuses.append(status))
    list(body)
    body.close()
    return statuses[0]


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "Forwarded", "X-Host", "X-Original-Host"])
def test_no_other_header_names_the_host(header):
    app = application(PUBLIC)
    name = f"HTTP_{header.upper().replace('-', '_')}"
    ours = ask(app, host="notes.example.com", **{name: "evil.example.com"})
    theirs = ask(app, host="evil.example.com", **{name: "notes.example.com"})
    assert (ours.status_code, theirs.status_code) == (200, 400)


LOOPBACK_NAMES = (
    *("localhost:5002", "LOCALHOST:5002", "127.0.0.2:5002", "[::1]:5002", "notes.localhost:5002"),
)


@pytest.mark.parametrize("host", LOOPBACK_NAMES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_another_name_of_this_machine_is_led_to_the_base_url_without_a_cookie(host, method):
    answer = ask(application(), path="/a/b?c=%20d&e=/", host=host, method=method)
    assert (answer.status_code, answer.location) == (303, f"{LOOPBACK}/a/b?c=%20d&e=/")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("host", LOOPBACK_NAMES)
def test_a_form_is_not_led_elsewhere(host):
    assert ask(application(), host=host, method="POST").status_code == 400


# What a proxy sends that was told nothing: the address of what it stands in front of.
@pytest.mark.parametrize("host", ["127.0.0.1:6302", "localhost", "127.0.0.1:80", "[::1]:8000"])
@pytest.mark.parametrize("base_url", [LOOPBACK, "http://localhost:8080", PUBLIC])
def test_another_port_is_refused_where_a_redirect_would_loop(base_url, host, caplog):
    answer = ask(application(base_url), host=host)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    (line,) = caplog.messages
    expected = base_url.partition("//")[2]
    assert line.startswith(f"host refused: host={host!r} expected={expected} request_id=")
    assert "proxy_set_header Host $http_host;" in line
    assert "ProxyPreserveHost On" in line


@pytest.mark.parametrize("host", ["evil\x1b[31m\r\nforged: line", "\xdf" * 5000])
def test_a_host_in_the_log_is_escaped_and_bounded(host, caplog):
    assert ask(application(PUBLIC), host=host).status_code == 400
    (line,) = caplog.messages
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 800


def test_what_is_no_host_is_cut_out_of_the_log(caplog):
    secret = "s" * 20 + "0-_X" * 3  # beside the host's own header, as some servers join two
    assert ask(application(PUBLIC), host=f"notes.example.com,{secret}").status_code == 400
    (line,) = caplog.messages
    assert line.startswith("host refused: host='notes.example.com,(cut)' ")


def test_what_flask_s_own_list_refuses_is_logged_too(caplog):
    app = Flask("trusting")
    app.config["TRUSTED_HOSTS"] = ["notes.example.com"]
    guarded_endpoints(app)
    assert ask(app, path="/sso/login", host="127.0.0.1:6302").status_code == 400
    assert "host='127.0.0.1:6302' expected=notes.example.com" in caplog.text


@pytest.mark.parametrize(
    "host",
    [
        *("localhost.evil.example", "127.0.0.1.evil.example", "evil.example", "notlocalhost", ""),
        *("2130706433", "0x7f.1", "127.1", "[::1", "[::1]:port", "localhost:99999"),
        *("evil@127.0.0.1", "u:p@localhost:5002", "@localhost", "localhost:5002/a", "localhost?x"),
        *("localhost#x", "127.0.0.1\t:5002", "<b>.localhost", "[::1%25lo]:5002", "localhost:-1"),
        *("localhost:+1", "localhost:1_0", "[localhost]", "localhost.", "localhost\n"),
        "é.localhost",
    ],
    ids=ascii,
)
def test_a_name_that_only_looks_like_this_machine_is_refused(host):
    assert ask(application(), host=host).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        *("//evil.example.com", "/\\evil.example.com", "/%0d%0aSet-Cookie:%20a=b", "/%00"),
        *("/\xff\xfe", "/%ff", "/a%2fb", "/?", "/?%0d%0aa:b", "/?a=\x7f", "/ä"),
    ],
    ids=ascii,
)
def test_whatever_the_path_is_the_way_leads_to_the_base_url(path):
    answer = ask(application(), path=path, host="localhost:5002")
    assert answer.status_code == 303
    assert answer.location.startswith(f"{LOOPBACK}/")
    assert answer.location.isascii()
    assert answer.location.isprintable()
    assert "Set-Cookie" not in answer.headers


def guarded_endpoints(app, internal_hosts=("server2:5002", "server2")):
    """Add two endpoints of an extension's kind, one of them for machines."""
    blueprint = Blueprint("handoff", __name__, url_prefix="/sso")
    for name in ("login", "revocations"):
        blueprint.add_url_rule(f"/{name}", name, unverified_parameters, methods=["GET", "POST"])
    app.register_blueprint(blueprint)
    guard_endpoints(app, "handoff", PUBLIC, internal_hosts, ["revocations"])


@pytest.mark.parametrize("guards_all", [True, False])
@pytest.mark.parametrize("host", ["server2:5002", "SERVER2", "server2"])
def test_an_internal_name_reaches_what_machines_ask_for_and_nothing_else(guards_all, host):
    app = application(PUBLIC) if guards_all else Flask("unguarded")
    guarded_endpoints(app)
    answers = {
        path: ask(app, path=path, host=host).status_code
        for path in ("/sso/revocations", "/sso/login", "/sso/revocations/x", "//healthz/../page")
    }
    elsewhere = 400 if guards_all else 404
    assert [*answers.values()] == [200, 400, elsewhere, elsewhere]


def test_an_internal_name_has_to_be_listed():
    app = application(PUBLIC)
    guarded_endpoints(app)
    assert ask(app, "/sso/revocations", host="server3").status_code == 400


@pytest.mark.parametrize("host", ["10.0.0.7:5002", "server2", "notes.example.com:5002"])
def test_a_supervisor_asks_by_whatever_host_it_likes(host):
    app = application(PUBLIC, any_host=["/healthz"])
    statuses = {path: ask(app, path, host=host).status_code for path in ("/healthz", "/healthzz")}
    assert statuses == {"/healthz": 200, "/healthzz": 400}


def test_an_unknown_page_of_another_host_is_refused_and_not_looked_for():
    assert ask(application(PUBLIC), path="/", host="evil.example.com").status_code == 400


def test_the_host_is_checked_before_the_application_s_own_guards():
    app = Flask("late")
    asked = []
    app.before_request(lambda: asked.append("application"))
    answer_only_to(app, PUBLIC)
    assert ask(app, host="evil.example.com").status_code == 400
    assert asked == []


def test_one_application_has_one_base_url():
    app = application(PUBLIC)
    answer_only_to(app, PUBLIC)
    guarded_endpoints(app)
    with pytest.raises(ConfigurationError, match="cannot be both"):
        answer_only_to(app, LOOPBACK)
    with pytest.raises(ConfigurationError, match="cannot be both"):
        guard_endpoints(app, "another", LOOPBACK, ())


# An application with an extension in it.


@pytest.fixture(params=["issuer", "receiver"])
def side(request):
    return request.param


@pytest.fixture
def host_application(side, build_issuer, build_receiver):
    """An application of somebody's that has taken in an extension, and the extension's endpoint."""
    secure = {"HANDOFF_ISSUER": PUBLIC, "HANDOFF_BASE_URL": PUBLIC}
    if side == "issuer":
        app, path = build_issuer(HANDOFF_ISSUER=PUBLIC), "/authorize"
    else:
        app, path = build_receiver(**secure), "/sso/login"

    @app.route("/own/<path:path>", methods=["GET", "POST"])
    def own(path):
        data = request.get_data()
        return {"host": request.host, "octets": len(data), "path": request.environ["PATH_INFO"]}

    return app, path


ODD: dict[str, dict[str, Any]] = {
    "another host": {"host": "10.0.0.7:9100"},
    "another name of this machine": {"host": "localhost"},
    "two slashes": {"PATH_INFO": "//own/page"},
    "a query that is no text": {"QUERY_STRING": "a=\xff"},
    "a large body": {"method": "POST", "data": b"x" * 20_000},
}


@pytest.mark.parametrize("odd", ODD)
def test_the_rest_of_an_application_is_left_as_it_is(host_application, odd):
    app, _ = host_application
    answer = ask(app, path="/own/page", **{"host": "notes.example.com", **ODD[odd]})
    assert answer.status_code == 200
    assert answer.json["octets"] == len(ODD[odd].get("data", b""))


@pytest.mark.parametrize("odd", [each for each in ODD if each != "a large body"])
def test_an_extension_s_own_endpoints_are_guarded(host_application, odd):
    app, path = host_application
    asked = {"host": "notes.example.com", **ODD[odd]}
    if "PATH_INFO" in asked:
        asked["PATH_INFO"] = f"/{path}"
    assert ask(app, path=path, **asked).status_code in (400, 404)


def test_an_extension_changes_no_setting_of_flask(build_issuer, build_receiver):
    usual = Flask("usual").config
    for app in (build_issuer(), build_receiver()):
        changed = {name for name in usual if app.config[name] != usual[name]}
        assert changed == {"SECRET_KEY"}


def test_one_application_is_issuer_and_receiver(key_ring, clock, store):
    app = issuer_app(key_ring, clock, HANDOFF_BASE_URL=RECEIVER, HANDOFF_CLIENT_ID="notes")
    receiver = HandoffReceiver(sign_in=lambda arrival: "a handle", live_session=lambda: None)
    receiver.init_app(app, replay_store=store, keys=key_ring, clock=clock)
    assert ask(app, "/.well-known/jwks.json", host=ISSUER.partition("//")[2]).status_code == 200
    assert ask(app, "/sso/login", host=RECEIVER.partition("//")[2]).status_code == 303


# The path.


@pytest.mark.parametrize("path", ["//page", "///page", "//"])
def test_a_path_that_begins_with_two_slashes_is_no_page(path):
    # Nor is it led to another spelling: a proxy's rule for "/page" has not seen this one.
    answer = ask(application(), PATH_INFO=path)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (404, False)


# The query.


@pytest.mark.parametrize("octets", ["a=\xff", "\xc3", "id_token=\xed\xa0\x80"], ids=ascii)
def test_a_query_that_is_no_text_is_a_bad_request(octets):
    assert ask(application(), QUERY_STRING=octets).status_code == 400


@pytest.mark.parametrize("octets", ["a=%ff", "a=%ed%a0%80", "a=\xc3\xa4", "%", "a=%zz", "=", "&&"])
def test_any_other_query_is_read(octets):
    assert ask(application(), QUERY_STRING=octets).status_code == 200


@pytest.mark.parametrize("cookie", ["a=\xff", "\xff", "=", ";;;", 'a="\\377"', "\x00"], ids=ascii)
def test_no_cookie_is_an_error_of_ours(browser, cookie):
    for path in ("/sso/login", "/sso/callback?id_token=a&iss=b&state=" + "s" * 43):
        answer = browser.get(RECEIVER + path, headers={"Cookie": cookie}, sends_cookies=False)
        assert answer.status_code < 500


@pytest.mark.parametrize(
    "host", ["\xdf.example.com", "xn--\xff", "a" * 64 + ".example.com"], ids=ascii
)
def test_a_host_for_which_no_url_can_be_built_is_a_bad_request(host):
    app = application(PUBLIC)
    app.register_error_handler(400, lambda _: (f"Go to {url_for('identifier')}", 400))
    assert ask(app, host=host).status_code == 400


@pytest.mark.parametrize("header", ["IF_MODIFIED_SINCE", "IF_UNMODIFIED_SINCE", "IF_RANGE"])
@pytest.mark.parametrize("date", ["Sun, 06 Nov 99999999999999999999 08:49:37 GMT", "x", "\xff", ""])
def test_an_impossible_date_counts_as_no_date(header, date):
    app = application()

    @app.get("/dated")
    def dated():
        response = app.make_response("as it stands")
        response.last_modified = datetime(2026, 1, 1, tzinfo=UTC)
        return response.make_conditional(request, accept_ranges=True, complete_length=12)

    answer = ask(app, path="/dated", **{f"HTTP_{header}": date, "HTTP_RANGE": "bytes=0-1"})
    assert answer.status_code in (200, 206)


# Parameters.


def post(app, body, *, content_type=FORM, path="/page", **environ):
    return app.test_client().post(
        path, base_url=LOOPBACK, data=body, content_type=content_type, environ_overrides=environ
    )


def test_every_value_of_a_parameter_is_told():
    app = application()
    assert ask(app, path="/page?a=1&a=2&b=").json == {"a": ["1", "2"], "b": [""]}
    assert post(app, "a=1&a=2&b=").json == {"a": ["1", "2"], "b": [""]}


def test_a_body_of_a_get_is_not_read():
    answer = (
        application()
        .test_client()
        .get("/page?a=1", base_url=LOOPBACK, data="a=2", content_type=FORM)
    )
    assert answer.json == {"a": ["1"]}


@pytest.mark.parametrize("query", ["?a=2", "?b"])
def test_a_post_with_a_query_as_well_is_a_bad_request(query):
    assert post(application(), "a=1", path=f"/page{query}").status_code == 400


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", "", "x"]
)
def test_a_form_of_another_type_is_not_read(content_type):
    assert post(application(), "a=1", content_type=content_type).status_code == 415


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=utf-8", FORM.upper()])
def test_a_form_is_read(content_type):
    assert post(application(), "a=1", content_type=content_type).json == {"a": ["1"]}


def test_an_empty_post_has_no_parameters():
    assert post(application(), "", content_type=None).json == {}


def test_a_body_as_large_as_allowed_is_read_and_a_larger_one_is_not():
    app = application()
    assert post(app, "a=" + "x" * (MAXIMUM_BODY - 2)).status_code == 200
    assert post(app, "a=" + "x" * (MAXIMUM_BODY - 1)).status_code == 413


def test_a_body_of_unknown_length_is_refused():
    answer = post(application(), "a=1", HTTP_TRANSFER_ENCODING="chunked")
    assert answer.status_code == 411


@pytest.mark.parametrize("length", ["-1", "x", "", "1e3", "٣"])
def test_a_length_that_is_no_number_reads_nothing(length):
    assert post(application(), "a=1", CONTENT_LENGTH=length).json == {}


# Bodies of the whole application.


@pytest.fixture
def limited():
    app = Flask("limited")
    limit_bodies(app, maximum=100)

    @app.post("/")
    def ignores_its_body():
        return "read nothing"

    return app


@pytest.mark.parametrize(("length", "status"), [(0, 200), (100, 200), (101, 413), (10**7, 413)])
def test_a_large_body_is_refused_though_nobody_reads_it(limited, length, status):
    assert limited.test_client().post("/", data=b"x" * length).status_code == status


def test_a_body_of_unknown_length_is_refused_though_nobody_reads_it(limited):
    headers = {"Transfer-Encoding": "chunked"}
    assert limited.test_client().post("/", data=b"x", headers=headers).status_code == 411


def test_forms_are_limited_as_bodies_are(limited):
    assert limited.config["MAX_CONTENT_LENGTH"] == 100
    assert limited.config["MAX_FORM_MEMORY_SIZE"] == 100
    assert limited.config["MAX_FORM_PARTS"] == 20


# The request's identifier.


def test_a_request_has_one_identifier_of_its_own_making():
    app = application()
    headers = {"X-Request-ID": "forged"}
    seen = [app.test_client().get("/id", base_url=LOOPBACK, headers=headers).json for _ in "ab"]
    for first, second in seen:
        assert first == second
        assert len(bytes.fromhex(first)) == 8
    assert seen[0] != seen[1]


def test_the_identifier_belongs_to_the_request():
    app = application()
    with app.test_request_context():
        assert request_id() == g.handoff_request_id
