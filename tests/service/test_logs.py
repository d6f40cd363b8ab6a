import ast
import logging
import re

import pytest

from flask_service.logs import OneLineFormatter, init_logs
from tests.project.test_structure import PACKAGES

LINE = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ [A-Z]+ [\w.]+ .*"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


@pytest.fixture
def written(capsys):
    """Returns the lines that were written to stderr."""
    return lambda: capsys.readouterr().err.splitlines()


def record(message, info=None):
    return logging.LogRecord("server1", logging.ERROR, "f", 1, message, None, info)


def raised(text):
    try:
        raise ValueError(text)
    except ValueError as error:
        return type(error), error, error.__traceback__


def test_a_line_begins_with_utc_to_the_millisecond():
    about = record("something")
    about.created = 1_767_268_800.25
    line = OneLineFormatter().format(about)
    assert line == "2026-01-01T12:00:00.250Z ERROR server1 something"


def test_whatever_a_message_holds_it_stays_one_line():
    line = OneLineFormatter().format(record("a\nb\x1b[0m\u2028c\u202ed"))
    assert line.endswith(r" a\nb\x1b[0m\u2028c\u202ed")


def test_a_traceback_forges_no_line():
    info = raised("first\n2026-01-01 INFO forged\x1b[31m")
    first, *others = OneLineFormatter().format(record("message\nforged", info)).split("\n")
    assert first.endswith("message\\nforged")
    assert others
    assert all(line.startswith("  | ") and line.isprintable() for line in others)


def test_a_token_is_cut_out_of_messages_and_tracebacks():
    text = OneLineFormatter().format(record(f"refused {TOKEN}", raised(f"no {TOKEN}, sorry")))
    assert text.count("(cut)") == 2
    assert "eyJ" not in text
    assert "no (cut), sorry" in text


def loggers_of(folder, app_name):
    """Return the names of the loggers that the modules of a package write to."""
    for path in folder.rglob("*.py"):
        module = ".".join([folder.name, *path.relative_to(folder).with_suffix("").parts])
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    ast.Attribute(ast.Name("logging"), "getLogger"), [ast.Constant(name)]
                ):
                    yield name
                case ast.Call(ast.Attribute(_, "getLogger"), [ast.JoinedStr()]):
                    yield f"{app_name}.access"
                case ast.Attribute(ast.Name("logging"), "getLogger") if path.name != "logs.py":
                    yield module.removesuffix(".__init__")
                case ast.Attribute(ast.Name("logging"), "info" | "warning" | "error" | "exception"):
                    yield "root"  # which writes in a form of its own


def test_every_logger_writes_one_escaped_line(server, written):
    server.build()
    folders = [PACKAGES[name] for name in ("flask_handoff", "flask_service", server.name)]
    names = {server.name, *(name for each in folders for name in loggers_of(each, server.name))}
    assert {"flask_handoff", "flask_service.outbox", f"{server.name}.access"} <= names
    for name in sorted(names):
        logging.getLogger(name).info("a\nb\u2028 %s", TOKEN)
        (line,) = written()
        assert re.fullmatch(LINE, line)
        assert line.endswith(f" INFO {name} a\\nb\\u2028 (cut)")


def test_a_logger_that_is_set_up_twice_writes_once(written):
    init_logs("flask_service")
    init_logs("flask_service")
    logging.getLogger("flask_service").warning("once")
    assert len(written()) == 1


def test_a_failure_of_a_page_forges_no_line(server, app, written):
    def fail():
        raise ValueError("first\n2026-01-01T00:00:00.000Z INFO forged\x1b[31m\r")

    app.add_url_rule("/failing", view_func=fail)
    assert server.get(app, "/failing").status_code == 500
    lines = written()
    assert any("ValueError: first" in line for line in lines)
    assert all(line.isprintable() for line in lines)
    assert all(line.startswith("  | ") or re.fullmatch(LINE, line) for line in lines)
    assert not [line for line in lines if re.match(r"\S+ INFO forged", line)]


def test_a_request_is_one_line_with_its_reference(server, app, written):
    server.get(app, "/healthz?query=secret")
    (line,) = written()
    assert re.fullmatch(
        rf"\S+Z INFO {server.name}\.access 127\.0\.0\.1 GET /healthz 200 \d+\.\dms"
        r" request_id=[0-9a-f]{16}",
        line,
    )


@pytest.mark.parametrize(
    "path",
    [
        *("/a\nGET /forged 200", "/a\r\nb", "/\x1b[31mred", "/\u2028", "/\x85", "/a b 200 5ms"),
        *("/%0a", "/\u202edrow", "/" + "x" * 5000, "/" + "\u20ac" * 5000),
    ],
)
def test_no_path_forges_a_line(server, app, written, path):
    path = path.encode().decode("latin-1")
    server.get(app, "/", environ_overrides={"PATH_INFO": path})
    (line,) = written()
    fields = line.split(" GET ")[1].split(" ")
    assert len(fields) == 4
    assert fields[1] == "404"
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 400


@pytest.mark.parametrize("method", ["GET /forged\n", "GET\x1b[31m" + "X" * 99])
def test_no_method_forges_a_line(server, app, written, method):
    server.get(app, "/", environ_overrides={"REQUEST_METHOD": method})
    (line,) = written()
    assert re.search(r" 127\.0\.0\.1 GET%(20|1B)\S{0,13} /", line)
    assert len(line) < 200


@pytest.mark.parametrize("path", ["/{}", "/login/{}", "/static/{}.css", "/a/id_token={}/b"])
@pytest.mark.parametrize("secret", [TOKEN.replace("eyJ", "eyJ" * 12), "x" * 43 + ".aB-3_" * 9])
def test_a_secret_that_was_pasted_into_a_path_is_cut(server, app, written, path, secret):
    server.get(app, path.format(secret))
    line = written()[-1]
    assert " 404 " in line
    assert not [part for part in secret.split(".") if len(part) > 31 and part[:20] in line]


@pytest.mark.parametrize("address", ["evil\nforged", "127.0.0.1 GET /forged 200", "", "1.2.3"])
def test_what_is_no_address_is_not_written(server, app, written, address):
    server.get(app, "/healthz", environ_overrides={"REMOTE_ADDR": address})
    (line,) = written()
    assert " unknown GET /healthz 200 " in line
