"""Strangers at work: each a process of its own, with nothing of ours in its environment."""

import json
import os
import secrets
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from flask_handoff.issuer.clients.authentication import secret_hash
from tests.ports import free_port

PATIENCE = 60  # seconds until a stranger has to answer, or to be gone


@dataclass
class Stranger:
    """One piece of other people's software, and how SERVER1 knows it.

    Args:
        name: Its ``client_id``.
        callback: The path of its redirect URI.
        folder: Where its application and its lock are; by default as its name.
        entry: A path that begins its sign-in; ``/`` shows who is signed in.
        registered_as: The kind that SERVER1's operator names in a command; empty for one that
            SERVER1 knows by its settings. What is native keeps no secret, and listens on any port.
        secret: Empty for a client that keeps none.
    """

    name: str
    callback: str
    folder: str = ""
    entry: str = "/"
    registered_as: str = ""
    port: int = field(default_factory=free_port)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def __post_init__(self):
        self.folder = self.folder or self.name

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def redirect_uri(self):
        return self.base_url + self.callback

    @property
    def client(self):
        """Its entry in ``HANDOFF_CLIENTS``."""
        return {
            "client_id": self.name,
            "name": self.name.replace("_", " "),
            "redirect_uris": [self.redirect_uri],
            "post_logout_redirect_uris": [f"{self.base_url}/"],
            "response_types": ["code"],
            "policy": "oidc",
            "secret_hashes": [secret_hash(self.secret)] if self.secret else [],
        }

    @property
    def registered_uri(self):
        """Its redirect URI as its operator knows it."""
        host = "127.0.0.1" if self.registered_as == "native" else f"127.0.0.1:{self.port}"
        return f"http://{host}{self.callback}"

    def settings(self, issuer):
        """Return what its process is told, and nothing else."""
        return {
            "PATH": os.environ["PATH"],
            "ISSUER": issuer,
            "CLIENT_ID": self.name,
            "CLIENT_SECRET": self.secret,
            "REDIRECT_URI": self.redirect_uri,
            "PORT": str(self.port),
            # oauthlib wants TLS for loopback addresses as well, unless it is told otherwise.
            "OAUTHLIB_INSECURE_TRANSPORT": "1",
        }


@contextmanager
def serving(command, stranger, issuer, folder, **settings):
    """Run a stranger that serves pages until the block ends."""
    log = folder / f"{stranger.name}.log"
    with (
        log.open("ab") as output,
        started(
            command,
            env={**stranger.settings(issuer), **settings},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        deadline = time.monotonic() + PATIENCE
        while not is_listening(stranger.port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.03)
        yield


def run_program(command, stranger, issuer, folder, browse, **settings):
    """Run a program that prints where its user has to go, and return what it has printed at last.

    Args:
        browse: Goes there as a user does, and returns where they were sent back to.
    """
    with started(
        command,
        env={**stranger.settings(issuer), **settings},
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        address = process.stdout.readline().strip()
        returned = f"{browse(address)}\n" if address else ""
        printed, written = process.communicate(returned, timeout=PATIENCE)
    if process.returncode != 0:
        raise ProgramFailedError(written)
    return json.loads(printed)


class ProgramFailedError(Exception):
    """A program has ended with an error; the text is what it wrote."""


@contextmanager
def started(command, **options):
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
