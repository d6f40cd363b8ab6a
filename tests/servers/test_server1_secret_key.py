import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_handoff import ConfigurationError
from server1.secret_key import load_secret_keys
from tests.servers.accounts_visitor import Visitor, running_accounts


@pytest.fixture
def path(tmp_path):
    return tmp_path / "instance" / "secret_key"


def test_a_random_key_is_made_at_first_run_for_this_user_alone(path, tmp_path):
    made = load_secret_keys(path, create=True)
    other = load_secret_keys(tmp_path / "other" / "secret_key", create=True)
    assert len(made.current) >= 43
    assert made.current != other.current
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(path.parent) == ["secret_key"]


def test_the_key_stays_the_same(path):
    assert load_secret_keys(path, create=True) == load_secret_keys(path, create=True)


def test_servers_that_start_together_agree_on_the_key(path):
    start = threading.Barrier(8)

    def load(_number):
        start.wait()
        return load_secret_keys(path, create=True).current

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(load, range(8)))
    assert keys == {path.read_text().strip()}
    assert os.listdir(path.parent) == ["secret_key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
@pytest.mark.parametrize("name", ["secret_key", "secret_key_fallbacks"])
def test_a_key_that_others_can_read_is_refused(path, name, mode):
    load_secret_keys(path, create=True)
    file = path.with_name(name)
    file.write_text("k" * 43)
    file.chmod(mode)
    with pytest.raises(ConfigurationError) as refusal:
        load_secret_keys(path, create=True)
    assert refusal.value.remedy == f"Run: chmod 600 {file}"


@pytest.mark.parametrize("content", [b"", b"short", b"a" * 43 + b"\n" + b"b" * 43, b"\xff" * 43])
def test_a_file_that_holds_no_good_key_is_refused(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError):
        load_secret_keys(path, create=True)


def test_a_key_file_that_was_named_has_to_be_there(path):
    with pytest.raises(ConfigurationError):
        load_secret_keys(path, create=False)
    assert not path.exists()


def test_a_replaced_key_is_believed_until_it_is_removed(accounts_environment, clock, tmp_path):
    path = tmp_path / "server1" / "secret_key"
    with running_accounts(accounts_environment, clock) as accounts:
        visitor = Visitor(accounts)
        visitor.sign_in()
        cookie = visitor.cookie
    path.rename(path.with_name("secret_key_fallbacks"))
    for believed in (True, False):
        with running_accounts(accounts_environment, clock) as accounts:
            visitor = Visitor(accounts)
            visitor.cookie = cookie
            assert visitor.is_signed_in is believed
        path.with_name("secret_key_fallbacks").unlink(missing_ok=True)
