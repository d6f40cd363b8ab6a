"""Notes at a terminal: a program that people copy to call an API for its user.

    python examples/notes_cli.py login           # opens the browser
    python examples/notes_cli.py add 'Buy milk'
    python examples/notes_cli.py list
    python examples/notes_cli.py logout

It stands on user_access.py and token_store.py beside it, which know nothing of notes, and needs
requests. The demo of ``make demo`` knows it; any other SERVER1 is told of it once, and prints a
client_id for --client-id:

    flask --app server1 clients add 'Notes at a terminal' --kind native \\
        --redirect-uri http://127.0.0.1/callback
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from math import inf

from token_store import ProgramError, TokenStore, printable
from user_access import AccessEndedError, Client, UserAccess

SCOPE = "notes:read notes:write offline_access"
PATH = "/api/notes"
JSON = {"Content-Type": "application/json"}


def main() -> int:
    """Run one command; return 1, after a sentence, where it cannot be done."""
    options = _options()
    client = Client(options.issuer, options.client_id, options.api.rstrip("/"), SCOPE)
    try:
        store = TokenStore("notes-cli", client.issuer, client.client_id, client.resource)
        _say(_run(options, UserAccess(client, store)))
    except AccessEndedError:
        return _fail(f"You are not signed in, or no longer. Sign in again: {sys.argv[0]} login")
    except ProgramError as error:
        return _fail(str(error))
    except (LookupError, TypeError) as error:
        reason = printable(f"no {error}" if isinstance(error, KeyError) else error)
        return _fail(f"{options.api} does not answer as the API of notes does: {reason}.")
    except UnicodeEncodeError:
        return _fail("This terminal cannot show what is in them. Try again with LC_ALL=C.UTF-8")
    except BrokenPipeError:  # who reads has enough, as in "list | head -1"
        _end_output()
        return 1
    except OSError as error:
        _end_output()
        where = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror}{where}")
    except KeyboardInterrupt:
        return _fail("Interrupted.")
    return 0


def _run(options: argparse.Namespace, access: UserAccess) -> str:
    if options.command == "login":
        access.sign_in(with_browser=options.browser)
        return "Signed in."
    if options.command == "add":
        access.request("POST", PATH, data=_document(options.text), headers=JSON)
        return "Added."
    if options.command == "list":
        return "\n".join(_lines(access)) or "No notes yet."
    if access.sign_out():
        return "Signed out."
    return f"Signed out here. End the access as well, on your account page at {options.issuer}."


def _document(text: str) -> bytes:
    try:
        # Escapes are longer: what a note may hold would be too much for a request.
        return json.dumps({"text": text}, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ProgramError("This text is not in UTF-8, as notes are.") from None


def _lines(access: UserAccess) -> Iterator[str]:
    """Go through the user's notes, the newest first, a page at a time."""
    before: dict[str, int] = {}
    while True:
        page = access.request("GET", PATH, params=before)
        for note in page["notes"]:
            yield f"{printable(note['created_at'])[:10]}  {printable(note['text'])}"
        if page["next"] is None:
            return
        # Not the address in "next": the token goes nowhere but to the API that it is for.
        last = page["notes"][-1]["id"]
        if last >= before.get("before", inf):
            raise TypeError("its pages go round in circles")
        before = {"before": last}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Your notes, at a terminal.")
    for option, variable, default, words in (
        ("--issuer", "NOTES_ISSUER", "http://localhost:5001", "who signs you in"),
        ("--api", "NOTES_API", "http://127.0.0.1:5002", "where the notes are"),
        ("--client-id", "NOTES_CLIENT_ID", "notes-cli", "this program's name at the issuer"),
    ):
        chosen = os.environ.get(variable) or default
        parser.add_argument(option, default=chosen, help=f"{words} ({variable}; {chosen})")
    commands = parser.add_subparsers(dest="command", required=True)
    login = commands.add_parser("login", help="sign in, with your browser")
    login.add_argument(
        "--no-browser", dest="browser", action="store_false", help="print the address alone"
    )
    commands.add_parser("list", help="show your notes")
    commands.add_parser("add", help="write a note").add_argument("text")
    commands.add_parser("logout", help="end the access of this program")
    return parser.parse_args()


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from None


def _end_output() -> None:
    """Write what is left; what cannot be, Python would try again at its end, and complain of."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(sentence: str) -> int:
    print(f"notes: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
