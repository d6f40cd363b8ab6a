"""Tokens that are well written and well signed, and claim what they may not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from flask_handoff import HANDOFF, OIDC, SignedInUser, TokenMinter
from flask_handoff.errors import (
    HandoffRejectedError,
    TokenClaimError,
    TokenExpiredError,
    TokenMalformedError,
    TokenNotYetValidError,
)
from flask_handoff.profiles import LOGOUT, LOGOUT_EVENT, OIDC_LOGOUT
from tests.token_trial import (
    CLIENT_ID,
    ISSUER,
    NONCE,
    LogoutTrial,
    TokenTrial,
    claims,
    dates,
    header,
    without,
)

CLAIM = (TokenClaimError, "token_claim")
EXPIRED = (TokenExpiredError, "token_expired")
NOT_YET = (TokenNotYetValidError, "token_not_yet_valid")
MALFORMED = (TokenMalformedError, "token_malformed")


@pytest.fixture
def oidc_trial(key_ring, clock):
    return TokenTrial(key_ring, clock, profile=OIDC)


def refused(trial, change, expected, claim):
    """Check the error's class, code and claim, and that nothing was written about the token."""
    error = trial.refusal(change)
    assert error is not None, "the token was accepted"
    assert (type(error), error.code) == expected
    assert error.claim == claim
    assert trial.store.claimed == []


def values(*unwanted):
    return pytest.mark.parametrize("value", unwanted, ids=lambda value: ascii(value)[:40])


OTHER_TYPES = (7, 1.5, True, ["x"], {"x": 1})


# Row 22: the issuer.


@values(
    *(f"{ISSUER}/", ISSUER[:-1], f"{ISSUER}.evil.example.com", "https://other.example.com", ""),
    *("HTTPS://server1.example.com", "https://SERVER1.example.com", "http://server1.example.com"),
    *("https://server1.ex\u0430mple.com", f" {ISSUER}", f"{ISSUER}\n", f"{ISSUER}#", [ISSUER]),
    *({"iss": ISSUER}, [ISSUER, "https://other.example.com"], 7, True, None),
)
def test_another_issuer_is_refused(trial, value):
    refused(trial, claims(iss=value), CLAIM, "iss")


# Rows 23 and 24: the audience.


@values(
    *("another-receiver", "server", "server22", "Server2", "server2/", " server2", "server2 ", ""),
    *(["server2"], ["server2", "evil"], ["evil", "server2"], [], {"server2": 1}, 2, True, None),
    "https://server2.example.com",
)
def test_a_token_for_another_audience_is_refused(trial, value):
    refused(trial, claims(aud=value), CLAIM, "aud")


@values("another-receiver", "", None, [CLIENT_ID], CLIENT_ID.upper())
def test_a_token_for_another_authorized_party_is_refused(trial, value):
    refused(trial, claims(azp=value), CLAIM, "azp")


def test_this_receiver_may_be_named_as_the_authorized_party(trial):
    assert trial.refusal(claims(azp=CLIENT_ID)) is None


# Rows 25 to 30: dates.


@pytest.mark.parametrize("claim", ["exp", "iat", "auth_time", "nbf"])
@values(
    *("1767268800", " 1767268800 ", "+1767268800", "1_767_268_800", "١٧٦٧٢٦٨٨٠٠", "now", ""),
    *(1767268800.0, 1767268800.5, 1e18, True, False, [1767268800], {"at": 1767268800}),
    *(0, -1, -1767268800, 10**12, 10**18),
)
def test_a_date_that_is_no_whole_number_of_seconds_is_refused(trial, claim, value):
    refused(trial, claims(**{claim: value}), CLAIM, claim)


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf", "auth_time"])
def test_a_date_that_is_null_is_refused(trial, claim):
    refused(trial, claims(**{claim: None}), CLAIM, claim)


