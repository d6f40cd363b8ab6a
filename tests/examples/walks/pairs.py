"""The examples, loaded anew for a walk: each pair has its own directory, key and databases."""

import atexit
import functools
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from types import ModuleType

from flask_handoff.keys import new_key

EXAMPLES = Path(__file__).parents[3] / "examples"
PASSWORD = secrets.token_urlsafe(12)


def load(pair, side, changes):
    """Run an example's file as Python would, with changes of its owner, and return its module."""
    path = EXAMPLES / pair / f"{side}.py"
    source = path.read_text()
    for before, after in changes.items():
        assert before in source
        source = source.replace(before, after)
    module = ModuleType(f"{side}_of_{pair}")
    module.__file__ = str(path)
    exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 - a file of this project
    return module


@functools.cache
def _key_directory():
    directory = Path(tempfile.mkdtemp()) / "keys"
    atexit.register(shutil.rmtree, directory.parent)
    new_key(directory)
    return directory


def load_pair(pair, issuers=None, receivers=None, **settings):
    """Load both sides of a pair in the current directory; the receiver has the keys at hand.

    Args:
        pair: The folder below ``examples``.
        issuers, receivers: What their owners write in place of what, by that.
        settings: More of the environment that its page of instructions names.
    """
    shutil.copytree(_key_directory(), "keys")
    os.environ.update(settings, ADA_PASSWORD=PASSWORD, FLASK_SECRET_KEY=secrets.token_hex(32))
    issuer = load(pair, "issuer", issuers or {})
    published = issuer.app.test_client().get(
        "/.well-known/jwks.json", base_url=issuer.app.config["HANDOFF_ISSUER"]
    )
    Path("published.json").write_bytes(published.data)
    os.environ.update(HANDOFF_PINNED_KEYS="published.json", FLASK_SECRET_KEY=secrets.token_hex(32))
    return issuer, load(pair, "receiver", receivers or {})
