"""Services that SERVER1 hands people on to and tells of logouts, on loopback; what they heard."""

import base64
import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs

from sqlalchemy import select

from flask_service.outbox import outbox_of
from server1.accounts.client_sessions import expired_client_sessions
from tests.documents import CHECKOUT
from tests.jwks_endpoint import JWKSEndpoint, response, sends
from tests.servers.accounts_visitor import Visitor, running_accounts

DONE = sends(response(b""))
FAILS = sends(response(b"", status="400 Bad Request"))


@dataclass(frozen=True)
class Told:
    """What a logout token said to one service."""

    client_id: str
    sid: str | None
    subject: str | None
    ended_at: int
    valid_after: int | None = None


class Services:
    """SERVER1 with services that listen: ``server2`` and ``photos``; ``deaf`` is told nothing."""

    def __init__(self, environment, clock, endpoints):
        self.environment = {**environment, "HANDOFF_CLIENTS": json.dumps(_clients(endpoints))}
        self.clock = clock
        self.endpoints = endpoints
        self._running = ExitStack()
        self.start()

    def start(self):
        self.accounts = self._running.enter_context(running_accounts(self.environment, self.clock))
        self.database = self.accounts.database
        self.outbox = outbox_of(self.accounts.app)

    def stop(self):
        self._running.close()

    def enter(self, visitor, client_id="server2"):
        """Hand somebody on to a service."""
        redirect_uri = f"http://127.0.0.1:5002/{client_id}"
        answer = visitor.authorize(client_id=client_id, redirect_uri=redirect_uri)
        assert "id_token=" in answer.location
        return answer

    def visitor(self, *client_ids, email="ada@example.com"):
        """Open a browser that is signed in and was handed on to these services."""
        visitor = Visitor(self.accounts)
        visitor.sign_in(email)
        for client_id in client_ids:
            self.enter(visitor, client_id)
        return visitor

    def sid(self):
        """The session that was opened last."""
        return max(self.accounts.session_rows(), key=lambda row: row.auth_time).sid

    def tell(self):
        with self.accounts.app.app_context():
            return self.outbox.process_due(self.outbox.kinds["logout"])

    @contextmanager
    def other_process(self, *command):
        """Run a command of the operator in a process of its own, killed at the end of the block."""
        ours = ("HANDOFF_", "SERVER1_", "FLASK_")
        bare = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "flask", "--app", "server1", *command],
            cwd=CHECKOUT,
            env={**bare, **self.environment},
            stdin=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def tell_one(self):
        with self.accounts.app.app_context():
            return self.outbox.process_one(self.outbox.kinds["logout"])

    def told(self):
        """Tell what is due, and return what all services have heard until now."""
        self.tell()
        return [_told(request) for each in self.endpoints.values() for request in each.requests]

    def waiting(self):
        with self.database.reading() as connection:
            return self.outbox.jobs(connection)

    def expired(self):
        with self.database.reading() as connection:
            return connection.execute(select(expired_client_sessions)).all()


@contextmanager
def running_services(environment, clock):
    with ExitStack() as stack:
        endpoints = {
            name: stack.enter_context(JWKSEndpoint(DONE)) for name in ("server2", "photos")
        }
        services = Services(environment, clock, endpoints)
        stack.callback(services.stop)
        yield services


def _clients(endpoints):
    addresses = {name: {"backchannel_logout_uri": each.uri} for name, each in endpoints.items()}
    return [
        {
            "client_id": name,
            "name": name.upper(),
            "redirect_uris": [f"http://127.0.0.1:5002/{name}"],
            "response_modes": ["query"],
            "initiate_login_uri": "http://127.0.0.1:5002/sso/login",
            "first_party": True,
            "post_logout_redirect_uris": [f"http://127.0.0.1:5002/{name}/bye"],
            **more,
        }
        for name, more in {**addresses, "deaf": {}}.items()
    ]


def _told(request):
    [token] = parse_qs(request.partition(b"\r\n\r\n")[2].decode())["logout_token"]
    payload = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    named = (payload.get("sid"), payload.get("sub"))
    return Told(payload["aud"], *named, payload["toe"], payload.get("valid_after"))
