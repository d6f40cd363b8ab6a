"""Keys and passwords in the wrong setting: no message repeats them, whatever is wrong with it."""

import base64
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import server1
import server2
from flask_handoff import ConfigurationError, redaction
from flask_handoff.commands.keys import handoff_keys
from flask_handoff.settings import ISSUER_SETTINGS, RECEIVER_SETTINGS
from flask_handoff.stores import MemoryReplayStore
from flask_service.database import database_of
from server1.config import SETTINGS as SERVER1_SETTINGS
from server1.config import Config as Server1Config
from server2.config import SETTINGS as SERVER2_SETTINGS
from server2.config import Config as Server2Config
from tests.minimal_pair import issuer_app, receiver_app
from tests.servers.accounts_visitor import CLIENTS

CHECKOUT = Path(__file__).parents[2]
PATIENCE = 60  # seconds
RUN = 12  # characters of a secret that may stand nowhere
FORMS = [
    "written-out line ends",
    "lost line ends",
    "real line ends",
    "JWK",
    "list of JWKs",
    "URL with a password",
]
PATHS = ("_DIRECTORY", "_FILE", "_INSTANCE", "_KEYS")


@pytest.fixture(autouse=True)
def nothing_is_made_here(tmp_path, monkeypatch):
    """A current directory in which nothing may be named after a secret."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield
    assert not list(here.iterdir())


@pytest.fixture(scope="module")
def pem():
    return (
        rsa.generate_private_key(65537, 2048)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


@pytest.fixture(params=FORMS)
def misplaced(request, pem):
    """A value in the form that the test is about, and the secret in it."""
    body = "".join(pem.splitlines()[1:-1])
    number = base64.urlsafe_b64encode(secrets.token_bytes(256)).decode().rstrip("=")
    password = secrets.token_urlsafe(24)
    jwk = f'{{"kty":"RSA","e":"AQAB","n":"{number[::-1]}","d":"{number}"}}'
    return {
        "written-out line ends": (pem.replace("\n", "\\n"), body),
        "lost line ends": (pem.replace("\n", ""), body),
        "real line ends": (pem, body),
        "JWK": (jwk, number),
        "list of JWKs": (f"[{jwk}]", number),
        "URL with a password": (f"https://somebody:{password}@192.0.2.1/keys", password),
    }[request.param]


def texts(error):
    """Everything that a traceback or a crash report may print of an error and of its causes."""
    found, seen = [error], []
    while found:
        one = found.pop()
        if one is not None and one not in seen:
            seen.append(one)
            found += [one.__cause__, one.__context__]
    return "\n".join(f"{one}\n{one!r}\n{one.args}" for one in seen)


def check_holds_no(secret, text):
    # An address is looked up in small letters.
    secret = secret.lower()
    bare = text.lower().replace("\\n", "").replace("\n", "").replace("\\", "")
    shown = [
        secret[i : i + RUN] for i in range(len(secret) - RUN + 1) if secret[i : i + RUN] in bare
    ]
    assert not shown, text[:2000]


def attempt(start):
    """Run *start*; return what it raised, which may be a ConfigurationError only."""
    try:
        start()
    except ConfigurationError as error:
        return error
    return None


def build_server1(environment):
    return server1.create_app(Server1Config.from_environment(environment))


def check_refusal(name, refusal, secret, capfd, caplog):
    printed = capfd.readouterr()
    check_holds_no(secret, printed.out + printed.err + caplog.text)
    if refusal is not None:
        check_holds_no(secret, texts(refusal))
    if name.endswith(PATHS):
        assert f"{name} holds " in refusal.problem
        assert "a path is expected" in refusal.problem


@pytest.mark.parametrize("demo", ["0", "1"])
@pytest.mark.parametrize("name", [*SERVER1_SETTINGS, *ISSUER_SETTINGS, "DEMO_PASSWORD"])
def test_server1_repeats_no_secret(
    name, demo, misplaced, accounts_environment, clock, capfd, caplog
):
    value, secret = misplaced
    environment = {**accounts_environment, "SERVER1_DEMO": demo, "DEMO_PASSWORD": "of the tests"}
    if name.startswith("SERVER1_SMTP") and name != "SERVER1_SMTP_HOST":
        environment |= {"SERVER1_SMTP_HOST": "127.0.0.1", "SERVER1_MAIL_FROM": "a@example.com"}

    def start():
        config = Server1Config.from_environment({**environment, name: value})
        database_of(server1.create_app(config, clock=clock)).close()

    check_refusal(name, attempt(start), secret, capfd, caplog)


@pytest.mark.parametrize("name", [*SERVER2_SETTINGS, *RECEIVER_SETTINGS])
def test_server2_repeats_no_secret(name, misplaced, notes_environment, clock, capfd, caplog):
    value, secret = misplaced

    def start():
        config = Server2Config.from_environment({**notes_environment, name: value})
        server2.create_app(config, clock=clock).extensions["database"].close()

    check_refusal(name, attempt(start), secret, capfd, caplog)


@pytest.mark.parametrize("name", ISSUER_SETTINGS)
def test_an_issuer_repeats_no_secret(name, misplaced, server1_keys, clock, capfd, caplog):
    value, secret = misplaced
    refusal = attempt(lambda: issuer_app(server1_keys, clock, **{name: value}))
    check_refusal(name, refusal, secret, capfd, caplog)


@pytest.mark.parametrize("name", RECEIVER_SETTINGS)
def test_a_receiver_repeats_no_secret(name, misplaced, issuer_public_key, clock, capfd, caplog):
    value, secret = misplaced
    settings = {"HANDOFF_PINNED_KEYS": "" if "_JWKS_" in name else str(issuer_public_key)}
    store = MemoryReplayStore()
    refusal = attempt(lambda: receiver_app(None, store, clock, **{**settings, name: value}))
    check_refusal(name, refusal, secret, capfd, caplog)


@pytest.mark.parametrize("command", ["new", "stage", "activate", "retire", "revoke", "list"])
def test_the_commands_for_keys_repeat_no_secret(command, misplaced):
    value, secret = misplaced
    kid = ["k" * 43] if command == "revoke" else []
    result = CliRunner().invoke(handoff_keys, [command, *kid, "--directory", value])
    assert result.exit_code == 1
    assert "--directory holds " in result.output
    check_holds_no(secret, result.output + texts(result.exception))


@pytest.mark.parametrize("command", ["activate", "retire", "revoke"])
def test_a_secret_in_place_of_a_keys_name_is_not_repeated(command, misplaced, server1_keys):
    value, secret = misplaced
    words = [command, "--directory", str(server1_keys), "--", value]
    result = CliRunner().invoke(handoff_keys, words)
    assert result.exit_code == 1
    check_holds_no(secret, result.output + texts(result.exception))


@pytest.mark.parametrize(
    "words",
    [
        ["users", "create", "--", "SECRET"],
        ["users", "disable", "--", "SECRET"],
        ["grants", "set", "--", "SECRET", "server2", "openid"],
        ["grants", "set", "--", "ada@example.com", "SECRET", "openid"],
        ["audit", "--user", "SECRET"],
    ],
    ids=" ".join,
)
def test_the_commands_of_server1_repeat_no_secret(words, misplaced, accounts):
    value, secret = misplaced
    result = accounts.try_to_run(*(word.replace("SECRET", value) for word in words))
    assert result.exit_code
    check_holds_no(secret, result.output + texts(result.exception))


@pytest.mark.parametrize("name", ["HANDOFF_JWKS_FLUSH_FILE", "HANDOFF_PINNED_KEYS"])
def test_the_command_to_flush_keys_repeats_no_secret(name, misplaced, monkeypatch):
    value, secret = misplaced
    monkeypatch.setenv(name, value)
    result = CliRunner().invoke(handoff_keys, ["flush"])
    assert result.exit_code == 1
    check_holds_no(secret, result.output + texts(result.exception))


def test_a_password_that_stands_where_a_path_belongs_is_not_repeated(
    accounts_environment, notes_environment, clock
):
    password = f"hunter2-{secrets.token_urlsafe(12)}"
    for name in ("HANDOFF_KEYS_DIRECTORY", "SERVER1_SECRET_KEY_FILE", "SERVER1_SMTP_PASSWORD_FILE"):
        environment = {**accounts_environment, name: password}
        refusal = attempt(lambda e=environment: build_server1(e))
        assert f"of {len(password)} characters" in str(refusal)
        assert password not in str(refusal)
    config = Server2Config.from_environment({**notes_environment, "HANDOFF_PINNED_KEYS": password})
    refusal = attempt(lambda: server2.create_app(config, clock=clock))
    assert password not in str(refusal)


@pytest.mark.parametrize(
    "password",
    [
        "Tr0ub4dor&3",
        "hunter2!",
        "JcYsJeWZYnhgoUarDSPmHQ",
        "aPhwxjTpSX+kU/r7MmO9bLb8O/v28G8N/5BwyomjOSo=",
    ],
)
@pytest.mark.parametrize("name", ["SERVER1_DEMO", "SERVER1_PORT", "SERVER1_BIND"])
def test_a_password_in_place_of_a_word_or_number_is_not_repeated(name, password):
    with pytest.raises(ConfigurationError) as refusal:
        Server1Config.from_environment({name: password})
    assert password not in texts(refusal.value)


@pytest.mark.parametrize("name", ["HANDOFF_ISSUER", "HANDOFF_BASE_URL"])
def test_a_password_of_letters_in_place_of_a_url_is_not_repeated(name, accounts_environment):
    environment = {**accounts_environment, "HANDOFF_CLIENTS": "", name: "correcthorsebattery"}
    refusal = attempt(lambda: build_server1(environment))
    check_holds_no("correcthorsebattery", texts(refusal))
    assert refusal is not None


@pytest.mark.parametrize("value", ["on", "form-post", "127.0.0.300", "localhost", "-1", "5001x"])
def test_what_is_plainly_no_secret_is_shown(value):
    assert redaction.shown(value) == repr(value)


@pytest.mark.parametrize(
    ("url", "is_read"),
    [
        ("postgresql://somebody:SECRET@127.0.0.1:port/d", False),
        ("postgresql://somebody:a@SECRET@127.0.0.1:1/d", False),
        ("postgresql://127.0.0.1:1/d?user=somebody&password=SECRET", True),
        ("postgresql://somebody:SECRET@127.0.0.1:1/d", True),
    ],
)
def test_the_password_of_a_database_is_not_repeated(
    url, is_read, accounts_environment, notes_environment, capfd
):
    secret = secrets.token_urlsafe(24)
    url = url.replace("SECRET", secret)
    for prefix, read, create, environment in (
        ("SERVER1", Server1Config.from_environment, server1.create_app, accounts_environment),
        ("SERVER2", Server2Config.from_environment, server2.create_app, notes_environment),
    ):
        settings = {**environment, f"{prefix}_DATABASE_URL": url}
        refusal = attempt(lambda c=create, r=read, s=settings: c(r(s)))
        assert ("://127.0.0.1:1/d" in str(refusal)) == is_read
        check_holds_no(secret, texts(refusal) + "".join(capfd.readouterr()))


README_APP = """
from flask import Flask
from flask_handoff import HandoffIssuer, HandoffReceiver
from flask_handoff.stores import MemoryReplayStore
app = Flask("app")
app.secret_key = "of the tests, and of no use elsewhere"
"""
README_APPS = {
    "issuer": README_APP
    + "HandoffIssuer(signed_in_user=print, granted_scope=print, login_endpoint='login')"
    ".init_app(app)",
    "receiver": README_APP + "HandoffReceiver(sign_in=print, live_session=print)"
    ".init_app(app, replay_store=MemoryReplayStore())",
}
PROGRAMS = {
    "server1": (["-m", "server1"], "HANDOFF_KEYS_DIRECTORY"),
    "server2": (["-m", "server2"], "HANDOFF_PINNED_KEYS"),
    "issuer": (["-c", README_APPS["issuer"]], "HANDOFF_KEYS_DIRECTORY"),
    "receiver": (["-c", README_APPS["receiver"]], "HANDOFF_PINNED_KEYS"),
}


@pytest.mark.processes
@pytest.mark.parametrize("misplaced", FORMS[:3:2], indirect=True)
@pytest.mark.parametrize(
    ("program", "through"),
    [*((program, "environment") for program in PROGRAMS), ("server1", ".env"), ("server2", ".env")],
)
def test_a_process_that_does_not_start_prints_no_secret(program, through, misplaced, tmp_path):
    value, secret = misplaced
    words, name = PROGRAMS[program]
    given = {
        "HANDOFF_ISSUER": "http://localhost:5001",
        "HANDOFF_BASE_URL": "http://127.0.0.1:5002",
        "HANDOFF_CLIENT_ID": "notes",
        "HANDOFF_CLIENTS": CLIENTS,
    }
    if through == ".env":
        (tmp_path / ".env").write_text(f"{name}={value}\n")
    else:
        given[name] = value
    ended = subprocess.run(
        [sys.executable, "-W", "error", *words],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **given},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 1
    check_holds_no(secret, ended.stdout + ended.stderr)
    if through == "environment":
        assert f"{name} holds " in ended.stderr
