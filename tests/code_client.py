"""What a client of the code flow does: asks for a code, and exchanges what it has for tokens."""

import base64
import hashlib

import jwt

from tests.minimal_pair import CODE_CLIENT, CODE_CLIENT_SECRET, ISSUER, query_of

VERIFIER = "v" * 43
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)


def ask(browser, client=CODE_CLIENT, *, method="GET", **changed):
    """Send the browser to /authorize; a parameter changed to None is left out."""
    asked = {
        "client_id": client["client_id"],
        "redirect_uri": client["redirect_uris"][0],
        "response_type": "code",
        "scope": "openid profile email",
        "state": "a-state",
        **({} if client["secret_hashes"] else {"code_challenge": CHALLENGE}),
        **changed,
    }
    if asked.get("code_challenge"):
        asked.setdefault("code_challenge_method", "S256")
    given = {name: value for name, value in asked.items() if value is not None}
    where = "query_string" if method == "GET" else "data"
    return browser.open(f"{ISSUER}/authorize", method=method, **{where: given})


def code_of(answer, client=CODE_CLIENT):
    assert answer.location.startswith(client["redirect_uris"][0] + "?")
    return query_of(answer.location)["code"]


def exchange(browser, code, client=CODE_CLIENT, *, headers=None, **changed):
    """Exchange a code as the client would; a parameter changed to None is left out."""
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client["redirect_uris"][0],
        "client_id": client["client_id"],
        **(
            {"client_secret": CODE_CLIENT_SECRET}
            if client["secret_hashes"]
            else {"code_verifier": VERIFIER}
        ),
        **changed,
    }
    given = {name: value for name, value in body.items() if value is not None}
    return browser.post(f"{ISSUER}/token", given, headers=headers, sends_cookies=False)


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def refused(answer, status=400):
    assert answer.status_code == status
    assert answer.headers["Cache-Control"] == "no-store"
    fields = answer.get_json()
    assert fields.keys() == {"error", "error_description"}
    return fields["error"]


def refresh(browser, token, client=CODE_CLIENT, **changed):
    """Refresh as the client would; a parameter changed to None is left out."""
    body = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "client_id": client["client_id"],
        **({"client_secret": CODE_CLIENT_SECRET} if client["secret_hashes"] else {}),
        **changed,
    }
    given = {name: value for name, value in body.items() if value is not None}
    return browser.post(f"{ISSUER}/token", given, sends_cookies=False)


def revoke(browser, token, client=CODE_CLIENT, **changed):
    """Revoke a token as the client would; a parameter changed to None is left out."""
    return present(browser, "revoke", token, client, **changed)


def introspect(browser, token, client=CODE_CLIENT, **changed):
    """Ask about a token as the client would; a parameter changed to None is left out."""
    return present(browser, "introspect", token, client, **changed)


def present(browser, endpoint, token, client, *, headers=None, **changed):
    """Present a token at /revoke or /introspect, as this client."""
    body = {
        "token": token,
        "client_id": client["client_id"],
        **({"client_secret": CODE_CLIENT_SECRET} if client.get("secret_hashes") else {}),
        **changed,
    }
    given = {name: value for name, value in body.items() if value is not None}
    return browser.post(f"{ISSUER}/{endpoint}", given, headers=headers, sends_cookies=False)
