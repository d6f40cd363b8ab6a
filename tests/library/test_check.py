"""``flask handoff-check`` on either side, against a pair that runs, and against broken ones."""

import json
import shutil
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import MetaData, create_engine, text
from werkzeug.serving import WSGIRequestHandler, make_server

from flask_handoff import (
    ConfigurationError,
    DependencyUnavailableError,
    HandoffAPI,
    MemoryReplayStore,
    add_check,
)
from flask_handoff.claims import system_clock
from flask_handoff.commands.check import handoff_check
from flask_handoff.keys import KeyRing, new_key
from flask_handoff.stores.sql import SQLReplayStore, logout_table, replay_table
from tests.flask_command import TWO_STREAMS, run_flask
from tests.minimal_pair import CLIENT, CODE_CLIENT, issuer_app, receiver_app
from tests.ports import free_port

FORM = '<form action="{}"><input name="error" value="login_required"></form>'
SECRETS = ("a-secret-key-of-a-test-that-is-long-enough", "pass-word-of-the-database")


class Handler(WSGIRequestHandler):
    ahead = 0  # seconds of its clock

    def log(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() + self.ahead)


@contextmanager
def served(app, port, ahead=0):
    handler = type("Ahead", (Handler,), {"ahead": ahead})
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()


class Pair:
    """A pair that runs, and what its operators run beside it: the same applications, or others."""

    def __init__(self, keys, folder):
        self.keys = keys
        self.ports = free_port(), free_port()
        self.issuer, self.receiver = (f"http://localhost:{self.ports[0]}", self.at(self.ports[1]))
        self.client: dict[str, Any] = {
            **CLIENT,
            "redirect_uris": [f"{self.receiver}/sso/callback"],
            "initiate_login_uri": f"{self.receiver}/sso/login",
            "backchannel_logout_uri": f"{self.receiver}/sso/backchannel-logout",
        }
        self.engine = create_engine(f"sqlite:///{folder}/replay.sqlite3")
        self.store = SQLReplayStore(self.engine)
        self.store.create_tables()

    @staticmethod
    def at(port):
        return f"http://127.0.0.1:{port}"

    def issuing(self, *, keys=None, **settings):
        settings = {
            "HANDOFF_ISSUER": self.issuer,
            "HANDOFF_CLIENTS": [self.client],
            "SESSION_COOKIE_NAME": "one",
            **settings,
        }
        return issuer_app(keys or self.keys, system_clock, **settings)

    def receiving(self, store=None, keys=None, **settings):
        settings = {
            "HANDOFF_ISSUER": self.issuer,
            "HANDOFF_BASE_URL": self.receiver,
            "HANDOFF_RESPONSE_MODE": "form_post",
            "SESSION_COOKIE_NAME": "two",
            **settings,
        }
        return receiver_app(keys, store or self.store, system_clock, **settings)


@pytest.fixture(scope="module")
def pair(key_directory, tmp_path_factory):
    pair = Pair(key_directory, tmp_path_factory.mktemp("pair"))
    with ExitStack() as stack:
        for app, port in zip((pair.issuing(), pair.receiving()), pair.ports, strict=True):
            stack.enter_context(served(app, port))
        yield pair
    pair.engine.dispose()


def check(app, *options):
    return app.test_cli_runner(**TWO_STREAMS).invoke(handoff_check, options, catch_exceptions=False)


def findings(app, level="wrong"):
    """Return what is found of one level: each subject with the text and what to do."""
    done = check(app, "--json")
    found = json.loads(done.output)["findings"]
    assert done.exit_code == any(each["level"] == "wrong" for each in found)
    return {
        each["subject"]: f"{each['text']} {each['remedy']}"
        for each in found
        if each["level"] == level
    }


def test_nothing_is_wrong_with_a_good_pair(pair):
    for app, answered in ((pair.issuing(), "published keys"), (pair.receiving(), "registration")):
        done = check(app)
        assert (done.exit_code, done.stderr) == (0, "")
        levels = {line.split()[0] for line in done.stdout.splitlines()[:-2]}
        assert levels == {"ok"}, done.stdout
        assert f"ok       {answered}: " in done.stdout
        assert done.stdout.endswith(" ok, 0 to look at, 0 wrong.\n")


