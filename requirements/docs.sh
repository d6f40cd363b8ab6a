#!/bin/sh
# Installs what builds the documents beside .venv, or finds that it is still good and leaves it alone.
# Usage, from the top of the checkout, where .venv is ready: requirements/docs.sh
set -eu

packages=build/docs-packages

# What is compiled fits one Python, and one version of what .venv has already.
mark=$(cat .venv/made-from requirements/docs.txt | cksum)

# Two makes at the same moment must not fill the same directory. Without flock(1) they may.
if command -v flock >/dev/null 2>&1; then
    exec 9<requirements/docs.txt
    flock 9
fi

[ "$(cat "$packages/made-from" 2>/dev/null)" != "$mark" ] || exit 0

echo "Installing the packages of requirements/docs.txt"
rm -rf "$packages"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    --only-binary :all: --require-hashes -r requirements/docs.txt --target "$packages"
printf '%s' "$mark" >"$packages/made-from"
