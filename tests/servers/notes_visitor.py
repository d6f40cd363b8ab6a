"""A browser at SERVER2, and SERVER1 played by the key that signs for it."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

from flask_handoff import HANDOFF, SignedInUser, TokenMinter

BASE_URL = "http://127.0.0.1:5002"
ISSUER = "http://localhost:5001"
ALL_SCOPES = "openid profile email notes:read notes:write"


class FakeClock:
    """A clock that stands until it is told to go on."""

    def __init__(self):
        self.put_back()

    def put_back(self):
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        """Let time pass as whoever waits wants it, and not longer."""
        self.tick(seconds=seconds)

    def tick(self, **duration):
        self.now += timedelta(**duration)


class Visitor:
    """One browser, with a cookie jar of its own."""

    def __init__(self, app, key_ring, clock, base_url=BASE_URL):
        self.app = app
        self.base_url = base_url
        self.client = app.test_client()
        self.key_ring = key_ring
        self.minter = TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock)
        self.clock = clock

    def get(self, path, **options):
        return self.client.get(path, base_url=self.base_url, **options)

    def post(self, path, data=None, **options):
        return self.client.post(path, base_url=self.base_url, data=data, **options)

    def submit(self, path, data=None, *, page="/notes"):
        """Fill in a form of *page* and send it to *path*."""
        return self.post(path, {"csrf_token": self.csrf_token(page), **(data or {})})

    def csrf_token(self, page="/notes"):
        return re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)[1]

    def add_note(self, text):
        return self.submit("/notes", {"text": text})

    def arrive(
        self,
        *,
        target="/notes",
        subject="ada",
        scope=ALL_SCOPES,
        sid="a-session-at-server1",
        name="Ada",
        email=None,
    ):
        """Sign in at SERVER1 and come back: what SERVER2 answers to the token."""
        answer = self.get("/sso/login", query_string={"target_link_uri": target})
        return self.get(self.callback(answer, subject, scope, sid, name=name, email=email))

    def is_signed_in(self):
        return "Signed in as" in self.get("/").text

    def callback(
        self, answer, subject="ada", scope=ALL_SCOPES, sid="a-session-at-server1", **about
    ):
        asked = {name: one for name, (one,) in parse_qs(urlsplit(answer.location).query).items()}
        token = self.minter.mint(
            HANDOFF,
            SignedInUser(subject, sid, self.clock(), **about),
            audience=asked["client_id"],
            nonce=asked["nonce"],
            scope=frozenset(scope.split()),
        )
        fields = {"id_token": token, "state": asked["state"], "iss": ISSUER}
        return f"/sso/callback?{urlencode(fields)}"

    def log_out_at_server1(self, *, ended_at=None, **named):
        """Be SERVER1, and tell of a logout there; no cookie goes with it."""
        token = self.minter.mint_logout(
            audience="server2", ended_at=ended_at or self.clock(), **named
        )
        return self.app.test_client(use_cookies=False).post(
            "/sso/backchannel-logout", base_url=self.base_url, data={"logout_token": token}
        )

    def cookies(self):
        return {cookie.key: cookie.value for cookie in self._jar()}

    def _jar(self):
        return self.client._cookies.values()