def test_what_has_to_be_registered_is_said_in_words(pair):
    said = findings(pair.receiving(), "ok")["receiver"]
    assert f"redirect URI {pair.receiver}/sso/callback" in said
    assert f"backchannel_logout_uri {pair.receiver}/sso/backchannel-logout" in said
    registered = findings(pair.issuing(), "ok")["client notes"]
    assert f"id_token goes to {pair.receiver}/sso/callback (the path of a receiver" in registered


def test_a_receiver_whose_issuer_is_down_is_told_so(pair, caplog):
    nobody = f"http://localhost:{free_port()}"
    wrong = findings(pair.receiving(HANDOFF_ISSUER=nobody))
    assert {"metadata", "keys", "registration"} <= wrong.keys()
    assert f"{nobody}/.well-known/openid-configuration does not answer" in wrong["metadata"]
    assert "nothing listens there" in wrong["metadata"]
    assert caplog.records == []  # what they would say stands among the findings


RECEIVERS = {
    "a slash too many": (
        lambda pair: {"HANDOFF_ISSUER": f"{pair.issuer}/"},
        ("metadata", "compared character by character"),
    ),
    "another authorization endpoint": (
        lambda pair: {"HANDOFF_AUTHORIZATION_ENDPOINT": f"{pair.issuer}/elsewhere"},
        ("endpoints", "Set HANDOFF_AUTHORIZATION_ENDPOINT to the issuer's address."),
    ),
    "keys where there are none": (
        lambda pair: {"HANDOFF_JWKS_URI": f"{pair.issuer}/keys"},
        ("keys", "expected status 200, got 404"),
    ),
    "a client that nobody registered": (
        lambda pair: {"HANDOFF_CLIENT_ID": "photos"},
        ("registration", 'Register there: {"client_id": "photos", "redirect_uris": ["http'),
    ),
    "a base URL where nobody is": (
        lambda pair: {"HANDOFF_BASE_URL": pair.at(free_port())},
        ("base URL", "nothing listens there. Is this application running"),
    ),
    "a base URL of somebody else": (
        lambda pair: {"HANDOFF_BASE_URL": pair.issuer},
        ("base URL", "/sso/login is not found (404)."),
    ),
    "a prefix that the running one does not have": (
        lambda pair: {"HANDOFF_URL_PREFIX": "/oidc"},
        ("base URL", "are its endpoints below /oidc?"),
    ),
    "other settings than the running one": (
        lambda pair: {"HANDOFF_CLIENT_ID": "photos"},
        ("base URL", "and not to the sign-in as this receiver would"),
    ),
    "a Strict cookie and redirects": (
        lambda pair: {
            "SESSION_COOKIE_SAMESITE": "Strict",
            "HANDOFF_RESPONSE_MODE": "query",
        },
        ("session cookie", "Set HANDOFF_LANDING=refresh"),
    ),
    "no secret key": (
        lambda pair: {"SECRET_KEY": None},
        ("secret key", "SECRET_KEY is not set"),
    ),
}


@pytest.mark.parametrize("fault", RECEIVERS)
def test_a_fault_of_a_receiver_is_told_with_its_remedy(pair, fault):
    settings, (subject, expected) = RECEIVERS[fault]
    assert expected in findings(pair.receiving(**settings(pair)))[subject]


def test_an_authorization_endpoint_may_have_a_query(pair):
    app = pair.receiving(
        HANDOFF_BASE_URL=pair.at(port := free_port()),
        HANDOFF_AUTHORIZATION_ENDPOINT=f"{pair.issuer}/authorize?p=sign-in",
    )
    with served(app, port):
        assert "leads to this receiver" in findings(app, "ok")["base URL"]


def test_a_token_in_an_address_is_explained(pair):
    app = pair.receiving(HANDOFF_RESPONSE_MODE="query")
    assert "No issuer announces that mode" in findings(app, "warning")["response mode"]
    assert "answers it at" in findings(app, "ok")["registration"]  # by a redirect


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"response_modes": ["form_post"]}, '"response_modes": ["query"]'),
        ({"response_types": ["code"], "policy": "oidc"}, "the error unauthorized_client"),
    ],
    ids=str,
)
def test_a_registration_that_does_not_fit_is_told(pair, changed, expected):
    address = f"http://localhost:{(port := free_port())}"
    issuer = pair.issuing(HANDOFF_ISSUER=address, HANDOFF_CLIENTS=[{**pair.client, **changed}])
    with served(issuer, port):
        app = pair.receiving(HANDOFF_ISSUER=address, HANDOFF_RESPONSE_MODE="query")
        assert expected in findings(app)["registration"]


