import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from textwrap import dedent

import jwt
import pytest

from flask_handoff import HANDOFF, MemoryReplayStore, PinnedKeys, TokenVerifier
from flask_handoff.errors import HandoffRejectedError
from flask_handoff.keys import parse_jwks
from flask_handoff.profiles import LOGOUT_EVENT
from flask_handoff.tokens.explain import explain
from flask_handoff.tokens.verification import name_of
from tests.flask_command import run_flask, run_flask_process
from tests.jwks_endpoint import JWKSEndpoint, fails, response, sends

ISSUER, CLIENT_ID, NONCE = "https://issuer.example", "notes", "n" * 43
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NAMES = [name_of(check) for check in TokenVerifier.checks]
NOT_HERE = {"one_use", "browser", "authentication"}


@pytest.fixture
def jwks_document(key_ring):
    return json.dumps({"keys": [key_ring.signing_key.verification_key.to_jwk()]}).encode()


@pytest.fixture
def sign(key_ring):
    """Signs a good token, but for what is changed in it."""

    def sign_token(*, now=NOW, headers=None, **claims):
        seconds = int(now.timestamp())
        payload = {
            "iss": ISSUER,
            "aud": CLIENT_ID,
            "sub": "u-6f3c",
            "jti": "j" * 43,
            "iat": seconds,
            "exp": seconds + 60,
            "nonce": NONCE,
            "sid": "a-secret-looking-session",
            "auth_time": seconds - 30,
            "scope": "openid",
            "email": "ada@example.com",
            **claims,
        }
        header = {"kid": key_ring.signing_key.kid, "typ": "handoff+jwt", **(headers or {})}
        return jwt.encode(
            payload, key_ring.signing_key.private_key, algorithm="RS256", headers=header
        )

    return sign_token


@pytest.fixture
def verifier(jwks_document):
    return TokenVerifier(
        issuer=ISSUER,
        audience=CLIENT_ID,
        keys=PinnedKeys(parse_jwks(jwks_document).values()),
        replay_store=MemoryReplayStore(),
        profile=HANDOFF,
        clock=lambda: NOW,
    )


def with_another_signature(token):
    signed, _, signature = token.rpartition(".")
    middle = "B" if signature[99] == "A" else "A"
    return f"{signed}.{signature[:99]}{middle}{signature[100:]}"


# The command


