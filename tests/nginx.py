"""nginx in front of the pair, by the configuration that the project has."""

import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager

import pytest

from tests.documents import CHECKOUT
from tests.ports import free_port
from tests.server_process import PATIENCE

MAIN = """
{user}pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    {temporary}
    include {folder}/handoff.conf;
}}
"""
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def find_nginx():
    """Return the path of nginx; skip or fail where there is none."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        needed = os.environ.get("REQUIRE_NGINX") == "1"
        (pytest.fail if needed else pytest.skip)("There is no nginx: apt-get install nginx.")
    return found


def adapted(folder, certificate, port, upstreams):
    """Return the project's configuration with a test's ports, certificate and log."""
    text = (CHECKOUT / "deploy" / "nginx.conf").read_text()
    for usual, other in {
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "/etc/ssl/private/handoff.pem": str(certificate),
        "/var/log/nginx/": f"{folder}/",
        **{f"127.0.0.1:{usual};": f"127.0.0.1:{other};" for usual, other in upstreams.items()},
    }.items():
        assert usual in text
        text = text.replace(usual, other)
    return text


@contextmanager
def running_nginx(folder, certificate, port, upstreams):
    """Run nginx until the block ends.

    Args:
        certificate: A PEM file with the certificate and its key.
        port: Where it listens.
        upstreams: The ports that stand in the configuration, and where the servers are.
    """
    nginx = find_nginx()
    temporary = "\n    ".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "handoff.conf").write_text(adapted(folder, certificate, port, upstreams))
    main = folder / "nginx.conf"
    main.write_text(MAIN.format(folder=folder, temporary=temporary, user=user))
    command = [nginx, "-p", str(folder), "-c", str(main), "-e", str(folder / "error.log")]
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        deadline = time.monotonic() + PATIENCE
        while not (folder / "nginx.pid").exists():
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)
    for log in ("error.log", "handoff.log"):
        assert not re.search(r"\?|eyJ", (folder / log).read_text())
