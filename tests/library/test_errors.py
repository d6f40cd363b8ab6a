import pytest

from flask_handoff import errors

PARENTS = {
    "token_expired": "token_claim",
    "token_not_yet_valid": "token_claim",
    "access_denied": "authorization_returned",
    "interaction_required": "access_denied",
}
REJECTED = (
    *("request_malformed", "token_malformed", "token_signature", "token_key_unknown"),
    *("token_claim", "token_replayed", "attempt_unknown", "response_issuer"),
    *("authorization_failed", "unsafe_return_to"),
)
REFUSED = (
    *("client_unknown", "redirect_uri_mismatch", "response_mode", "authorization_expired"),
    "authorization_returned",
)


def by_code(code):
    [found] = [
        error
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.HandoffError) and error.code == code
    ]
    return found


@pytest.mark.parametrize("code", REJECTED)
def test_whoever_catches_a_rejected_handoff_catches_each_reason(code):
    assert by_code(code).__base__ is errors.HandoffRejectedError


@pytest.mark.parametrize("code", REFUSED)
def test_whoever_catches_a_refused_request_catches_each_reason(code):
    assert by_code(code).__base__ is errors.AuthorizationRequestError


@pytest.mark.parametrize("code", ["jwks_unavailable", "replay_store_unavailable"])
def test_whoever_catches_an_outage_catches_each(code):
    assert by_code(code).__base__ is errors.DependencyUnavailableError


@pytest.mark.parametrize(("code", "parent"), PARENTS.items())
def test_a_special_case_is_caught_with_the_general_one(code, parent):
    assert by_code(code).__base__ is by_code(parent)


def test_an_outage_is_no_rejection():
    assert not issubclass(errors.DependencyUnavailableError, errors.HandoffRejectedError)


def test_a_mistake_in_a_setting_says_what_is_wrong_and_what_to_do():
    error = errors.ConfigurationError("HANDOFF_ISSUER is not set.", "Set it.")
    assert (error.problem, error.remedy) == ("HANDOFF_ISSUER is not set.", "Set it.")
    assert str(error) == "HANDOFF_ISSUER is not set. Set it."


def test_a_denied_access_tells_the_client_its_code_only():
    error = errors.AccessDeniedError("the account is locked")
    assert error.error == "access_denied"
    assert str(error) == "the account is locked"
    assert str(errors.AccessDeniedError()) == "no grant for this client"


def test_a_failed_request_carries_the_issuers_code():
    error = errors.AuthorizationFailedError("the issuer answered", error="login_required")
    assert error.error == "login_required"
