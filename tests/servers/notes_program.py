"""A program at SERVER2's API, and SERVER1 played by the key that signs for it."""

import json
import secrets
from contextlib import contextmanager

from flask_handoff import TokenMinter
from server2 import create_app
from server2.config import Config
from tests.servers.notes_visitor import BASE_URL, ISSUER, FakeClock

READ, WRITE = "notes:read", "notes:write"
ALL = f"{READ} {WRITE}"
NOTES = "/api/notes"


class Program:
    """One program, which holds an access token of one user and no cookie."""

    def __init__(self, app, key_ring, clock, scope=ALL, subject="ada"):
        self.app = app
        self._minter = TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock)
        self.subject = subject
        self.token = self.mint(scope)

    def mint(self, scope=ALL, audience=BASE_URL):
        return self._minter.mint_access(
            subject=self.subject,
            client_id="terminal",
            audience=audience,
            scope=frozenset(scope.split()),
            session_id="a-session-at-server1",
            jwt_id=secrets.token_urlsafe(32),
        )

    def ask(self, path=NOTES, method="GET", **options):
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        url = path.removeprefix(BASE_URL)
        client = self.app.test_client(use_cookies=False)
        return client.open(url, method=method, base_url=BASE_URL, headers=headers, **options)

    def post(self, body, content_type="application/json", **options):
        """Send a body as it is: text, or octets that need not be any."""
        return self.ask(method="POST", data=body, content_type=content_type, **options)

    def add(self, text):
        """Add a note, and return it."""
        answer = self.post(json.dumps({"text": text}, ensure_ascii=False))
        assert answer.status_code == 201, answer.text
        return answer.json

    def texts(self):
        """Return the texts of all notes, over all pages."""
        found: list[str] = []
        path = f"{NOTES}?limit=100"
        while path and len(found) < 1000:  # a list that does not end is another fault
            page = self.ask(path).json
            found += [note["text"] for note in page["notes"]]
            path = page["next"]
        return found


@contextmanager
def shared_program(instance, public_key, key_ring):
    """Run one server for many tests, whose clock stands, with a program that may do all."""
    settings = {"SERVER2_INSTANCE": str(instance), "HANDOFF_PINNED_KEYS": str(public_key)}
    clock = FakeClock()
    app = create_app(Config.from_environment(settings), clock=clock)
    yield Program(app, key_ring, clock)
    app.extensions["database"].close()


def is_problem(answer, status):
    """Tell whether an answer is problem details of this status, and is kept out of caches."""
    return (
        answer.status_code == status
        and answer.content_type == "application/problem+json"
        and answer.json["status"] == status
        and answer.json.keys() >= {"title", "detail", "request_id"}
        and answer.headers["Cache-Control"] == "no-store"
    )