@pytest.mark.parametrize(
    ("offsets", "expected", "claim"),
    [
        pytest.param({"exp": 121}, CLAIM, "exp", id="two minutes and a second"),
        pytest.param({"exp": 3600}, CLAIM, "exp", id="an hour"),
        pytest.param({"exp": 10 * 365 * 86400}, CLAIM, "exp", id="ten years"),
        pytest.param({"exp": 0}, CLAIM, "exp", id="no life at all"),
        pytest.param({"exp": -1}, CLAIM, "exp", id="iat after exp"),
        pytest.param({"iat": -61, "exp": 60}, CLAIM, "exp", id="begun two minutes before its end"),
        pytest.param({"iat": -86400, "exp": 60}, CLAIM, "exp", id="begun yesterday"),
        pytest.param({"iat": 6, "exp": 60}, NOT_YET, "iat", id="begun 6 s ahead"),
        pytest.param({"iat": 86400, "exp": 86460}, NOT_YET, "iat", id="begun tomorrow"),
        pytest.param({"iat": -65, "exp": -5}, EXPIRED, "exp", id="over for 5 s"),
        pytest.param({"iat": -1000, "exp": -940}, EXPIRED, "exp", id="long over"),
        pytest.param({"nbf": 6}, NOT_YET, "nbf", id="not before 6 s from now"),
        pytest.param({"nbf": 61}, CLAIM, "nbf", id="not before its end"),
        pytest.param({"auth_time": 6}, NOT_YET, "auth_time", id="signed in 6 s ahead"),
        pytest.param({"auth_time": 10**9}, NOT_YET, "auth_time", id="signed in in 30 years"),
    ],
)
def test_a_token_outside_of_its_time_is_refused(trial, offsets, expected, claim):
    refused(trial, dates(**offsets), expected, claim)


@pytest.mark.parametrize(
    "offsets",
    [
        pytest.param({"exp": 120}, id="two minutes"),
        pytest.param({"exp": 1}, id="one second"),
        pytest.param({"iat": 5, "exp": 60}, id="begun 5 s ahead"),
        pytest.param({"iat": -64, "exp": -4}, id="over for 4 s"),
        pytest.param({"nbf": 5}, id="not before 5 s from now"),
        pytest.param({"nbf": -60}, id="not before a minute ago"),
        pytest.param({"auth_time": -(10**7)}, id="signed in long ago"),
        pytest.param({"auth_time": 5}, id="signed in 5 s ahead"),
    ],
)
def test_a_token_is_accepted_up_to_its_limits(trial, offsets):
    assert trial.refusal(dates(**offsets)) is None


# Rows 31 and 32: another kind of token.


@pytest.mark.parametrize(
    "typ",
    [
        *("JWT", "jwt", "at+jwt", "logout+jwt", "client-authentication+jwt", "", " handoff+jwt"),
        *("handoff+jwt ", "handoff+jwt; q=1", "text/handoff+jwt", "handoff", "+jwt"),
        *(
            "application/application/handoff+jwt",
            None,
            1,
            True,
            ["handoff+jwt"],
            {"handoff+jwt": 1},
        ),
    ],
    ids=repr,
)
def test_another_type_is_refused(trial, typ):
    error = trial.refusal(header(typ=typ))
    assert (type(error), error.code) == MALFORMED


def test_a_type_is_required(trial):
    error = trial.refusal(lambda draft: draft.header.pop("typ") and None)
    assert (type(error), error.code) == MALFORMED


@pytest.mark.parametrize("typ", [None, "", [], {}, False, 0], ids=repr)
def test_a_type_that_is_there_and_is_none_does_not_pass_for_its_absence(oidc_trial, typ):
    assert oidc_trial.refusal(lambda draft: draft.header.pop("typ") and None) is None
    error = oidc_trial.refusal(header(typ=typ))
    assert (type(error), error.code) == MALFORMED


@pytest.mark.parametrize("typ", ["handoff+jwt", "HANDOFF+JWT", "application/handoff+jwt"])
def test_a_type_may_be_written_in_full_or_in_capitals(trial, typ):
    assert trial.refusal(header(typ=typ)) is None


def minted(profile, key_ring, clock):
    minter = TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock)
    if profile is LOGOUT:
        return minter.mint_logout(
            audience=CLIENT_ID, session_id="a-session-at-server1", ended_at=clock()
        )
    return minter.mint(
        profile,
        SignedInUser("u-7d9f2c", "a-session-at-server1", clock() - timedelta(seconds=30)),
        audience=CLIENT_ID,
        nonce=NONCE,
        scope=frozenset({"openid"}),
    )


