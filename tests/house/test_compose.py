"""What can be seen in the container files without an engine; the journey itself needs one."""

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
COMPOSE = (CHECKOUT / "docker-compose.yml").read_text()
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()


def service(name):
    start = COMPOSE.index(f"\n  {name}:\n")
    end = re.search(r"\n(  \w|\w)", COMPOSE[start + 3 :])
    return COMPOSE[start : start + 3 + end.start()]


def test_every_port_is_published_on_loopback_only():
    published = re.findall(r'^ +ports: \["([^"]+)"\]$', COMPOSE, re.MULTILINE)
    assert published == ["127.0.0.1:5001:5001", "127.0.0.1:5002:5002"]


def test_only_server1_can_reach_the_private_key():
    assert "/var/lib/server1" in service("server1")
    assert "server1:/var/lib" not in service("server2")
    assert "KEYS_DIRECTORY" not in service("server2")


def test_the_two_servers_meet_in_the_network_of_the_keys_only():
    assert "networks: [server1, keys]" in service("server1")
    assert "networks: [server2, keys]" in service("server2")
    assert re.search(r"\n  keys:\n    internal: true", COMPOSE)


def test_no_secret_stands_in_the_files():
    named = re.findall(r"^ +(\w*(?:PASSWORD|SECRET|TOKEN)\w*): (.*)$", COMPOSE, re.MULTILINE)
    assert named == [("DEMO_PASSWORD", "${DEMO_PASSWORD:-}")]
    assert not re.search(r"PASSWORD|SECRET|PRIVATE", DOCKERFILE)


@pytest.mark.parametrize("hardening", ["read_only: true", "cap_drop: [ALL]", "no-new-privileges"])
def test_both_servers_are_hardened_alike(hardening):
    shared = COMPOSE[COMPOSE.index("x-server:") : COMPOSE.index("\nservices:")]
    assert hardening in shared
    assert all("<<: *server" in service(name) for name in ("server1", "server2"))


def test_the_image_runs_as_another_user_than_root():
    assert DOCKERFILE.rstrip().endswith("USER handoff")