@pytest.mark.parametrize(
    ("answer", "level", "expected"),
    [
        (lambda uri: (FORM.format(uri), 400), "ok", "answers it at http"),
        (lambda uri: ("", 302, {"Location": f"{uri}#error=a"}), "warning", "no server sees"),
        (lambda uri: (FORM.format("/elsewhere"), 400), "wrong", "does not know the client"),
    ],
    ids=["a form with status 400", "a fragment", "a form for another"],
)
def test_how_other_issuers_answer_is_understood(pair, answer, level, expected):
    issuer = Flask("another")
    issuer.add_url_rule("/authorize", view_func=lambda: answer(pair.client["redirect_uris"][0]))
    with served(issuer, port := free_port()):
        app = pair.receiving(
            HANDOFF_AUTHORIZATION_ENDPOINT=f"http://localhost:{port}/authorize",
            HANDOFF_POLICY="oidc",
        )
        assert expected in findings(app, level)["registration"]


class Through:
    """A proxy: what it makes of a request."""

    def __init__(self, app, *, changes=None, strips=""):
        self._app, self._changes, self._strips = app, changes or {}, strips

    def __call__(self, environ, start_response):
        environ.update(self._changes)
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(self._strips)
        return self._app(environ, start_response)


@pytest.mark.parametrize(
    ("proxy", "path", "subject", "expected"),
    [
        ({"changes": {"HTTP_HOST": "127.0.0.1:8000"}}, "", "base URL", "proxy_set_header Host"),
        ({"strips": "/notes"}, "/notes", "path", "ProxyFix(app.wsgi_app, x_prefix=1)"),
        ({}, "/notes", "base URL", "Is the application mounted at /notes"),
    ],
    ids=["another host", "a path that is taken away", "a path that is not taken away"],
)
def test_what_a_proxy_in_front_of_a_receiver_lacks_is_told(pair, proxy, path, subject, expected):
    base_url = f"{pair.at(port := free_port())}{path}"
    app = pair.receiving(HANDOFF_BASE_URL=base_url)
    with served(Through(app, **proxy), port):
        assert expected in findings(app)[subject]


@pytest.mark.parametrize(
    ("seconds", "level", "expected"),
    [
        (40, "wrong", "s ahead of this machine's: more than the 5 s"),
        (-40, "wrong", "s behind this machine's: more than the 5 s"),
        (4, "warning", "s ahead of this machine's: 5 s are allowed (HANDOFF_LEEWAY)"),
    ],
)
def test_clocks_that_differ_are_told_by_how_much(pair, seconds, level, expected):
    issuer = pair.issuing(HANDOFF_ISSUER=f"http://localhost:{(port := free_port())}")
    with served(issuer, port, ahead=seconds):
        app = pair.receiving(HANDOFF_ISSUER=issuer.config["HANDOFF_ISSUER"])
        assert expected in findings(app, level)["clock"]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DROP TABLE handoff_logouts", "there is no table handoff_logouts"),
        ("ALTER TABLE handoff_logouts RENAME ended_at TO at", "handoff_logouts lacks ended_at"),
    ],
    ids=["missing", "other columns"],
)
def test_tables_that_do_not_fit_are_told(pair, tmp_path, statement, expected):
    engine = create_engine(f"sqlite:///{tmp_path}/replay.sqlite3")
    store = SQLReplayStore(engine)
    store.create_tables()
    with engine.begin() as connection:
        connection.execute(text(statement))
    assert expected in findings(pair.receiving(store))["used tokens"]
    engine.dispose()


def test_a_database_that_is_only_read_is_told(pair, tmp_path):
    file = tmp_path / "replay.sqlite3"
    writing = create_engine(f"sqlite:///{file}")
    SQLReplayStore(writing).create_tables()
    writing.dispose()
    engine = create_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    assert "the database failed" in findings(pair.receiving(SQLReplayStore(engine)))["used tokens"]
    engine.dispose()


def test_looking_at_the_tables_leaves_them_as_they_are(pair):
    assert "used tokens" in findings(pair.receiving(), "ok")
    with pair.store._engine.connect() as connection:
        for table in (replay_table(MetaData()), logout_table(MetaData())):
            assert connection.execute(table.select()).all() == []


def test_a_store_that_forgets_is_told(pair):
    app = pair.receiving(MemoryReplayStore())
    assert "Use SQLReplayStore" in findings(app, "warning")["used tokens"]


