"""Which tests start Python processes: ``make check`` leaves them out, for each has its price."""

import os
import sys

import pytest

IN_PROCESSES = {"end_to_end", "browser", "examples", "strangers"}


class ProcessGuard:
    """Lets no test start a Python process that is not marked for it: the mark would be forgotten.

    What a guard forbids holds for its whole process, also where a fixture starts something.
    """

    def __init__(self):
        self._test = None
        sys.addaudithook(self._watch)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self._test = item
        try:
            return (yield)
        finally:
            self._test = None

    def pytest_collection_modifyitems(self, items):
        for item in items:
            if item.path.parent.name in IN_PROCESSES:
                item.add_marker(pytest.mark.processes)

    def _watch(self, event, arguments):
        if event != "subprocess.Popen" or self._test is None:
            return
        is_python = os.fspath(arguments[0]) == sys.executable
        if is_python and not self._test.get_closest_marker("processes"):
            raise RuntimeError("A test that starts Python is marked @pytest.mark.processes.")