TRIALS = {HANDOFF: TokenTrial, OIDC: TokenTrial, LOGOUT: LogoutTrial, OIDC_LOGOUT: LogoutTrial}
PROFILES = pytest.mark.parametrize("profile", TRIALS, ids=lambda profile: profile.name)
# A foreign issuer may write logout tokens as we do, and its ID Tokens and ours are never the same.
GOOD_PAIRS = {(HANDOFF, HANDOFF), (OIDC, OIDC), (LOGOUT, LOGOUT), (LOGOUT, OIDC_LOGOUT)}
ANOTHER_KIND = {
    "access token": {"typ": "at+jwt"},
    "client assertion": {"typ": "client-authentication+jwt"},
    "token of another project": {"typ": "secevent+jwt"},
}


@PROFILES
@pytest.mark.parametrize("presented", [HANDOFF, OIDC, LOGOUT], ids=lambda profile: profile.name)
def test_each_kind_is_accepted_where_it_is_expected_and_nowhere_else(
    key_ring, clock, presented, profile
):
    trial = TRIALS[profile](key_ring, clock, profile=profile)
    error = trial.refusal(lambda _: minted(presented, key_ring, clock))
    assert (error is None) == ((presented, profile) in GOOD_PAIRS)
    assert error is None or error.code in {"token_malformed", "token_claim"}
    assert error is None or trial.store.claimed == []


@PROFILES
@pytest.mark.parametrize("members", ANOTHER_KIND.values(), ids=list(ANOTHER_KIND))
def test_another_kind_of_the_same_issuer_is_refused(key_ring, clock, profile, members):
    trial = TRIALS[profile](key_ring, clock, profile=profile)
    error = trial.refusal(header(**members))
    assert (type(error), error.code) == MALFORMED


def client_assertion(draft):
    """What a program signs to name itself (RFC 7523), where its ``typ`` is the plain one."""
    keep = {"iat", "exp", "jti"}
    for claim in draft.payload.keys() - keep:
        draft.payload.pop(claim)
    draft.payload.update(iss=CLIENT_ID, sub=CLIENT_ID, aud=ISSUER)


def logout_token(draft):
    """OpenID Connect Back-Channel Logout 1.0, section 2.4; a ``nonce`` is forbidden in it."""
    draft.payload.pop("nonce")
    draft.payload["events"] = {LOGOUT_EVENT: {}}


@pytest.mark.parametrize("kind", [client_assertion, logout_token])
def test_another_kind_that_shares_the_plain_type_lacks_what_an_id_token_has(oidc_trial, kind):
    refused(oidc_trial, kind, CLAIM, "nonce")


@pytest.mark.parametrize("events", [{}, {"events": {LOGOUT_EVENT: {}}}], ids=["ID Token", "both"])
def test_an_id_token_of_the_plain_type_ends_no_session(key_ring, clock, oidc_trial, events):
    trial = LogoutTrial(key_ring, clock, profile=OIDC_LOGOUT)
    draft = oidc_trial.draft()
    draft.payload.update(events)
    error = trial.refusal(lambda _: draft.signed())
    assert (type(error), error.code) == CLAIM
    assert error.claim == ("nonce" if events else "events")


# Rows 33 and 34: the subject, the identifier and the other texts.


@pytest.mark.parametrize("claim", ["sub", "sid", "email", "scope"])
@values("", " ", " x", "x ", "a\nb", "a\x00b", "a\x1b[31mb", "a\u2028b", "a\x85b", "x" * 1025)
def test_a_text_that_is_not_printable_is_refused(trial, claim, value):
    refused(trial, claims(**{claim: value}), CLAIM, claim)


@pytest.mark.parametrize("claim", ["sub", "sid", "email"])
def test_a_text_of_255_characters_is_accepted_and_one_of_256_is_not(trial, claim):
    refused(trial, claims(**{claim: "x" * 256}), CLAIM, claim)
    assert trial.refusal(claims(**{claim: "x" * 255})) is None


