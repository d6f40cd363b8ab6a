import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
SOURCES = ("shared", "server1", "server2")


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
        ("shared/flask_handoff/errors.py", "import flask_handoff.claims", "layers"),
        ("shared/flask_handoff/a_module_without_a_layer.py", "", "layers"),
        ("shared/flask_handoff/claims.py", "import jwt", "pyjwt"),
        ("shared/flask_handoff/claims.py", "from flask import request", "flask"),
        ("shared/flask_handoff/claims.py", "import sqlalchemy", "sqlalchemy"),
        ("shared/flask_handoff/claims.py", "import server1", "library"),
        ("shared/flask_handoff/claims.py", "import flask_service", "library"),
        ("shared/flask_service/logs.py", "import server1", "service"),
        ("shared/flask_service/logs.py", "from server2 import notes", "service"),
        ("shared/flask_service/logs.py", "from jwt import decode", "jose"),
        ("shared/flask_service/logs.py", "from . import access_log", "service-layers"),
        ("shared/flask_service/a_module_without_a_layer.py", "", "service-layers"),
        ("shared/flask_service/logs.py", "from flask_handoff.errors import X", "service-library"),
        ("server1/db.py", "import server2.db", "servers"),
        ("server2/db.py", "from jwt import decode", "jose"),
        ("server1/db.py", "from cryptography.hazmat.primitives import hashes", "jose"),
        ("shared/flask_handoff/__init__.py", "from . import replay_sql", "extras"),
    ],
)
def test_an_import_against_the_layers_is_found(copy_of_the_sources, module, line, contract_id):
    with (copy_of_the_sources / module).open("a") as source:
        source.write(f"\n{line}\n")
    answer = lint_imports(copy_of_the_sources)
    assert answer.returncode == 1
    assert f"{contract_name(contract_id)} BROKEN" in answer.stdout
