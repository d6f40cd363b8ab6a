import pytest

from tests.strangers.conftest import RELYING_PARTIES, command_of
from tests.strangers.environments import Environments, NodeMissingError, UnavailableError

UNHEARD_OF = "no-such-package==1.0 --hash=sha256:" + "0" * 64


@pytest.fixture
def environments(tmp_path):
    (tmp_path / "stranger").mkdir()
    return Environments(tmp_path, tmp_path / "kept")


@pytest.fixture
def lock(tmp_path, environments):
    lock = tmp_path / "stranger" / "requirements.txt"
    lock.write_text("# nothing\n")
    return lock


def test_an_environment_is_kept_until_its_lock_changes(environments, lock):
    python, _app = environments.command("stranger")
    mark = python.with_name("mark")
    mark.touch()
    environments.command("stranger")
    assert mark.exists()
    lock.write_text("# nothing else\n")
    environments.command("stranger")
    assert python.exists()
    assert not mark.exists()


def test_an_environment_without_its_packages_is_none(environments, lock, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    lock.write_text(UNHEARD_OF)
    with pytest.raises(UnavailableError, match="No matching distribution found"):
        environments.command("stranger")
    lock.write_text("# nothing\n")
    with pytest.raises(UnavailableError, match="No matching distribution found"):
        environments.command("stranger")  # the network was out of reach: no second wait


class Unavailable:
    def __init__(self, error):
        self._error = error

    def command(self, stranger):
        raise self._error


@pytest.mark.parametrize(
    ("error", "required", "outcome"),
    [
        (UnavailableError, "", pytest.skip.Exception),
        (UnavailableError, "1", pytest.fail.Exception),
        (NodeMissingError, "1", pytest.skip.Exception),
    ],
    ids=["packages", "packages that are required", "Node.js"],
)
def test_what_is_missing_skips_or_fails(error, required, outcome, monkeypatch):
    monkeypatch.setenv("REQUIRE_PACKAGES", required)
    with pytest.raises(outcome, match="as it is"):
        command_of(Unavailable(error("as it is")), RELYING_PARTIES["auth_js"])
