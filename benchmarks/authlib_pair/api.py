"""Authlib's resource server: one route that needs an access token (RFC 9068), and one without."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from flask import Flask
from joserfc.jwk import KeySet

from benchmarks.answers import answer

KEYS = KeySet.import_key_set(json.loads(Path(os.environ["PEER_KEYS"]).read_text()))


class Validator(JWTBearerTokenValidator):
    def get_jwks(self) -> KeySet:
        return KEYS


def create_app() -> Flask:
    app = Flask(__name__)
    require_oauth: Any = ResourceProtector()
    require_oauth.register_token_validator(
        Validator(os.environ["HANDOFF_ISSUER"], os.environ["HANDOFF_BASE_URL"])
    )
    app.add_url_rule("/open", "open", lambda: answer())
    app.add_url_rule("/notes", "notes", require_oauth("notes:read")(answer))
    return app
