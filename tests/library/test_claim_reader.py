import re
from datetime import UTC, datetime

import pytest

from flask_handoff.errors import TokenClaimError
from flask_handoff.tokens.claim_reader import LATEST_DATE, ClaimReader, missing, not_of_its_form


def test_a_text_is_returned_as_it_stands():
    assert ClaimReader({"sub": "u 1"}).text("sub") == "u 1"


@pytest.mark.parametrize("read", ["text", "name", "date"])
def test_an_absent_claim_is_none(read):
    assert getattr(ClaimReader({}), read)("x") is None


def test_an_absent_truth_value_is_false():
    assert ClaimReader({}).truth("email_verified") is False


@pytest.mark.parametrize("read", ["required_text", "required_date", "seconds"])
def test_a_required_claim_that_is_absent_is_refused_by_its_name(read):
    with pytest.raises(TokenClaimError) as refused:
        getattr(ClaimReader({}), read)("sid")
    assert refused.value.claim == "sid"


def test_a_date_is_aware_and_in_utc():
    assert ClaimReader({"iat": 1}).required_date("iat") == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_a_date_reaches_to_the_last_year_there_is():
    assert ClaimReader({"exp": LATEST_DATE}).required_date("exp").year == 9999
    with pytest.raises(TokenClaimError):
        ClaimReader({"exp": LATEST_DATE + 1}).required_date("exp")


def test_a_text_may_be_as_long_as_is_asked_for():
    read = ClaimReader({"scope": "s" * 300})
    assert read.text("scope", longest=300) == "s" * 300
    with pytest.raises(TokenClaimError, match="1 to 299 characters"):
        read.text("scope", longest=299)


def test_a_form_has_to_fit_the_whole_text():
    read = ClaimReader({"jti": "aaa\n", "nonce": "aaa"})
    read.require_form("nonce", re.compile("a+"))
    with pytest.raises(TokenClaimError):
        read.require_form("jti", re.compile("a+"))


@pytest.mark.parametrize("value", [True, False])
def test_a_truth_value_is_returned(value):
    assert ClaimReader({"email_verified": value}).truth("email_verified") is value


def test_messages_name_the_claim_and_never_quote_it():
    assert str(missing("aud")) == 'claim "aud": missing'
    assert str(not_of_its_form("sub", "text")) == 'claim "sub": expected text'
