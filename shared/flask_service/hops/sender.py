"""Tells the demo's lab of hops, beside the requests: a lab that is down costs them nothing."""

from __future__ import annotations

import logging
import threading
from collections import deque
from urllib.parse import urlsplit

import requests

from flask_service.settings import Lab

from .hop import MAXIMUM, Hop

MOST_WAITING = 200  # hops; a new one is dropped where there are more
TIMEOUT = 0.5  # seconds

_log = logging.getLogger(__name__)


class HopSender:
    """Sends hops one after another, from a thread that lives as long as there are some."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._host = urlsplit(lab.url).netloc
        self._waiting: deque[Hop] = deque()
        self._lock = threading.Lock()  # of the line above and of the next one
        self._is_sending = False
        self._is_away = False
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy of the surroundings learns of it

    def send(self, hop: Hop) -> None:
        """Have it sent. Nothing is waited for, and nothing raised."""
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                return
            self._waiting.append(hop)
            if self._is_sending:
                return
            self._is_sending = True
        threading.Thread(target=self._send_all, name="hop-sender", daemon=True).start()

    def _send_all(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_sending = False
                    return
                hop = self._waiting.popleft()
            self._post(hop.to_json())

    def _post(self, body: bytes) -> None:
        if len(body) > MAXIMUM:
            return
        try:
            answer = self._session.post(
                f"{self._lab.address}/hops",
                data=body,
                headers={"Host": self._host, "Content-Type": "application/json"},
                timeout=TIMEOUT,
                allow_redirects=False,
            )
            answer.raise_for_status()
        except requests.RequestException as error:
            if not self._is_away:  # said once, until it is back
                _log.warning(
                    "the lab at %s is not told what happens here (%s)",
                    self._lab.address,
                    type(error).__name__,
                )
            self._is_away = True
        else:
            self._is_away = False
