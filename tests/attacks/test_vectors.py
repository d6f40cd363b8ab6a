import ast
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from inspect import signature
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

from flask_handoff import MemoryReplayStore, PinnedKeys, TokenVerifier, UnverifiedToken
from flask_handoff.errors import HandoffError, JWKSMalformedError, TokenClaimError
from flask_handoff.keys import parse_jwks
from flask_handoff.tokens import AccessTokenVerifier, LogoutTokenVerifier
from flask_handoff.tokens.explain import explain
from tests.documents import DOCS, codes, prose, rows
from tests.stopwatch import slowdown
from vectors.__main__ import files
from vectors.book import GOOD_KEYS
from vectors.reading import FOLDER, documents, text_of

DOCUMENTS = documents()
VECTORS = {
    vector["id"]: (document, vector)
    for document in DOCUMENTS.values()
    for vector in document["vectors"]
}
HOSTILE = {name: pair for name, pair in VECTORS.items() if pair[1]["verdict"] == "refuse"}


def token_of(vector):
    return UnverifiedToken(text_of(vector["token"]))


@cache
def keys_of(document):
    return PinnedKeys(parse_jwks(document.encode()).values())


def receiver(document, vector):
    """Build the receiver that the file describes, with a replay store of its own."""
    kinds: dict[str, Callable[..., Any]] = {
        "handoff+jwt": partial(TokenVerifier, replay_store=MemoryReplayStore()),
        "logout+jwt": partial(LogoutTokenVerifier, replay_store=MemoryReplayStore()),
        "at+jwt": AccessTokenVerifier,
    }
    return kinds[document["receiver"]["typ"]](
        issuer=document["receiver"]["issuer"],
        audience=document["receiver"]["audience"],
        keys=keys_of(document["key_sets"][vector["keys"]]),
        clock=lambda: datetime.fromtimestamp(vector["now"], UTC),
    )


def verify(verifier, document, token):
    asked = {"nonce": document["receiver"]["nonce"]} if "nonce" in document["receiver"] else {}
    return verifier.verify(token, **asked)


def judge(document, vector):
    """Return what the verifier says of a vector, in the words of the vector."""
    try:
        verify(receiver(document, vector), document, token_of(vector))
    except JWKSMalformedError as error:
        return {"verdict": "refuse", "check": "key", "code": error.code}
    except HandoffError as error:
        said = {"verdict": "refuse", "check": error.check, "code": error.code}
        return said | ({"claim": error.claim} if isinstance(error, TokenClaimError) else {})
    return {"verdict": "accept"}


@pytest.mark.parametrize("name", VECTORS)
def test_the_verifier_says_what_the_vector_says(name):
    document, vector = VECTORS[name]
    expected = {
        member: vector[member]
        for member in ("verdict", "check", "code", "claim")
        if member in vector
    }
    assert judge(document, vector) == expected


def test_no_refusal_takes_much_longer_than_to_verify_a_good_token():
    good = verification(*VECTORS["good-a-token-as-it-is-minted"])
    slow = {}
    for name, (document, vector) in VECTORS.items():
        if vector.get("code") == "jwks_malformed":
            continue  # that time is spent once, when the keys are fetched
        times_as_long = slowdown(verification(document, vector), good, bound=20)
        if times_as_long >= 20:
            slow[name] = times_as_long
    assert slow == {}


def verification(document, vector):
    token = token_of(vector)

    def work():
        with suppress(HandoffError):
            verify(receiver(document, vector), document, token)

    return work


def test_explaining_names_the_check_that_refuses():
    wrong = {}
    for name, (document, vector) in HOSTILE.items():
        if vector["code"] == "jwks_malformed" or vector["check"] == "browser":
            continue
        explanation = explain(receiver(document, vector), token_of(vector))
        found = [each.name for each in explanation.results if each.outcome == "refused"]
        if found != [vector["check"]]:
            wrong[name] = found
    assert wrong == {}


def test_whatever_a_token_says_its_explanation_is_printable_and_bounded():
    for document, vector in VECTORS.values():
        if vector.get("code") == "jwks_malformed":
            continue
        explanation = explain(receiver(document, vector), token_of(vector))
        reasons = [result.reason for result in explanation.results]
        for text in (*explanation.said.values(), *explanation.expected.values(), *reasons):
            assert text.isascii()
            assert text == "" or text.isprintable()
            assert len(text) <= 350


@pytest.mark.skipif(
    "deterministic_signing" not in signature(ECDSA).parameters,
    reason="before version 43 cryptography makes no ECDSA signature twice",
)
def test_the_files_and_the_tables_are_made_again_byte_for_byte():
    made = files()
    assert {path for path in made if path.parent == FOLDER} == set(FOLDER.glob("*.json"))
    assert [path.name for path, text in made.items() if path.read_bytes() != text.encode()] == []


def test_the_tokens_are_written_without_the_library_that_they_try():
    for path in FOLDER.rglob("*.py"):
        imported = {
            name.partition(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in names_in(node)
        }
        assert "flask_handoff" not in imported
        assert "jwt" not in imported or path.name in {"plain_pyjwt.py", "__main__.py"}


def names_in(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_every_attack_by_a_token_has_vectors_and_each_vector_is_of_a_listed_attack():
    listed = {row[0] for row in rows(prose(DOCS / "threat-model.md"))}
    tried = {vector["attack"] for _, vector in HOSTILE.values()}
    assert tried <= listed
    # A used token and a claim that is ignored are nothing that one refused token can show.
    assert {number for number in listed if re.fullmatch(r"[TC]\d+", number)} - tried == {"C16"}


def test_no_two_vectors_share_a_name_or_a_token():
    every = [vector for document in DOCUMENTS.values() for vector in document["vectors"]]
    assert len({vector["id"] for vector in every}) == len(every)
    again = Counter((str(each["token"]), each["keys"], each["now"]) for each in every)
    assert [token for token, count in again.items() if count > 1] == []


def test_each_file_is_whole_by_itself():
    for document in DOCUMENTS.values():
        used = {vector["keys"] for vector in document["vectors"]}
        assert used == document["key_sets"].keys()
        assert GOOD_KEYS in used or document is DOCUMENTS["keys"]


def test_the_files_and_the_members_are_documented():
    readme = FOLDER / "README.md"
    documented = {code for row in rows(prose(readme)) for code in codes(row[0])}
    members = {
        *(member for document in DOCUMENTS.values() for member in document),
        *(member for document in DOCUMENTS.values() for member in document["receiver"]),
        *(member for _, vector in VECTORS.values() for member in vector),
    }
    assert documented == {f"{name}.json" for name in DOCUMENTS} | members