@pytest.fixture
def command_of(tmp_path, jwks_document):
    """Makes a runner of ``flask handoff-explain`` at a receiver, with the token as its input."""
    (tmp_path / "receiver.py").write_text(
        dedent(
            """
            from flask import Flask

            from flask_handoff import HandoffReceiver, MemoryReplayStore

            app = Flask(__name__)
            receiver = HandoffReceiver(sign_in=lambda arrival: "", live_session=lambda: None)
            receiver.init_app(app, replay_store=MemoryReplayStore())
            """
        )
    )
    listens = "live_session=lambda: None, end_sessions=lambda logout: None"
    (tmp_path / "listening.py").write_text(
        (tmp_path / "receiver.py").read_text().replace("live_session=lambda: None", listens)
    )
    (tmp_path / "elsewhere.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (tmp_path / "jwks.json").write_bytes(jwks_document)
    settings = {
        "HANDOFF_ISSUER": ISSUER,
        "HANDOFF_BASE_URL": "https://notes.example",
        "HANDOFF_CLIENT_ID": CLIENT_ID,
        "HANDOFF_PINNED_KEYS": "jwks.json",
    }

    def make(run):
        def command(token, *arguments, app="receiver", **changed):
            line = ("--app", app, "handoff-explain", *arguments)
            return run(tmp_path, *line, answer=token, settings=settings | changed)

        return command

    return make


@pytest.fixture
def command(command_of):
    return command_of(run_flask)


def outcomes(answer):
    """Return what is printed behind the name of each check."""
    printed = re.search(r"^Checks\n(.+?)\n\n", answer.stdout, re.DOTALL | re.MULTILINE)[1]
    found = dict(line.split(maxsplit=1) for line in printed.splitlines())
    assert list(found) == NAMES
    return found


FAULTS = {
    "a token that is over": (
        lambda sign: sign(now=datetime.now(UTC) - timedelta(seconds=160)),
        ("time", "token_expired", "expired 1"),  # 100 s, and those until the command runs
    ),
    "a token from the future": (
        lambda sign: sign(now=datetime.now(UTC) + timedelta(seconds=90)),
        ("time", "token_not_yet_valid", "ahead of this clock"),
    ),
    "a token for another receiver": (
        lambda sign: sign(now=datetime.now(UTC), aud="photos"),
        ("audience", "token_claim", "expected 'notes'"),
    ),
    "a token by an unknown key": (
        lambda sign: sign(now=datetime.now(UTC), headers={"kid": "nobody-s-key"}),
        ("key", "token_key_unknown", "not held here"),
    ),
    "a token with another signature": (
        lambda sign: with_another_signature(sign(now=datetime.now(UTC))),
        ("signature", "token_signature", "does not match"),
    ),
    "no token": (lambda sign: "not a token", ("form", "token_malformed", "not a compact JWS")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_check_that_refuses_is_named_with_its_reason(command, sign, fault):
    make, (refusing, code, reason) = FAULTS[fault]
    token = make(sign)
    answer = command(token)
    assert (answer.returncode, answer.stderr) == (1, "")
    printed = outcomes(answer)
    before, after = NAMES[: NAMES.index(refusing)], NAMES[NAMES.index(refusing) + 1 :]
    assert {printed[name] for name in before} <= {"ok"}
    assert printed[refusing].startswith(f"refused: {code}: ")
    assert reason in printed[refusing]
    assert {printed[name] for name in after} == {"not reached"}
    assert f"Refused: check {refusing}, code {code}." in answer.stdout
    assert not any(part in answer.stdout for part in token.split(".") if len(part) > 20)


@pytest.mark.processes
def test_a_good_token_passes_all_that_can_be_checked_here(command_of, sign):
    command = command_of(run_flask_process)
    token = sign(now=datetime.now(UTC))
    answer = command(f"\n  {token}\r\n\n")
    assert (answer.returncode, answer.stderr) == (0, "")
    printed = outcomes(answer)
    assert {printed[name] for name in NAMES if name not in NOT_HERE} == {"ok"}
    assert printed["one_use"] == "not claimed: explaining spends nothing"
    assert printed["browser"] == "not checked here: only the browser that began it can tell"
    assert not any(part in answer.stdout for part in token.split("."))


def test_a_logout_token_is_explained_by_its_own_checks(command, sign):
    token = sign(
        now=datetime.now(UTC), headers={"typ": "logout+jwt"}, events={LOGOUT_EVENT: {}}, nonce="n"
    )
    answer = command(token, "--logout", app="listening")
    assert (answer.returncode, answer.stderr) == (1, "")
    assert "  no_nonce         refused: token_claim: " in answer.stdout
    assert "at most 120 s long" in answer.stdout
    handoff = command(token, app="listening")
    assert "Refused: check header, code token_malformed." in handoff.stdout


def test_where_nobody_hears_of_log_outs_none_is_explained(command, sign):
    answer = command(sign(now=datetime.now(UTC)), "--logout")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "is not told of logouts" in answer.stderr


def test_only_harmless_values_of_a_token_are_shown(command, sign, key_ring):
    answer = command(sign(now=datetime.now(UTC)))
    assert key_ring.signing_key.kid in answer.stdout
    for shown in ("handoff+jwt", "u-6f3c", "j" * 43, "auth_time, email, nonce, scope, sid"):
        assert shown in answer.stdout
    for hidden in ("ada@example.com", NONCE, "a-secret-looking-session"):
        assert hidden not in answer.stdout


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        (
            {"iss": "https://other.example"},
            f"It says that it is from https://other.example. Trusted here is {ISSUER}.",
        ),
        ({"aud": "wiki"}, f"It says that it is for wiki. This is {CLIENT_ID}."),
    ],
    ids=["issuer", "audience"],
)
def test_a_token_that_belongs_elsewhere_is_told_first(command, sign, claims, said):
    token = sign(now=datetime.now(UTC), headers={"kid": "another"}, **claims)
    assert command(token).stdout.splitlines()[0] == said


def test_what_the_receiver_expects_is_shown_with_its_keys_and_its_clock(command, sign, key_ring):
    lines = command(sign(now=datetime.now(UTC))).stdout.splitlines()
    assert f"  issuer          {ISSUER}" in lines
    assert f"  audience        {CLIENT_ID}" in lines
    assert f"  keys            {key_ring.signing_key.kid}" in lines
    assert re.search(r"this clock +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", "\n".join(lines))


def test_the_difference_to_the_issuers_clock_is_shown(command, sign, jwks_document, key_ring):
    def answer_in_five_minutes(connection):
        ahead = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
        sends(response(jwks_document, f"Date: {ahead}"))(connection)

    with JWKSEndpoint(answer_in_five_minutes) as endpoint:
        answer = command(
            sign(now=datetime.now(UTC)), HANDOFF_PINNED_KEYS="", HANDOFF_JWKS_URI=endpoint.uri
        )
    assert answer.returncode == 0
    assert re.search(r"issuer's clock +(29[6-9]|30[01]) s ahead of this one", answer.stdout)
    assert f"  keys            {key_ring.signing_key.kid}\n" in answer.stdout


def test_without_keys_it_cannot_be_told(command, sign):
    with JWKSEndpoint(fails()) as endpoint:
        answer = command(
            sign(now=datetime.now(UTC)), HANDOFF_PINNED_KEYS="", HANDOFF_JWKS_URI=endpoint.uri
        )
    assert answer.returncode == 2
    assert outcomes(answer)["key"].startswith("cannot be told: jwks_unavailable: ")
    assert "Cannot be told: check key, code jwks_unavailable." in answer.stdout


@pytest.mark.parametrize("text", ["", " \n"])
def test_without_a_token_the_user_is_told_how_to_give_one(command, text):
    answer = command(text)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "standard input" in answer.stderr


@pytest.mark.parametrize("argument", ["eyJhbGciOiJ", "--token=eyJhbGciOiJ"])
def test_a_token_on_the_command_line_is_refused_and_not_repeated(command, argument):
    answer = command("", argument)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "standard input" in answer.stderr
    assert "eyJ" not in answer.stderr


def test_an_application_that_receives_nothing_cannot_tell(command, sign):
    answer = command(sign(), app="elsewhere")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "receives no handoffs" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_application_whose_settings_are_wrong_says_which(command, sign):
    answer = command(sign(), HANDOFF_ISSUER="")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("Error: HANDOFF_ISSUER is not set.")


def test_input_without_end_is_not_read_to_its_end(command):
    answer = command("A" * 1_000_000)
    assert answer.returncode == 1
    assert outcomes(answer)["form"].endswith("longer than 4096 characters")


# What the command prints


def test_explaining_spends_nothing(verifier, sign):
    token = sign()
    assert explain(verifier, token).verdict == "accepted"
    assert verifier.verify(token, nonce=NONCE).subject == "u-6f3c"


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "photos"},
        {"sub": "\x1b[31mred\x1b[0m"},
        {"scope": None},
        {"exp": int(NOW.timestamp()) + 121},
        {"headers": {"typ": "JWT"}},
    ],
)
def test_the_check_that_is_named_is_the_one_that_refuses(verifier, sign, changed):
    token = sign(**changed)
    explained = [each.name for each in explain(verifier, token).results if each.code]
    with pytest.raises(HandoffRejectedError) as refusal:
        verifier.verify(token, nonce=NONCE)
    assert explained == [refusal.value.check]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\nForged: line", r"a\nForged: line"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u0430da", r"\u0430da"),
        ("x" * 200, "x" * 100 + "..."),
        ("\x00" * 99, r"\x00" * 25 + "..."),
        (["a", {"b": 1}], '["a", {"b": 1}]'),
        (12, "12"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("forge", [lambda token: token, with_another_signature])
def test_a_value_is_shown_as_bounded_ascii(verifier, sign, value, shown, forge):
    explanation = explain(verifier, forge(sign(jti=value)))
    assert explanation.said["jti"] == shown


def test_what_is_not_verified_is_marked(verifier, sign):
    assert explain(verifier, sign(aud="photos")).is_genuine
    assert not explain(verifier, with_another_signature(sign())).is_genuine


@pytest.mark.parametrize("value", ["1767268860", -1, True, 1.5, 10**15, [1]])
def test_a_date_that_is_none_is_shown_as_it_is(verifier, sign, value):
    said = explain(verifier, sign(headers=None, auth_time=value, exp=value)).said
    assert said["exp"].endswith(" (not a date)")


def test_dates_are_shown_beside_the_receivers_clock(verifier, sign):
    said = explain(verifier, sign(now=NOW - timedelta(seconds=100))).said
    assert said["iat"] == "2026-01-01 11:58:20 UTC, 100 s before this clock"
    assert said["exp"] == "2026-01-01 11:59:20 UTC, expired 40 s ago"


def test_the_name_of_a_claim_can_do_no_harm_either(verifier, sign):
    said = explain(verifier, sign(**{"\x1b[2J": 1, "z" * 900: 2})).said
    assert said["also"].startswith(r"\x1b[2J, auth_time")
    assert len(said["also"]) <= 303


def test_a_source_of_keys_that_does_not_list_them_will_do(key_ring, sign):
    verifier = TokenVerifier(
        issuer=ISSUER,
        audience=CLIENT_ID,
        keys=OnlyWhatIsAsked(key_ring),
        replay_store=MemoryReplayStore(),
        clock=lambda: NOW,
    )
    explanation = explain(verifier, sign())
    assert explanation.verdict == "accepted"
    assert explanation.expected["keys"] == "held, but this source of keys does not list them"
    assert explanation.expected["issuer's clock"] == "not known"


class OnlyWhatIsAsked:
    """A source of keys that has nothing but what the protocol asks for."""

    def __init__(self, ring):
        self._ring = ring

    def key(self, kid):
        return self._ring.key(kid)

    def ready(self):
        pass
