"""Two applications of one host, below paths, on gunicorn behind a real nginx."""

import os
import secrets
import shutil
import subprocess
import time
from contextlib import ExitStack

import pytest

from flask_handoff.keys import new_key
from tests.documents import CHECKOUT
from tests.end_to_end.journey import Browser, action_of, fields_of
from tests.examples.conftest import PATIENCE
from tests.ports import free_port
from tests.strangers.processes import is_listening, started

EXAMPLE = CHECKOUT / "examples" / "behind_nginx"
PASSWORD = secrets.token_urlsafe(12)
AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{servers}
}}
"""


@pytest.fixture(scope="module")
def nginx():
    found = shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    if found is None:
        required = os.environ.get("REQUIRE_NGINX") == "1"
        (pytest.fail if required else pytest.skip)("There is no nginx.")
    return found


@pytest.fixture(scope="module")
def site(nginx, environment, tmp_path_factory):
    """The address of both, running."""
    folder = tmp_path_factory.mktemp("site")
    ports = {port: free_port() for port in ("8080", "8001", "8002")}
    servers = (EXAMPLE / "nginx.conf").read_text()
    for port, ours in ports.items():
        servers = servers.replace(f"127.0.0.1:{port}", f"127.0.0.1:{ours}")
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, servers=servers))
    site = f"http://localhost:{ports['8080']}"
    settings = {
        name: environment.settings(
            SITE=site,
            FLASK_SECRET_KEY=secrets.token_hex(32),
            FLASK_SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/{name}.sqlite3",
            HANDOFF_KEYS_DIRECTORY=str(folder / "keys"),
        )
        for name in ("issuer", "receiver")
    }
    new_key(folder / "keys")
    flask = ("-m", "flask", "--app")
    for command, more in (
        (("issuer", "add-user", "ada@example.com", "Ada"), {"NEW_PASSWORD": PASSWORD}),
        (("receiver", "create-tables"), {}),
    ):
        done = environment.run(*flask, *command, cwd=EXAMPLE, **settings[command[0]], **more)
        assert done.returncode == 0, done.stdout
    gunicorn = (environment.python, "-m", "gunicorn", "--no-control-socket", "--workers", "3")
    with ExitStack() as stack, (folder / "log").open("wb") as log:
        options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        for name, port in (("issuer", "8001"), ("receiver", "8002")):
            serve = [*gunicorn, "--bind", f"127.0.0.1:{ports[port]}", f"{name}:create_app()"]
            stack.enter_context(started(serve, cwd=EXAMPLE, env=settings[name], **options))
        proxy = [nginx, "-e", folder / "nginx.log", "-c", folder / "nginx.conf"]
        process = stack.enter_context(started(proxy, cwd=folder, **options))
        ends_at = time.monotonic() + PATIENCE
        while not all(map(is_listening, ports.values())):
            assert process.poll() is None and time.monotonic() < ends_at, text_of(folder / "log")
            time.sleep(0.03)
        yield site
    written = text_of(folder / "log")
    assert "WARNING" not in written and "Traceback" not in written, written


def text_of(log):
    return log.read_text(errors="replace")


def test_a_deep_link_below_a_path_is_reached_and_left_again(site):
    wanted = f"{site}/notes/files/reports%2F2026.txt?of=a%2Fb"
    for _ in range(2):  # another browser, as a rule at other processes
        with Browser(site, site) as browser:
            login = browser.follow(browser.get(wanted))
            assert login.url.startswith(f"{site}/accounts/login?continue=")
            fields = {**fields_of(login), "email": "ada@example.com", "password": PASSWORD}
            page = browser.follow(browser.post(site + action_of(login), fields))
            assert page.url == f"{site}/notes/files/reports/2026.txt?of=a%2Fb"
            assert "This is reports/2026.txt of Ada." in page.text
            assert browser.get(wanted).status_code == 200
            paths = {cookie.name: cookie.path for cookie in browser.http.cookies}
            assert paths["accounts_session"] == "/accounts"
            assert paths["notes_session"] == "/notes"

            left = browser.follow(browser.post(f"{site}/notes/sign-out", {}))
            assert left.url == f"{site}/notes/signed-out"
            assert "Signed out" in browser.get(f"{site}/accounts/").text
            assert browser.get(wanted).status_code == 303
