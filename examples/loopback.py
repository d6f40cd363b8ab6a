"""Receives the answer to a sign-in at a port of loopback, as a program on its user's machine does.

Source: RFC 8252, sections 7.3 and 8.3.
"""

from __future__ import annotations

import queue
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs

from token_store import ProgramError

PATIENCE = 10  # seconds for a connection: a browser opens some that it does not use
SIGN_IN_WITHIN = 600  # seconds; then the issuer has forgotten the request as well
PAGE = "<!doctype html><title>{0}</title><p>{0}"
AWAITED = PAGE.format("Go back to the program. You can close this window.").encode()
NOT_AWAITED = PAGE.format("The program does not wait for this answer.").encode()


class Listener(ThreadingHTTPServer):
    """Waits, while it is open, for the one answer with this state; any other changes nothing."""

    def __init__(self, state: str) -> None:
        super().__init__(("127.0.0.1", 0), _Callback)
        self.redirect_uri = f"http://127.0.0.1:{self.server_port}/callback"
        self.state = state
        self.answers = queue.Queue[dict[str, str]]()

    def __enter__(self) -> Self:
        # At once: some browsers are started and waited for until they are closed again.
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def wait(self) -> dict[str, str]:
        """Return the parameters of the answer, each of which came once.

        Raises:
            ProgramError: None came in ten minutes.
        """
        try:
            return self.answers.get(timeout=SIGN_IN_WITHIN)
        except queue.Empty:
            raise ProgramError("Not signed in: ten minutes have passed. Begin again.") from None

    def handle_error(self, *_: object) -> None:
        """Write nothing about a browser that is gone before its page has come."""


class _Callback(BaseHTTPRequestHandler):
    server: Listener
    timeout = PATIENCE

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        given = {name: values[0] for name, values in parse_qs(query).items() if not values[1:]}
        state = given.get("state", "").encode()
        awaited = path == "/callback" and secrets.compare_digest(state, self.server.state.encode())
        page = AWAITED if awaited else NOT_AWAITED
        try:
            self._show(page, 200 if awaited else 400)
        finally:
            if awaited:
                self.server.answers.put(given)

    def _show(self, page: bytes, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Write nothing: the address holds a code."""
