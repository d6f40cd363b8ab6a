import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


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


def test_every_import_goes_where_the_layers_allow():
    answer = lint_imports(CHECKOUT)
    assert answer.returncode == 0, answer.stdout + answer.stderr
