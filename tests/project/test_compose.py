"""What can be seen in the container files without an engine; the journey itself needs one."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_handoff.issuer.clients import ClientRegistry
from server1.config import Config

CHECKOUT = Path(__file__).parents[2]
WRITTEN = (CHECKOUT / "docker-compose.yml").read_text()
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
PORT = re.compile(r"\$\{(?P<name>\w+_PORT):-(?P<default>\d+)\}")
COMPOSE = PORT.sub(lambda port: port["default"], WRITTEN)


def service(name):
    start = COMPOSE.index(f"\n  {name}:\n")
    end = re.search(r"\n(  \w|\w)", COMPOSE[start + 3 :])
    return COMPOSE[start : start + 3 + end.start()]


def test_every_port_is_published_on_loopback_only():
    published = re.findall(r'^ +ports: \["([^"]+)"\]$', COMPOSE, re.MULTILINE)
    assert published == [
        "127.0.0.1:5001:5001",
        "127.0.0.1:5002:5002",
        "127.0.0.1:5003:5003",
    ]


def test_every_port_can_be_changed_by_the_environment():
    defaults = {"SERVER1_PORT": "5001", "SERVER2_PORT": "5002", "LAB_PORT": "5003"}
    assert {port["name"]: port["default"] for port in PORT.finditer(WRITTEN)} == defaults
    settings = WRITTEN[WRITTEN.index("\nservices:") :]
    assert not re.search("500[123]", PORT.sub("", settings))
    for name in ("server1", "server2", "lab"):
        setting = f"{name.upper()}_PORT"
        assert f"\n      {setting}: {defaults[setting]}\n" in service(name)


@pytest.mark.parametrize("name", ["server1", "server2", "lab"])
def test_a_container_names_its_exception_beside_the_published_port(name):
    settings = service(name)
    assert f"{name.upper()}_BIND: 0.0.0.0" in settings
    assert f'{name.upper()}_PUBLISHED_ON_LOOPBACK: "1"' in settings
    assert 'ports: ["127.0.0.1:' in settings


def test_only_server1_can_reach_the_private_key():
    assert "/var/lib/server1" in service("server1")
    assert "server1:/var/lib" not in service("server2")
    assert "KEYS_DIRECTORY" not in service("server2")


def test_the_servers_meet_in_a_network_of_their_own():
    assert "networks: [server1, between, watched]" in service("server1")
    assert "networks: [server2, between, watched]" in service("server2")
    assert "networks: [lab, watched]" in service("lab")
    for name in ("between", "watched"):
        assert re.search(rf"\n  {name}:\n    internal: true", COMPOSE)


def test_the_clients_are_registered_as_in_the_demo():
    text = re.search(r"HANDOFF_CLIENTS: >-\n(.+?\]\n)", service("server1"), re.DOTALL)[1]
    client, terminal = ClientRegistry(json.loads(text))
    demo: Any = Config.from_environment({"SERVER1_DEMO": "1"}).handoff["HANDOFF_CLIENTS"]
    built_in, built_in_terminal = ClientRegistry(demo)
    host = re.search("HANDOFF_INTERNAL_HOSTS: (.+)", service("server2"))[1]
    assert client == replace(
        built_in,
        backchannel_logout_uri=f"http://{host}/sso/backchannel-logout",
        revocation_uri=f"http://{host}/sso/revocations",
        backchannel_logout_allow_http=True,
    )
    assert terminal == built_in_terminal


def test_no_secret_stands_in_the_files():
    named = re.findall(r"^ +(\w*(?:PASSWORD|SECRET|TOKEN)\w*): (.*)$", COMPOSE, re.MULTILINE)
    assert named == [
        ("DEMO_PASSWORD", "&password ${DEMO_PASSWORD:-}"),
        ("DEMO_PASSWORD", "*password"),
    ]
    assert not re.search(r"PASSWORD|SECRET|PRIVATE", DOCKERFILE)


@pytest.mark.parametrize("hardening", ["read_only: true", "cap_drop: [ALL]", "no-new-privileges"])
def test_all_containers_are_hardened_alike(hardening):
    shared = COMPOSE[COMPOSE.index("x-server:") : COMPOSE.index("\nservices:")]
    assert hardening in shared
    assert all("<<: *server" in service(name) for name in ("server1", "server2", "lab"))


def test_the_image_holds_the_servers_and_what_they_stand_on():
    for source in ("shared/flask_service", "server1", "server2", "lab"):
        assert f"\nCOPY {source} {source.rpartition('/')[2]}\n" in DOCKERFILE


def test_the_image_runs_as_another_user_than_root():
    assert DOCKERFILE.rstrip().endswith("USER handoff")
