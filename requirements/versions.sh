#!/bin/sh
# Runs the library's tests on other versions than .venv has: on the lowest that pyproject.toml allows,
# and on each Python that is installed. Usage, from the top of the checkout, where .venv is ready:
#   requirements/versions.sh lowest            tests/library and tests/attacks, on Python 3.11
#   requirements/versions.sh pythons           tests/library, on each of those of .venv's that it is not
#   requirements/versions.sh find 3.12         prints the path of that Python, or fails
# Behind the first two, --sample runs one case of every third test.
set -eu

oldest=3.11
pythons="3.11 3.12 3.13"

# A shim of pyenv is there for every version, and starts those only that are chosen.
find_python() {
    for candidate in \
        $(command -v "python$1" || true) \
        "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python"$1" \
        "${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}/cpython-$1".*/bin/python"$1"; do
        if [ "$("$candidate" -c 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])' \
            2>/dev/null)" = "$1" ]; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# Usage: try_with PYTHON LOCK TESTS...
try_with() {
    python=$1 lock=$2
    shift 2
    environment=$(mktemp -d)
    trap 'rm -rf "$environment"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    "$python" -m venv "$environment/venv"
    .venv/bin/python -m hatchling build -t wheel -d "$environment" >/dev/null
    install="$environment/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input"
    $install --require-hashes -r "$lock" -r requirements/test-tools.txt
    $install --no-deps "$environment"/*.whl
    # Browsers are driven by what only .venv has.
    env -u REQUIRE_BROWSER "$environment/venv/bin/python" -m pytest -q -p no:cacheprovider \
        --numprocesses=auto --dist=worksteal --basetemp="$environment/tests" "$@"
}

only=
[ "${2:-}" != --sample ] || only=--sample

case ${1:-} in
lowest)
    if python=$(find_python "$oldest"); then
        echo "The library's tests on the lowest versions, and Python $oldest"
        (try_with "$python" requirements/lowest.txt tests/library tests/attacks $only)
    else
        echo "There is no Python $oldest here: the lowest versions are not tested."
    fi
    ;;
pythons)
    lacking= status=0
    for version in $pythons; do
        if .venv/bin/python -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')"; then
            echo "Python $version is that of .venv."
        elif python=$(find_python "$version"); then
            echo "The library's tests on Python $version ($python)"
            # What starts processes takes half of the time, and is the same on all of them.
            env -u TEST_POSTGRESQL_URL -u REQUIRE_POSTGRESQL "$0" try "$python" $only || status=1
        else
            lacking="$lacking $version"
        fi
    done
    [ -z "$lacking" ] || echo "Not tested, for they are not installed: Python$lacking"
    exit "$status"
    ;;
try) try_with "$2" requirements/servers.txt -m 'not processes' tests/library ${3:-} ;;
find) find_python "$2" ;;
*)
    sed -n '4,7s/^# *//p' "$0" >&2
    exit 2
    ;;
esac
