"""Whether the time of an answer tells if there is an account: known addresses against unknown ones.

A real server with passwords as dear as by default, some tries each, in turn. Each try is another
browser at another address, so that no throttle stands in the way. The ratio is of the medians, the
longer over the shorter: it is the same to a spy which of the two takes longer.
"""

from __future__ import annotations

import logging
import re
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.processes import free_port, running
from benchmarks.verdict import Row
from flask_service.database import database_of
from server1 import create_app
from server1.accounts.administration import create_account
from server1.config import Config

TRIES = 16
NUMBERS = frozenset({12})


@dataclass(frozen=True, slots=True)
class Form:
    """A form of SERVER1, and how it is filled in for an address."""

    name: str
    path: str
    fields: Callable[[str], Mapping[str, str]]
    status: int


FORMS = (
    Form("sign in", "/login", lambda email: {"email": email, "password": "a wrong guess"}, 403),
    Form(
        "sign up",
        "/signup",
        lambda email: {"email": email, "name": "Ada", "password": "lilac engine 49 quarry"},
        303,
    ),
    Form("forgot password", "/forgot-password", lambda email: {"email": email}, 303),
    Form("send again", "/verify-email/again", lambda email: {"email": email}, 303),
)


def measure(starts: int) -> Iterator[Row]:
    found = [_one_start() for _ in range(starts)]
    for number, form in enumerate(FORMS):
        known, unknown = zip(*(each[number] for each in found), strict=True)
        pair = [("known", known), ("unknown", unknown)]
        (longer, mine), (shorter, theirs) = sorted(
            pair, key=lambda one: statistics.median(one[1]), reverse=True
        )
        times = tuple(zip(mine, theirs, strict=True))
        yield Row(12, f"{form.name}, {longer}", shorter, "ms", times, must=1.10)


def _one_start() -> list[tuple[float, float]]:
    with tempfile.TemporaryDirectory() as directory:
        folder, port = Path(directory), free_port()
        environment = {
            "SERVER1_PORT": str(port),
            "SERVER1_INSTANCE": str(folder / "server1"),
            "SERVER1_TRUSTED_PROXIES": "1",
            "SERVER1_DEMO": "1",
            "DEMO_PASSWORD": secrets.token_urlsafe(16),
            "HANDOFF_KEYS_DIRECTORY": str(folder / "keys"),
        }
        _make_accounts(environment)
        with running([sys.executable, "-m", "server1"], port, environment, folder):
            return [_compare(form, f"http://localhost:{port}") for form in FORMS]


def _compare(form: Form, server: str) -> tuple[float, float]:
    known: list[float] = []
    unknown: list[float] = []
    for number in range(TRIES):
        pair = [(known, _email(number)), (unknown, f"nobody-{secrets.token_hex(8)}@example.com")]
        # By turns first: the first of a pair takes a little longer, whichever it is.
        for times, email in pair if number % 4 < 2 else reversed(pair):
            times.append(_milliseconds(form, server, email))
    return statistics.median(known), statistics.median(unknown)


def _milliseconds(form: Form, server: str, email: str) -> float:
    # In demo mode it answers this machine only, to which all of 127.0.0.0/8 belongs.
    address = ".".join(["127", *(str(secrets.randbelow(256)) for _ in range(3))])
    with requests.Session() as browser:
        browser.headers["X-Forwarded-For"] = address
        page = browser.get(f"{server}{form.path}").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token is not None, "no form"
        fields = {"csrf_token": token[1], **form.fields(email)}
        start = time.perf_counter()
        answer = browser.post(f"{server}{form.path}", data=fields, allow_redirects=False)
        milliseconds = (time.perf_counter() - start) * 1000
    assert answer.status_code == form.status, answer.status_code
    return milliseconds


def _make_accounts(environment: Mapping[str, str]) -> None:
    logging.disable(logging.INFO)
    app = create_app(Config.from_environment(environment))
    try:
        with app.app_context():
            for number in range(TRIES):
                create_account(
                    email=_email(number),
                    name="Ada",
                    unverified_password=secrets.token_urlsafe(16),
                    email_verified=number % 2 == 0,
                )
    finally:
        database_of(app).close()
        logging.disable(logging.NOTSET)


def _email(number: int) -> str:
    return f"known-{number}@example.com"
