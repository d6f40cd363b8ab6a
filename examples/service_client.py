"""A service without users that calls an API for itself, with a key of its own. Copy it.

    flask --app server1 clients add 'Nightly report' --service --client-id report \\
        --scope notes:read --scope notes:write          # writes report.json, this once
    python examples/service_client.py report.json add 'Nothing happened.'
    python examples/service_client.py report.json list

It needs requests and PyJWT[crypto].

Sources: RFC 6749, section 4.4 (client_credentials); RFC 7523, section 2.2 (private_key_jwt); RFC
6750 (bearer tokens).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import requests

SCOPE = "notes:read notes:write"
RENEWED_BEFORE = 30  # seconds before the access token expires
PATIENCE = 10  # seconds for an answer
LONGEST_ANSWER = 1024 * 1024  # bytes
JSON = {"Content-Type": "application/json"}
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
UNUSABLE = (
    *(requests.RequestException, jwt.PyJWTError, OSError),
    *(ArithmeticError, LookupError, RecursionError, TypeError, ValueError),
)
"""What a key file or an answer leads to that is none."""


class ServiceClient:
    """Calls one API as a service. One for each thread.

    Args:
        key: What the service's JSON file holds.
        api: The API's base URL.
        clock: Tells how much time has passed, in seconds.
    """

    def __init__(
        self, key: dict[str, str], api: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._key = key
        self._api = api
        self._clock = clock
        self._access_token = ""
        self._renew_at = -math.inf
        self._http = requests.Session()
        # Else the password that ~/.netrc has for a host is sent in the place of the token.
        self._http.auth = lambda request: request

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Call the API, and return the JSON of its answer.

        Raises:
            requests.RequestException: SERVER1 or the API refuses, or does not answer.
            LookupError, TypeError, ValueError: It answers something else.
        """
        is_new = self._renew_at <= self._clock()
        if is_new:
            self._renew()
        try:
            return self._call(method, path, **options)
        except requests.HTTPError as error:
            if is_new or error.response.status_code != 401:
                raise
        # Revoked meanwhile, or expired while the machine slept and its clock with it.
        self._renew()
        return self._call(method, path, **options)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        return self._send(
            method,
            f"{self._api}{path}",
            headers=options.pop("headers", {}) | {"Authorization": f"Bearer {self._access_token}"},
            **options,
        )

    def _renew(self) -> None:
        now = self._clock()
        form = {
            "grant_type": "client_credentials",
            "scope": SCOPE,
            "resource": self._api,
            "client_assertion_type": JWT_BEARER,
            "client_assertion": self._assertion(),
        }
        given = self._send("POST", self._key["token_uri"], data=form)
        self._access_token = given["access_token"]
        self._renew_at = now + given["expires_in"] - RENEWED_BEFORE

    def _assertion(self) -> str:
        """Sign who the service is: for the issuer alone, for one minute, for one use."""
        name = self._key["client_id"]
        claims = {
            "iss": name,
            "sub": name,
            "aud": self._key["issuer"],
            "exp": int(time.time()) + 60,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(
            claims,
            self._key["private_key"],
            algorithm="RS256",
            headers={"kid": self._key["key_id"]},
        )

    def _send(self, method: str, url: str, **options: Any) -> Any:
        # A redirect could lead what is in the request elsewhere; it is an error here.
        options |= {"timeout": PATIENCE, "allow_redirects": False, "stream": True}
        body = bytearray()
        with self._http.request(method, url, **options) as answer:
            for piece in answer.iter_content(16 * 1024):
                body += piece
                if len(body) > LONGEST_ANSWER:
                    raise ValueError(f"{url} answered too much")
        if answer.status_code // 100 != 2:
            text = body.decode(errors="replace").strip()
            problem = f"{url} answered {answer.status_code}: {text}"
            raise requests.HTTPError(problem, response=answer)
        return json.loads(body)


def main() -> int:
    """Run one command; return 1, after a sentence, where it cannot be done."""
    parser = argparse.ArgumentParser(description="The notes of a service.")
    parser.add_argument("key_file", type=Path)
    parser.add_argument("command", choices=["list", "add"])
    parser.add_argument("texts", nargs="*")
    options = parser.parse_args()
    if bool(options.texts) is not (options.command == "add"):
        parser.error("'add' takes texts, and 'list' none")
    api = (os.environ.get("NOTES_API") or "http://127.0.0.1:5002").rstrip("/")
    try:
        service = ServiceClient(json.loads(options.key_file.read_text()), api)
        for text in options.texts:
            document = json.dumps({"text": text}, ensure_ascii=False)  # escapes would be longer
            service.request("POST", "/api/notes", data=document.encode(), headers=JSON)
        page = service.request("GET", "/api/notes")
        for note in page["notes"]:
            print(f"{printable(note['created_at'])[:10]}  {printable(note['text'])}")
        if page["next"] is not None:
            print("and older ones; notes_cli.py shows how to go through them")
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has enough, as in "list | head -1"
        end_output()
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 1
    except UNUSABLE as error:
        end_output()
        print(f"{type(error).__name__}: {printable(error)}", file=sys.stderr)
        return 1
    return 0


def end_output() -> None:
    """Write what is left; what cannot be, Python would try again at its end, and complain of."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: object) -> str:
    """Return a text from elsewhere without what a terminal would obey."""
    return "".join(each if each.isprintable() else " " for each in str(text))


if __name__ == "__main__":
    sys.exit(main())
