"""Gives a program on its user's machine access to an API: sign-in, refresh, and the end of it.

The user signs in with their own browser, and the answer comes to a port of loopback that the
system chooses. Access tokens are renewed with a refresh token, by one process at a time.

Sources: RFC 8252; RFC 7636 (PKCE); RFC 8414 (metadata); RFC 8707 (resource); RFC 9207 (iss); RFC
6749, section 6, and RFC 9700, section 4.14 (refresh); RFC 7009 (revocation).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
import webbrowser
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import requests

from loopback import Listener
from token_store import ProgramError, Tokens, TokenStore, printable, uninterrupted

RENEWED_BEFORE = 30  # seconds before an access token expires
PATIENCE = 5  # seconds for an answer; the issuer repeats a lost one for 10
LONGEST_ANSWER = 1024 * 1024  # bytes
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class NoAnswerError(ProgramError):
    """A server did not answer, or its answer was lost: a proxy says 502 or 504 then."""


class AccessEndedError(ProgramError):
    """The user has to sign in again."""


class Answer(NamedTuple):
    """What a server answered; of no JSON object nothing is left but the status."""

    status: int
    document: dict[str, Any]


@dataclass(frozen=True)
class Client:
    """A program as its issuer knows it, and what it asks for.

    Args:
        issuer: Who signs the user in.
        client_id: The program's name there.
        resource: The base URL of the API, which tokens are for and go to.
        scope: With ``offline_access``, which brings a refresh token.
    """

    issuer: str
    client_id: str
    resource: str
    scope: str


class UserAccess:
    """A user's access to one API.

    Raises:
        ProgramError: An address is neither https nor on this machine.
    """

    def __init__(self, client: Client, store: TokenStore) -> None:
        _check_address(client.issuer)
        _check_address(client.resource)
        self._client = client
        self._store = store
        self._http = requests.Session()
        # Else the password that ~/.netrc has for a host is sent in the place of the token.
        self._http.auth = lambda request: request

    def sign_in(self, *, with_browser: bool = True) -> None:
        """Have the user sign in and agree, and keep the tokens that this brings.

        Raises:
            ProgramError: They do not, or the issuer gives no tokens.
            OSError: The tokens cannot be kept; the access has ended again.
        """
        with self._store.locked():
            self._store.load()  # nobody signs in where nothing can be kept
        metadata = self._metadata()
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        with Listener(state) as listener:
            address = self._address(metadata, listener, verifier)
            print(f"Sign in at {address}", flush=True)
            if with_browser:
                webbrowser.open(address)
            code = self._code_of(listener.wait())
        tokens = self._request_tokens(
            metadata,
            grant_type="authorization_code",
            code=code,
            redirect_uri=listener.redirect_uri,
            code_verifier=verifier,
        )
        with self._store.locked():
            former = self._store.load()
            try:
                self._store.save(tokens)
            except (OSError, ProgramError):
                with suppress(ProgramError):
                    self._revoke(metadata, tokens)
                raise
        if former is not None:
            with suppress(ProgramError):
                self._revoke(metadata, former)

    def sign_out(self) -> bool:
        """Forget the tokens in every case, and return whether the issuer ended the access.

        Raises:
            ProgramError: The issuer could not be asked, or the tokens are still here.
        """
        problem, where = "", f"End the access on your account page at {self._client.issuer}."
        with self._store.locked(if_possible=True):
            tokens = self._store.load()
            try:
                has_ended = tokens is None or self._revoke(self._metadata(), tokens)
            except ProgramError as error:
                has_ended, problem = False, f"{error} "
            try:
                self._store.forget()
            except ProgramError as error:
                done = "The access has ended, but" if has_ended else f"{problem}{where} And"
                raise ProgramError(f"{done} {error}") from None
        if problem:
            raise ProgramError(f"Signed out here alone. {problem}{where}")
        return has_ended

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Call the API, and return the JSON object of its answer.

        Raises:
            AccessEndedError: The user has to sign in again.
            ProgramError: The API refuses, or does not answer.
        """
        url = f"{self._client.resource}{path}"
        tokens = self._store.load()
        if tokens is None:
            raise AccessEndedError
        if tokens.expires_at - RENEWED_BEFORE < time.time():
            tokens = self._refreshed(tokens)
        answer = self._send(method, url, tokens, **options)
        if answer.status == 401:  # revoked, or a clock is wrong
            answer = self._send(method, url, self._refreshed(tokens), **options)
        if answer.status // 100 != 2:
            detail = answer.document.get("detail", "no reason given")
            raise ProgramError(f"The API answered {answer.status}: {printable(detail)}")
        return answer.document

    def _refreshed(self, used: Tokens) -> Tokens:
        """Return tokens newer than these, which another process may have got meanwhile."""
        with self._store.locked():
            held = self._store.load()
            if held is None:
                raise AccessEndedError
            if held != used:
                return held
            # On a full disk, or by Ctrl-C at a keyring that waits to be unlocked, it ends here:
            # the new token would be lost, and this one spent.
            self._store.save(held)
            with uninterrupted():
                return self._replaced(held)

    def _replaced(self, held: Tokens) -> Tokens:
        try:
            fresh = self._refresh(held)
        except AccessEndedError:
            if self._store.load() == held:
                self._store.forget()
            raise
        # Where a file system ignores locks, what another process kept meanwhile is newer.
        if self._store.load() == held:
            self._store.save(fresh)
        return fresh

    def _refresh(self, held: Tokens) -> Tokens:
        form = {"grant_type": "refresh_token", "refresh_token": held.refresh_token}
        metadata = self._metadata()
        try:
            return self._request_tokens(metadata, **form)
        except NoAnswerError:
            # It may have been lost on its way, and this token replaced: soon it would be too late.
            return self._request_tokens(metadata, **form)

    def _address(self, metadata: dict[str, Any], listener: Listener, verifier: str) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": listener.redirect_uri,
            "scope": self._client.scope,
            "resource": self._client.resource,
            "state": listener.state,
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{metadata['authorization_endpoint']}?{urlencode(asked)}"

    def _code_of(self, answer: dict[str, str]) -> str:
        # Else a code of one issuer could be taken to another (mix-up).
        if answer.get("iss") != self._client.issuer:
            raise ProgramError("Not signed in: the answer is not from the server that was asked.")
        if "code" in answer:
            return answer["code"]
        error = answer.get("error", "no code")
        reason = "you did not agree, or may not do this" if error == "access_denied" else error
        raise ProgramError(f"Not signed in: {printable(reason)}.")

    def _metadata(self) -> dict[str, Any]:
        issuer = self._client.issuer
        answer = self._send("GET", f"{issuer}/.well-known/openid-configuration")
        metadata = answer.document
        if answer.status != 200 or metadata.get("issuer") != issuer:
            raise ProgramError(f"{issuer} does not describe itself as an issuer of this name.")
        for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint"):
            if name in metadata or name != "revocation_endpoint":
                _check_address(str(metadata.get(name)))
        return metadata

    def _request_tokens(self, metadata: dict[str, Any], **form: str) -> Tokens:
        asked_at = time.time()
        form["client_id"] = self._client.client_id
        answer = self._send("POST", metadata["token_endpoint"], data=form)
        given = answer.document
        if given.get("error") == "invalid_grant":
            raise AccessEndedError
        if answer.status >= 500:
            raise NoAnswerError(f"{self._client.issuer} gave no tokens: status {answer.status}.")
        try:
            return Tokens(
                access_token=_token(given["access_token"]),
                expires_at=asked_at + given["expires_in"],
                refresh_token=_token(given.get("refresh_token") or form["refresh_token"]),
            )
        except (KeyError, OverflowError, TypeError):
            reason = printable(given.get("error", f"status {answer.status}"))
            raise ProgramError(f"{self._client.issuer} gave no tokens: {reason}") from None

    def _revoke(self, metadata: dict[str, Any], tokens: Tokens) -> bool:
        if "revocation_endpoint" not in metadata:
            return False
        form = {
            "token": tokens.refresh_token,
            "token_type_hint": "refresh_token",
            "client_id": self._client.client_id,
        }
        return self._send("POST", metadata["revocation_endpoint"], data=form).status == 200

    def _send(self, method: str, url: str, tokens: Tokens | None = None, **options: Any) -> Answer:
        bearer = {"Authorization": f"Bearer {tokens.access_token}"} if tokens else {}
        headers = options.pop("headers", {}) | bearer
        try:
            # No redirect is followed: it could lead what is in the request elsewhere.
            options |= {"timeout": PATIENCE, "allow_redirects": False, "stream": True}
            with self._http.request(method, url, headers=headers, **options) as answer:
                return Answer(answer.status_code, _document(answer))
        except requests.RequestException as error:
            where = "{0.scheme}://{0.netloc}".format(urlsplit(url))
            raise NoAnswerError(f"{where} does not answer: {type(error).__name__}.") from None


def _document(answer: requests.Response) -> dict[str, Any]:
    body = bytearray()
    for piece in answer.iter_content(16 * 1024):
        body += piece
        if len(body) > LONGEST_ANSWER:
            return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _token(unverified: object) -> str:
    # What else there is could write another header; RFC 6749, appendices A.12 and A.17.
    if isinstance(unverified, str) and unverified.isascii() and unverified.isprintable():
        return unverified
    raise TypeError("no token")


def _check_address(url: str) -> None:
    with suppress(ValueError):  # no port, or no host, that there could be
        parts = urlsplit(url)
        scheme, host, _port = parts.scheme, parts.hostname, parts.port
        if (scheme == "https" and host) or (scheme == "http" and host in LOOPBACK):
            return
    raise ProgramError(f"{printable(url)} is neither https nor on this machine.")
