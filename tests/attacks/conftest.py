import pytest

from tests.token_trial import TokenTrial


@pytest.fixture
def trial(key_ring, clock):
    return TokenTrial(key_ring, clock)
