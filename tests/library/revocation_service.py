"""A service with one protected route that is notified of revocations, and its issuer's minter."""

from datetime import timedelta

from flask import Flask

from flask_handoff import HandoffAPI, MemoryReplayStore, Revocation, TokenMinter
from flask_handoff.api.notices import EXTENSION
from flask_handoff.stores import MemoryRevocationList
from tests.minimal_pair import ISSUER, RECEIVER

PATH = "/sso/revocations"
CONTENT_TYPE = "application/secevent+jwt"


class Service:
    """One process of it; several share a list, and know what is new when ``later`` has passed."""

    def __init__(self, key_ring, clock, entries=None, replay_store=None, **settings):
        self._clock, self._passed = clock, 0.0
        self._minter = TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock)
        self.app, api = Flask("service"), HandoffAPI()
        self.app.config.update(
            {
                "HANDOFF_ISSUER": ISSUER,
                "HANDOFF_BASE_URL": RECEIVER,
                "HANDOFF_CLIENT_ID": "notes",
                **settings,
            }
        )
        api.init_app(
            self.app,
            keys=key_ring,
            revocation_list=entries or MemoryRevocationList(),
            replay_store=replay_store or MemoryReplayStore(),
            clock=clock,
        )
        self.app.extensions["api"] = api
        if notices := self.app.extensions.get(EXTENSION):
            notices.strategy._copy._monotonic = lambda: self._passed

        @self.app.get("/notes")
        @api.require_token(scope="notes:read")
        def notes():
            return "let in"

    def later(self, seconds=0.5):
        self._passed += seconds

    def mint(self, **changed):
        asked = {
            "subject": "ada",
            "client_id": "reader",
            "audience": RECEIVER,
            "scope": frozenset({"notes:read"}),
            "session_id": "s",
            "jwt_id": "j" * 43,
            **changed,
        }
        return self._minter.mint_access(**asked)

    def call(self, token):
        return (
            self.app.test_client()
            .get("/notes", base_url=RECEIVER, headers={"Authorization": f"Bearer {token}"})
            .status_code
        )

    def cut(self, *, ahead=1, **named):
        """A notice that ends what was issued until now."""
        valid_after = self._clock() + timedelta(seconds=ahead)
        return self.notice(Revocation(**named, valid_after=valid_after))

    def token_notice(self, jwt_id="j" * 43):
        expires_at = self._clock() + timedelta(minutes=10)
        return self.notice(Revocation(jwt_id=jwt_id, expires_at=expires_at))

    def notice(self, revocation, audience="notes"):
        return self._minter.mint_revocation(audience=audience, revocation=revocation)

    def post(self, notice, path=PATH, base_url=RECEIVER, **options):
        asked = {"data": notice, "content_type": CONTENT_TYPE, **options}
        return self.app.test_client().post(path, base_url=base_url, **asked)

    def revoke(self, notice):
        """Take a notice; half a second later it holds."""
        answer = self.post(notice)
        self.later()
        return answer.status_code
