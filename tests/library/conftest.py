import pytest
from cryptography.hazmat.primitives.asymmetric import rsa


@pytest.fixture(scope="session")
def private_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def other_private_key():
    return rsa.generate_private_key(65537, 2048)