@pytest.mark.parametrize("claim", ["sub", "sid", "jti", "scope", "name", "email", "nonce"])
@values(*OTHER_TYPES)
def test_a_text_of_another_type_is_refused(trial, claim, value):
    refused(trial, claims(**{claim: value}), CLAIM, claim)


@pytest.mark.parametrize("value", ["", "a\nb", "a\x00b", "a\u202egnp.exe", "\u2066a", "x" * 256])
def test_a_name_that_forges_what_stands_beside_it_is_refused(trial, value):
    refused(trial, claims(name=value), CLAIM, "name")


@pytest.mark.parametrize(
    "value",
    [
        "<script>alert(1)</script>",
        "山田\u3000太郎",
        "\u0645\u0647\u062f\u06cc\u200c\u0632\u0627\u062f\u0647",
        "👩\u200d🔬",
        "Ada\u00a0L.",
    ],
)
def test_a_name_of_any_people_is_accepted(trial, value):
    assert trial.present(claims(name=value)).name == value


@values("", " ", "j" * 21, "j" * 65, "j" * 1500, "j" * 30 + "\x00")
def test_an_identifier_that_is_not_of_its_form_is_refused(trial, value):
    refused(trial, claims(jti=value), CLAIM, "jti")


@values("j" * 22, "j" * 64, "Aa0_-" * 6)
def test_an_identifier_of_22_to_64_characters_is_accepted(trial, value):
    assert trial.present(claims(jti=value)).jwt_id == value


@values("", " ", "a b", "a\nb", "n" * 256, "ñ")
def test_a_nonce_that_is_not_of_its_form_is_refused(trial, value):
    refused(trial, claims(nonce=value), CLAIM, "nonce")


@values('"', "a  b", "a\\b", "openid ", "ñ")
def test_a_scope_that_is_not_of_its_form_is_refused(trial, value):
    refused(trial, claims(scope=value), CLAIM, "scope")


@values("true", "false", 1, 0, None, ["true"])
def test_a_truth_value_is_true_or_false_and_nothing_like_it(trial, value):
    refused(trial, claims(email_verified=value), CLAIM, "email_verified")


# What must be there.


HANDOFF_CLAIMS = "iss sub aud exp iat nonce jti sid auth_time scope"
OIDC_CLAIMS = "iss sub aud exp iat nonce"


@pytest.mark.parametrize("claim", HANDOFF_CLAIMS.split())
def test_a_handoff_token_without_one_of_its_claims_is_refused(trial, claim):
    refused(trial, without(claim), CLAIM, claim)


@pytest.mark.parametrize("claim", OIDC_CLAIMS.split())
def test_a_foreign_id_token_without_one_of_its_claims_is_refused(oidc_trial, claim):
    refused(oidc_trial, without(claim), CLAIM, claim)


@pytest.mark.parametrize("claim", sorted({*HANDOFF_CLAIMS.split()} - {*OIDC_CLAIMS.split()}))
def test_a_foreign_id_token_may_lack_what_only_a_handoff_needs(oidc_trial, claim):
    assert oidc_trial.refusal(without(claim)) is None


@pytest.mark.parametrize("claim", ["name", "email", "email_verified"])
def test_a_claim_about_the_person_may_be_missing(trial, claim):
    assert trial.refusal(without(claim)) is None


def test_a_token_without_any_claim_is_refused(trial):
    refused(trial, lambda draft: draft.payload.clear(), CLAIM, "iss")


# Row 36 and 37: what a claim must not do.


def test_a_claim_that_nobody_asked_for_is_ignored(trial):
    proved = trial.present(
        claims(role="admin", is_admin=True, next="//evil.example.com", picture="javascript:1")
    )
    without_them = trial.present(claims(jti="k" * 43))
    assert replace(proved, jwt_id="k" * 43) == without_them


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "jti", "nonce", "email", "scope"])
def test_a_refusal_does_not_repeat_what_was_claimed(trial, claim):
    error = trial.refusal(claims(**{claim: "secret-of-the-sender\n"}))
    assert isinstance(error, HandoffRejectedError)
    assert "secret-of-the-sender" not in str(error)