@pytest.fixture(scope="module")
def other_keys(tmp_path_factory):
    directory = tmp_path_factory.mktemp("other") / "keys"
    new_key(directory)
    return directory


def test_keys_that_are_not_the_issuers_are_told(pair, key_ring, other_keys):
    assert "are there (KeyRing)" in findings(pair.receiving(keys=key_ring), "ok")["keys"]
    app = pair.receiving(keys=KeyRing.open(other_keys))
    assert "None of the keys that are held here" in findings(app)["keys"]


def test_an_issuer_that_does_not_answer_is_told(pair):
    wrong = findings(pair.issuing(HANDOFF_ISSUER=f"http://localhost:{free_port()}"))
    assert {"issuer address", "published keys", "sign-in page"} == wrong.keys()
    assert (
        "Is this application running, and is HANDOFF_ISSUER its address" in wrong["issuer address"]
    )


def test_an_issuer_that_runs_with_other_keys_and_settings_is_told(pair, other_keys):
    app = pair.issuing(keys=other_keys, ends_sessions=True)
    assert "publishes other keys" in findings(app)["published keys"]
    assert "end_session_endpoint" in findings(app, "warning")["issuer address"]


def test_an_issuer_that_runs_with_another_secret_key_is_told(pair):
    told = findings(pair.issuing(SECRET_KEY="made when it starts, by each process"), "warning")
    assert "has another SECRET_KEY than this application" in told["secret key"]
    older = findings(pair.issuing(SECRET_KEY_FALLBACKS=["an older one"]), "warning")
    assert "secret key" not in older


def test_an_issuer_whose_path_is_taken_away_is_told(pair):
    issuer = f"http://localhost:{(port := free_port())}/accounts"
    app = pair.issuing(HANDOFF_ISSUER=issuer)
    with served(Through(app, strips="/accounts"), port):
        wrong = findings(app)
    assert [*wrong] == ["sign-in page"]
    assert "browsers know this application below /accounts" in wrong["sign-in page"]


def test_keys_that_are_old_or_open_to_others_are_told(pair, tmp_path):
    keys = shutil.copytree(pair.keys, tmp_path / "keys")
    ring = json.loads((keys / "ring.json").read_text())
    ring["keys"][0].update(created_at="2020-01-01T00:00:00Z", activated_at="2020-01-01T00:00:00Z")
    (keys / "ring.json").write_text(json.dumps(ring))
    app = pair.issuing(keys=keys)
    assert "Rotate it: flask handoff-keys stage" in findings(app, "warning")["signing key"]
    keys.chmod(0o755)
    assert "Run: chmod 700" in findings(app)["signing key"]


def test_strange_clients_are_told(pair):
    same = {**pair.client, "client_id": "again", "backchannel_logout_uri": None}
    elsewhere = {
        **pair.client,
        "client_id": "elsewhere",
        "redirect_uris": ["https://notes.example/sso/callback"],
    }
    beside = {
        **pair.client,
        "client_id": "beside",
        "redirect_uris": [f"{pair.receiver}/callback"],
    }
    clients = [pair.client, same, elsewhere, beside]
    app = pair.issuing(HANDOFF_CLIENTS=clients)
    told = findings(app, "warning")
    assert "is registered 2 times" in told["clients"]
    assert "who signs out here stays signed in there" in told["client again"]
    assert "another host than that of its redirect URIs" in told["client elsewhere"]
    assert "no redirect URI lies beside it" in told["client beside"]
    assert "(not /sso/callback, the path" in findings(app, "ok")["client beside"]
    public = pair.issuing(HANDOFF_CLIENTS=clients, HANDOFF_ISSUER="https://accounts.invalid")
    assert "machine of whoever signs in" in findings(public, "warning")["client notes"]
    assert "None is registered" in findings(pair.issuing(HANDOFF_CLIENTS=[]), "warning")["clients"]


def test_apps_on_peoples_machines_share_the_loopback_address(pair):
    def apps(redirect_uri):
        app = {
            "name": "Terminal",
            "redirect_uris": [redirect_uri],
            "response_types": ["code"],
            "policy": "oidc",
            "native": True,
        }
        clients = [pair.client, *({**app, "client_id": name} for name in ("one", "two"))]
        return findings(pair.issuing(HANDOFF_CLIENTS=clients), "warning").get("clients")

    assert apps("http://127.0.0.1/callback") is None
    assert "is registered 2 times" in apps("com.example.app:/callback")


