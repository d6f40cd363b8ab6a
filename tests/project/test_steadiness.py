"""No test counts on a quick machine, or on one that runs nothing else."""

import ast
import functools

import pytest

from tests.documents import CHECKOUT

LONGEST_SLEEP = 0.1  # seconds, from one look to the next
SHORTEST_PATIENCE = 30  # seconds until a test that hangs is given up: nobody comes near it
GIVE_UP_AFTER = {"wait", "join", "result", "exception"}
# What measures a duration. Ratios, and the product's deadlines, are for stopwatch.py alone.
STOPWATCHES = {
    f"{clock}{unit}"
    for clock in ("perf_counter", "process_time", "thread_time", "clock_gettime")
    for unit in ("", "_ns")
} | {"elapsed", "timeit"}
CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns"}
WAIT_FOR_NOTHING = {"wait_for_timeout"}
# How a page is at this moment: a script, or the page itself, may come a moment later.
OF_THIS_MOMENT = {
    *("is_visible", "is_hidden", "is_checked", "is_enabled", "is_disabled", "is_editable"),
    *("input_value", "text_content", "all_text_contents", "all_inner_texts"),
}
KEEPERS_OF_PORTS = {"ports.py", "jwks_endpoint.py", "test_jwks_fetch.py"}
TESTS = [*(CHECKOUT / "tests").rglob("*.py")]


@functools.cache
def parsed(source):
    return ast.parse(source)


def calls(source):
    """Return the line, the name and the arguments of each call of a method."""
    for node in ast.walk(parsed(source)):
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
    is_number = isinstance(seconds, ast.Constant) and isinstance(seconds.value, int | float)
    return is_number and float(ast.unparse(seconds)) > LONGEST_SLEEP


def measured_durations(source):
    """Find stopwatches, and what subtracts from a clock or is subtracted from it.

    A clock may tell the date, or when a test that hangs is given up: ``monotonic() + PATIENCE``.
    """
    lines = []
    for node in ast.walk(parsed(source)):
        match node:
            case ast.Attribute(attr=name) if name in STOPWATCHES:
                lines.append(node.lineno)
            case ast.ImportFrom(module="time" | "timeit") | ast.Import(names=[ast.alias("timeit")]):
                lines.append(node.lineno)
            case ast.BinOp(op=ast.Sub()) if is_clock(node.left) or is_clock(node.right):
                lines.append(node.lineno)
    return lines


def is_clock(node):
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="time"), attr=name)):
            return name in CLOCKS
    return False


def short_patience(source):
    """Find what is given up after a few seconds, but for looks that nothing happens."""
    lines = []
    looks = set()
    for node in ast.walk(parsed(source)):
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=ast.Call() as look):
                looks.add(look)
            case ast.Assign(targets=[ast.Name(id="PATIENCE")], value=seconds) if is_short(seconds):
                lines.append(node.lineno)
            case ast.keyword(arg="timeout", value=seconds) if is_short(seconds):
                lines.append(node.lineno)
            case ast.Call(func=ast.Attribute(attr=name), args=[seconds]) if (
                name in GIVE_UP_AFTER and node not in looks and is_short(seconds)
            ):
                lines.append(node.lineno)
    return lines


def is_short(seconds):
    return is_long(seconds) and float(ast.unparse(seconds)) < SHORTEST_PATIENCE


def ports_of_the_system(source):
    return [line for line, name, _ in calls(source) if name == "getsockname"]


def found(look, paths=TESTS):
    return {
        path.relative_to(CHECKOUT).as_posix(): lines
        for path in paths
        if (lines := look(path.read_text(encoding="utf-8")))
    }


def test_what_a_browser_shows_is_waited_for():
    """Playwright's ``expect`` waits; a single look sees what is there by chance."""
    browser = [path for path in TESTS if path.parent.name == "browser"]
    assert browser
    assert found(looks_of_this_moment, browser) == {}


def test_nobody_sleeps_until_something_will_have_happened():
    assert found(long_sleeps) == {}


def test_no_test_measures_how_long_something_takes_by_itself():
    """Seconds that the product does not promise differ from machine to machine."""
    others = [path for path in TESTS if path.name != "stopwatch.py"]
    assert found(measured_durations, others) == {}


def test_nothing_is_given_up_after_a_few_seconds():
    assert found(short_patience) == {}


def test_every_server_of_a_test_gets_a_reserved_port():
    """A port of the system's choice that is let go for a server may be somebody else's by then."""
    others = [path for path in TESTS if path.name not in KEEPERS_OF_PORTS]
    assert found(ports_of_the_system, others) == {}


@pytest.mark.parametrize(
    ("look", "source"),
    [
        (looks_of_this_moment, "assert page.get_by_label('Password').input_value() == ''"),
        (long_sleeps, "time.sleep(0.5)"),
        (long_sleeps, "page.wait_for_timeout(10)"),
        (measured_durations, "assert time.monotonic() - begun_at < 4"),
        (measured_durations, "assert quick(work, clock=time.process_time) < 0.1"),
        (measured_durations, "begun_at = time.thread_time_ns()"),
        (measured_durations, "from time import perf_counter"),
        (measured_durations, "assert answer.elapsed < timedelta(seconds=1)"),
        (short_patience, "requests.get(url, timeout=5)"),
        (short_patience, "assert over.wait(10)"),
        (short_patience, "PATIENCE = 20"),
        (ports_of_the_system, "port = listener.getsockname()[1]"),
    ],
)
def test_each_is_found(look, source):
    assert look(source)


@pytest.mark.parametrize(
    ("look", "source"),
    [
        (measured_durations, "deadline = time.monotonic() + PATIENCE"),
        (measured_durations, "now = int(time.time())"),
        (short_patience, "assert not ended.wait(0.2)"),
        (short_patience, "sqlite3.connect(path, timeout=0)"),
        (short_patience, "assert over.wait(60)"),
    ],
)
def test_nothing_else_is_found(look, source):
    assert not look(source)
