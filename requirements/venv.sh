#!/bin/sh
# Makes .venv, or finds that it is still good and leaves it alone.
# Usage, from the top of the checkout: requirements/venv.sh PYTHON [servers|dev]
# servers is what the servers and the lab run on; dev, the default, what tests and tools need as well.
set -eu

usage="Usage: requirements/venv.sh PYTHON [servers|dev]"
python=${1:?"$usage"}
level=${2:-dev}
venv=.venv

refuse() {
    printf '%s\n' "$@" >&2
    exit 1
}

# dev.txt holds all that the other two pin, in the same versions.
locks_of() {
    case $1 in
    servers) echo requirements/build.txt requirements/servers.txt ;;
    dev) echo requirements/dev.txt ;;
    *) return 1 ;;
    esac
}
locks=$(locks_of "$level") || refuse "$usage"

command -v "$python" >/dev/null 2>&1 || refuse \
    "There is no '$python' here. flask-handoff needs Python 3.11 or newer:" \
    "install it, or name one: make PYTHON=/path/to/python3"

# A Python that is itself a virtual environment's stands for the one it was made from,
# so that a shell with .venv activated does not ask for another .venv.
found=$("$python" -c '
import sys
print("%d.%d.%d" % sys.version_info[:3])
print(int(sys.version_info >= (3, 11)))
print(getattr(sys, "_base_executable", None) or sys.executable)
print(getattr(sys, "base_prefix", sys.prefix))
' 2>/dev/null) || refuse \
    "'$python' does not start. flask-handoff needs Python 3.11 or newer:" \
    "name one that works: make PYTHON=/path/to/python3"
version=$(printf '%s\n' "$found" | sed -n 1p)
new_enough=$(printf '%s\n' "$found" | sed -n 2p)
base=$(printf '%s\n' "$found" | sed -n 3p)
prefix=$(printf '%s\n' "$found" | sed -n 4p)

[ "$new_enough" = 1 ] || refuse \
    "'$python' is Python $version. flask-handoff needs Python 3.11 or newer:" \
    "name one: make PYTHON=/path/to/python3"

# The scripts in a virtual environment hold its absolute path: a moved or copied one is not ours.
mark_of() {
    # shellcheck disable=SC2046 # several files
    printf '%s\n' "$1 $version $prefix $(pwd -P) $(cat $(locks_of "$1") | cksum)"
}

holds() {
    [ -x "$venv/bin/python" ] && grep -qxF -e "$(mark_of "$1")" "$venv/made-from" 2>/dev/null
}

is_good() {
    holds "$level" || holds dev
}

# An editable installation changes with the project's metadata, not with the settings of the tools.
project=$(sed '/^\[tool\.pytest/,$d' pyproject.toml | cksum)

is_current() {
    is_good && [ "$(cat "$venv/project" 2>/dev/null)" = "$project" ]
}

is_current && exit 0

# Two makes at the same moment must not build the same directory. Without flock(1) they may.
if command -v flock >/dev/null 2>&1; then
    exec 9<requirements/dev.txt
    flock -n 9 || { echo "Waiting for another make to finish $venv"; flock 9; }
    is_current && exit 0
fi

pip() {
    PYTHONUNBUFFERED=1 "$venv/bin/python" -m pip install \
        --disable-pip-version-check --no-input --progress-bar off "$@"
}

show_progress() {
    while read -r verb what _; do
        case $verb in
        Collecting) echo "  ${what}" ;;
        Processing) echo "  ${what##*/}" ;;
        Installing) echo "  unpacking" ;;
        esac
    done
}

give_up() {
    refuse "The installation into $venv did not succeed; the reason stands above." \
        "Nothing is kept of it: the same make command starts afresh."
}

make_afresh() {
    "$base" -c 'import ensurepip, venv; ensurepip.version()' 2>/dev/null || refuse \
        "Python $version at $base cannot make virtual environments: venv or ensurepip is missing." \
        "On Debian and Ubuntu: apt-get install python3-venv; or name another: make PYTHON=..."
    echo "Making $venv with Python $version ($base)"
    rm -rf "$venv"
    "$base" -m venv "$venv" || give_up
}

if ! is_good; then
    marks=$(mark_of "$level")
    if holds servers && ! grep -q '^dev ' "$venv/made-from"; then
        # What the servers run on stays as it is, and stays good if the rest does not get finished.
        marks=$(mark_of servers && mark_of dev)
        echo "dev begun" >>"$venv/made-from"
    else
        make_afresh
    fi
    echo "Installing the packages of $locks; this takes a minute, once"
    # A pipe has the exit status of its last part only, so a file tells that pip failed.
    # shellcheck disable=SC2086 # several files
    { pip --require-hashes $(printf ' -r %s' $locks) || touch "$venv/failed"; } | show_progress
    [ ! -e "$venv/failed" ] || give_up
    printf '%s\n' "$marks" >"$venv/made-from"
fi

if ! is_current; then
    echo "Installing flask-handoff itself, editable"
    pip --quiet --no-deps --no-build-isolation -e . || give_up
    # Written last: an interrupted installation is never taken for a finished one.
    printf '%s' "$project" >"$venv/project"
fi
echo "$venv is ready"
