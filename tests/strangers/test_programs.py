"""Programs on other people's libraries: their user goes to SERVER1, and they learn who it is."""

import pytest

from tests.end_to_end.journey import EMAIL
from tests.strangers.conftest import REFUSED
from tests.strangers.processes import ProgramFailedError


@pytest.mark.parametrize("name", ["authlib", "requests_oauthlib", "secretless"])
def test_a_program_refreshes_and_learns_who_signed_in(name, run):
    about = run(name)
    assert about.pop("sub")
    assert about == {"name": "Ada", "email": EMAIL, "email_verified": True}


def test_a_program_with_a_wrong_secret_learns_nothing(run, server1):
    with pytest.raises(ProgramFailedError, match="invalid_client"):
        run("requests_oauthlib", CLIENT_SECRET="another")
    assert "token request refused: code=client_authentication" in server1.log


def test_a_program_is_told_that_its_user_does_not_agree(run):
    with pytest.raises(ProgramFailedError, match="access_denied"):
        run(REFUSED, agrees=False)
