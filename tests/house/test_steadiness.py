"""No test counts on a quick machine, or on one that runs nothing else."""

import ast

import pytest

from tests.documents import CHECKOUT

LONGEST_SLEEP = 0.1  # seconds, from one look to the next
WAIT_FOR_NOTHING = {"wait_for_timeout"}
# How a page is at this moment: a script, or the page itself, may come a moment later.
OF_THIS_MOMENT = {
    *("is_visible", "is_hidden", "is_checked", "is_enabled", "is_disabled", "is_editable"),
    *("input_value", "text_content", "all_text_contents", "all_inner_texts"),
}
KEEPERS_OF_PORTS = {"ports.py", "jwks_endpoint.py", "test_jwks_fetch.py"}
TESTS = [*(CHECKOUT / "tests").rglob("*.py")]


def calls(source):
    """Return the line, the name and the arguments of each call of a method."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.lineno, node.func.attr, node.args


def looks_of_this_moment(source):
    return [line for line, name, _ in calls(source) if name in OF_THIS_MOMENT]


def long_sleeps(source):
    return [
        line
        for line, name, arguments in calls(source)
        if name in WAIT_FOR_NOTHING or (name == "sleep" and is_long(arguments[0]))
    ]


def is_long(seconds):
    return isinstance(seconds, ast.Constant) and float(ast.unparse(seconds)) > LONGEST_SLEEP


def ports_of_the_system(source):
    return [line for line, name, _ in calls(source) if name == "getsockname"]


def found(look, paths=TESTS):
    return {
        path.relative_to(CHECKOUT).as_posix(): lines
        for path in paths
        if (lines := look(path.read_text(encoding="utf-8")))
    }


def test_what_a_browser_shows_is_waited_for():
    """Playwright's ``expect`` waits; who looks once sees what is there by chance."""
    browser = [path for path in TESTS if path.parent.name == "browser"]
    assert browser
    assert found(looks_of_this_moment, browser) == {}


def test_nobody_sleeps_until_something_will_have_happened():
    assert found(long_sleeps) == {}


def test_a_server_of_a_test_gets_its_port_from_the_one_place():
    """A port of the system's choice that is let go for a server may be somebody else's by then."""
    others = [path for path in TESTS if path.name not in KEEPERS_OF_PORTS]
    assert found(ports_of_the_system, others) == {}


@pytest.mark.parametrize(
    ("look", "source"),
    [
        (looks_of_this_moment, "assert page.get_by_label('Password').input_value() == ''"),
        (long_sleeps, "time.sleep(0.5)"),
        (long_sleeps, "page.wait_for_timeout(10)"),
        (ports_of_the_system, "port = listener.getsockname()[1]"),
    ],
)
def test_each_is_found(look, source):
    assert look(source)