def test_nobody_is_asked_but_the_addresses_of_the_settings(pair):
    asked = []

    def elsewhere(environ, start_response):
        asked.append(environ["PATH_INFO"])
        start_response("200 OK", [])
        return [b"{}"]

    def redirects(environ, start_response):
        start_response("302 Found", [("Location", f"{pair.at(other)}/x")])
        return []

    port, other = free_port(), free_port()
    with served(redirects, port), served(elsewhere, other):
        wrong = findings(pair.receiving(HANDOFF_ISSUER=pair.at(port)))
    assert "status 302, a redirect to" in wrong["metadata"]
    assert asked == []


def test_an_application_adds_checks_of_its_own(pair):
    app = pair.receiving()

    def search():
        raise ConfigurationError("The index is 3 days old.", "Run: notes index")

    def trial():
        raise UserWarning("This is a trial.")

    def broken():
        raise RuntimeError(f"postgresql://notes:{SECRETS[1]}@db/notes")

    for check_of_app in (lambda: "The mail server answers.", search, trial, broken):
        add_check(app, check_of_app.__name__, check_of_app)
    done = check(app)
    assert done.exit_code == 1
    assert "ok       <lambda>: The mail server answers.\n" in done.stdout
    assert "wrong    search: The index is 3 days old.\n         -> Run: notes" in done.stdout
    assert "warning  trial: This is a trial.\n" in done.stdout
    assert "failed (RuntimeError)" in done.stdout
    assert SECRETS[1] not in done.stdout
    no_function: Any = "The mail server answers."
    with pytest.raises(TypeError):
        add_check(app, "mail", no_function)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_secret_of_the_settings_is_printed(pair, options, tmp_path):
    client = {**pair.client, "secret_hashes": CODE_CLIENT["secret_hashes"]}
    (pem,) = pair.keys.glob("*.pem")
    unreachable = create_engine(f"postgresql+psycopg://notes:{SECRETS[1]}@127.0.0.1:1/notes")
    issuer = pair.issuing(SECRET_KEY=SECRETS[0], HANDOFF_CLIENTS=[client])
    receiver = pair.receiving(SQLReplayStore(unreachable), SECRET_KEY=SECRETS[0])
    output = check(issuer, *options).output + check(receiver, *options).output
    for secret in (*SECRETS, *client["secret_hashes"], *pem.read_text().splitlines()[1:-1]):
        assert secret not in output
    assert "the database failed (OperationalError)" in output


class Unreachable:
    """A source of clients in a database that is down."""

    def __init__(self, error):
        self._error = error

    def __iter__(self):
        raise self._error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DependencyUnavailableError("the database failed"), "at: the database failed."),
        (RuntimeError(SECRETS[1]), "failed (RuntimeError)."),
    ],
    ids=["ours", "any other"],
)
def test_clients_that_cannot_be_read_are_told(pair, error, expected):
    app = pair.issuing()
    context = app.extensions["handoff_issuer"]
    app.extensions["handoff_issuer"] = context._replace(clients=Unreachable(error))
    assert expected in findings(app)["issuer"]


def test_an_api_is_told_of_its_issuer(pair):
    app = Flask("api")
    app.config.update(HANDOFF_ISSUER=f"{pair.issuer}/", HANDOFF_BASE_URL="https://notes.example")
    HandoffAPI().init_app(app)
    told = findings(app, "ok")
    assert findings(app).keys() == {"metadata"}
    assert "which is the resource to register" in told["API"]
    assert "session cookie" not in told  # it has no sessions
    app.secret_key = "short"
    assert "so short" in findings(app, "warning")["secret key"]


def test_an_application_without_a_side_cannot_be_checked():
    done = check(Flask("neither"))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no side of a handoff" in done.stderr


def test_settings_that_are_wrong_are_told_instead(tmp_path):
    (tmp_path / "app.py").write_text(
        "from flask import Flask\n"
        "from flask_handoff import HandoffReceiver, MemoryReplayStore\n"
        "app = Flask(__name__)\n"
        "HandoffReceiver(sign_in=print, live_session=print).init_app(\n"
        "    app, replay_store=MemoryReplayStore())\n"
    )
    done = run_flask(tmp_path, "handoff-check")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: HANDOFF_ISSUER is not set.")
