import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
SOURCES = ("shared", "server1", "server2", "lab")


def lint_imports(checkout):
    source_roots = f"{checkout / 'shared'}{os.pathsep}{checkout}"
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", checkout / "pyproject.toml"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": source_roots},
        capture_output=True,
        text=True,
        check=False,
    )


def contract_name(contract_id):
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return next(each["name"] for each in settings["contracts"] if each["id"] == contract_id)


@pytest.fixture
def copy_of_the_sources(tmp_path):
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    for source in SOURCES:
        shutil.copytree(
            CHECKOUT / source,
            tmp_path / source,
            ignore=lambda _, names: [name for name in names if not is_source(name)],
        )
    return tmp_path


def is_source(name):
    return name.endswith(".py") or "." not in name


def test_every_import_goes_where_the_layers_allow():
    answer = lint_imports(CHECKOUT)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract_id"),
    [
        ("shared/flask_handoff/errors/root.py", "import flask_handoff.claims", "layers"),
        ("shared/flask_handoff/settings.py", "import flask_handoff.keys", "layers"),
        ("shared/flask_handoff/keys/source.py", "import flask_handoff.tokens.minter", "layers"),
        (
            "shared/flask_handoff/keys/own/ring.py",
            "import flask_handoff.keys.remote.client",
            "keys",
        ),
        ("shared/flask_handoff/keys/remote/fetch.py", "import flask_handoff.keys.own.pem", "keys"),
        ("shared/flask_handoff/stores/memory.py", "import flask_handoff.tokens", "layers"),
        ("shared/flask_handoff/tokens/minter.py", "import flask_handoff.web", "layers"),
        ("shared/flask_handoff/tokens/minter.py", "from flask import request", "flask"),
        ("shared/flask_handoff/web/parameters.py", "import flask_handoff.issuer", "layers"),
        ("shared/flask_handoff/issuer/logout.py", "import flask_handoff.receiver", "layers"),
        ("shared/flask_handoff/receiver/attempts.py", "import flask_handoff.issuer", "layers"),
        ("shared/flask_handoff/api/extension.py", "import flask_handoff.receiver", "layers"),
        ("shared/flask_handoff/issuer/userinfo.py", "import flask_handoff.api", "layers"),
        ("shared/flask_handoff/receiver/attempts.py", "import flask_handoff.commands", "layers"),
        ("shared/flask_handoff/commands/keys.py", "import jwt", "pyjwt"),
        ("shared/flask_handoff/a_module_without_a_layer.py", "", "layers"),
        ("shared/flask_handoff/stores/memory.py", "import sqlalchemy", "sqlalchemy"),
        ("shared/flask_handoff/stores/__init__.py", "from . import sql", "extras"),
        ("shared/flask_handoff/claims.py", "import server1", "library"),
        ("shared/flask_handoff/claims.py", "import flask_service", "library"),
        ("shared/flask_service/logs.py", "import server1", "service"),
        ("shared/flask_service/logs.py", "from server2 import notes", "service"),
        ("shared/flask_service/logs.py", "from jwt import decode", "jose"),
        ("shared/flask_service/logs.py", "from . import access_log", "service-layers"),
        ("shared/flask_service/a_module_without_a_layer.py", "", "service-layers"),
        ("shared/flask_service/logs.py", "from flask_handoff.errors import X", "service-library"),
        ("server1/pages/home.py", "import server1.background", "server1-layers"),
        ("server1/pages/home.py", "import server1.commands", "server1-layers"),
        ("server1/commands/accounts.py", "import server1.pages", "server1-layers"),
        ("server1/handoff.py", "import server1.pages", "server1-layers"),
        ("server1/mail/queue.py", "import server1.handoff", "server1-layers"),
        ("server1/config/mail.py", "import server1.mail", "server1-layers"),
        ("server1/accounts/users.py", "import server1.mail.queue", "server1-layers"),
        ("server1/accounts/sessions.py", "import server1.signed_in", "server1-layers"),
        ("server1/accounts/users.py", "import flask_service.client_address", "server1-rules"),
        ("server1/logouts.py", "import server1.accounts.users", "server1-layers"),
        ("server1/audit.py", "import server1.accounts.users", "server1-layers"),
        ("server1/a_module_without_a_layer.py", "", "server1-layers"),
        ("server1/__init__.py", "import server2.db", "servers"),
        ("lab/__init__.py", "import server2.db", "servers"),
        ("lab/config.py", "import lab.places", "lab-layers"),
        ("lab/tokens.py", "import jwt", "jose"),
        ("lab/attacks/pages.py", "import jwt", "jose"),
        ("lab/tutorial/pages.py", "import lab.attacks", "lab-layers"),
        ("server2/__init__.py", "from jwt import decode", "jose"),
        ("server1/__init__.py", "from cryptography.hazmat.primitives import hashes", "jose"),
    ],
)
def test_an_import_against_the_layers_is_found(copy_of_the_sources, module, line, contract_id):
    with (copy_of_the_sources / module).open("a") as source:
        source.write(f"\n{line}\n")
    answer = lint_imports(copy_of_the_sources)
    assert answer.returncode == 1
    assert f"{contract_name(contract_id)} BROKEN" in answer.stdout
