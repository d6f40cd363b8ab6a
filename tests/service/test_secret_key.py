import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask, session

from flask_handoff import ConfigurationError
from flask_service import secret_key

KEY = "k" * 43


@pytest.fixture
def path(tmp_path):
    return tmp_path / "instance" / "secret_key"


def read(path, *, create=True):
    app = Flask("small")
    secret_key.init_app(app, path, create=create, settings="THE_SETTING")
    return [app.secret_key, *app.config["SECRET_KEY_FALLBACKS"]]


def write(path, content):
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def test_a_random_private_key_is_made_at_first_run(path, tmp_path):
    (made,) = read(path)
    assert re.fullmatch(r"[\w-]{43}", made)
    assert read(tmp_path / "other" / "secret_key") != [made]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(path.parent) == ["secret_key"]
    assert read(path) == [made]


def test_servers_that_start_together_agree_on_the_key(path):
    start = threading.Barrier(8)

    def load(_number):
        start.wait()
        (key,) = read(path)
        return key

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(load, range(8)))
    assert keys == {path.read_text().strip()}
    assert os.listdir(path.parent) == ["secret_key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o666, 0o777])
def test_a_key_that_others_can_read_is_refused(path, mode):
    write(path, KEY)
    path.chmod(mode)
    with pytest.raises(ConfigurationError) as refusal:
        read(path)
    assert refusal.value.remedy == f"Run: chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o640])
def test_a_key_may_be_mounted_as_orchestrators_do(path, tmp_path, mode):
    write(path, KEY)
    path.chmod(mode)
    link = tmp_path / "mounted"
    link.symlink_to(path)
    assert read(link, create=False) == [KEY]


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o660, 0o444, 0o777])
def test_a_mounted_key_that_others_can_change_is_refused(path, mode):
    write(path, KEY)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="is open to other users"):
        read(path, create=False)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"short", b"\xff" * 43, b"a" * 43 + b"\nshort"])
def test_a_file_that_holds_no_good_key_is_refused(path, content):
    write(path, content)
    with pytest.raises(ConfigurationError, match=re.escape(str(path))) as refusal:
        read(path)
    assert "short" not in str(refusal.value)


def test_a_file_that_was_named_is_not_made(path):
    with pytest.raises(ConfigurationError) as refusal:
        read(path, create=False)
    assert refusal.value.remedy == "Set THE_SETTING to a place that this user may use."
    assert not path.exists()


def test_a_key_above_the_old_one_signs_nobody_out(server, tmp_path):
    def serializer(app):
        return app.session_interface.signer

    def id_in(app):
        headers = {"Cookie": f"{server.cookie}={cookie}"}
        with app.test_request_context("/", base_url=server.base_url, headers=headers):
            return session.get("id")

    path = tmp_path / server.name / "secret_key"
    cookie = serializer(server.build()).dumps({"id": "of before"})
    old = path.read_text()
    for keys, found in ((f"{KEY}\n{old}", "of before"), (f"{KEY}\n", None)):
        path.write_text(keys)
        app = server.build()
        assert app.secret_key == KEY
        assert id_in(app) == found
