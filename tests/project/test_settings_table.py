import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from flask_handoff import Client
from flask_handoff.settings import API_SETTINGS, ISSUER_SETTINGS, RECEIVER_SETTINGS
from lab.config import Config as LabConfig
from server1.config import Config as Server1Config
from server2.config import Config as Server2Config
from tests.documents import CHECKOUT, DOCS, codes, rows, section

SETTINGS = DOCS / "settings.md"
SIDES = {"Issuer": ISSUER_SETTINGS, "Receiver": RECEIVER_SETTINGS, "API": API_SETTINGS}
SERVERS: dict[str, Callable[..., Any]] = {
    "SERVER1": Server1Config.from_environment,
    "SERVER2": Server2Config.from_environment,
    "LAB": LabConfig.from_environment,
}
# The lab runs in the demo only, and so with no default of its own.
LEAST: dict[str, dict[str, str]] = {"SERVER1": {}, "SERVER2": {}, "LAB": {"LAB_DEMO": "1"}}


def documented(heading):
    """Return the default of every setting of a table; None where it is required."""
    return {codes(name)[0]: default(cell) for name, cell, _ in rows(section(SETTINGS, heading))}


def default(cell):
    if cell in {"required", "empty"}:
        return {"required": None, "empty": ""}[cell]
    (code,) = codes(cell)
    return code


def settings_read_by(server):
    """Return the names of a server's own settings that stand in its sources."""
    sources = (CHECKOUT / server.lower()).rglob("*.py")
    names = re.compile(rf"\b{server}_[A-Z0-9_]*[A-Z0-9]\b")
    return {name for source in sources for name in names.findall(source.read_text())}


@pytest.mark.parametrize("side", SIDES)
def test_the_library_has_the_documented_settings_and_defaults(side):
    assert documented(side) == dict(SIDES[side])


def test_a_client_has_the_documented_fields():
    assert documented("Clients").keys() == {field.name for field in fields(Client)}


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_reads_the_documented_settings(server):
    assert documented(server).keys() == settings_read_by(server)


@pytest.mark.parametrize("server", SERVERS)
def test_to_set_a_server_to_its_documented_defaults_changes_nothing(server):
    least = LEAST[server]
    assert SERVERS[server]({**documented(server), **least}) == SERVERS[server](least)


@pytest.mark.parametrize(("server", "column"), [("SERVER1", 1), ("SERVER2", 2)])
def test_a_server_gives_the_library_the_documented_settings(server, column):
    table = rows(section(SETTINGS, "What the two servers set"))
    stated = {codes(row[0])[0]: codes(row[column]) for row in table if row[column]}
    given = SERVERS[server]({}).handoff
    assert given.keys() == stated.keys()
    assert {name: [given[name]] for name, values in stated.items() if values} == {
        name: values for name, values in stated.items() if values
    }
