#!/bin/bash
# cachelib 0.17.0, and so Flask-Caching: a full SimpleCache throws away first what was to be kept for ever.
#
# Seen: an application caches with SimpleCache, whose pages expire after a minute, and keeps a few values with
# timeout=0: settings, a table of currencies, a flag. When there are more keys than the threshold, 500 by default, the
# next set() drops each and every value that never expires, also one that was written just now, and not one page. From
# then on these values are None. An application that has all its values without end, by CACHE_DEFAULT_TIMEOUT=0, loses
# the whole cache whenever it has come to 501 keys. On files it is milder, and the same way round: of the values that
# have not expired, those without end go first, one at a time.
#
# Expected: first what has expired, then what is older, as the changes of 0.2.0 have it; and timeout=0 is documented to
# mean that the value never expires. It may have to go at last, to make room, but not as expired, and not before a page
# that has a minute left. With a timeout of a year, which is shorter than for ever, all is as expected.
#
# Source: _remove_expired() and _remove_older() of SimpleCache and FileSystemCache of that version, read there, and run
# here. No end is stored as 0, which get() and has() know; but SimpleCache takes 0 < now for expired, and in both caches
# 0 comes before all other ends. Flask-Caching 2.5.1 inherits both. pallets-eco/cachelib#26, which brought this order,
# does not speak of timeout=0. It bites on the day of the 502nd key, so in production. Until then: a long timeout.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cachelib==0.17.0 Flask-Caching==2.5.1 Flask==3.1.3

cat >pages.py <<'PYTHON'
import sys

from flask import Flask
from flask_caching import Cache

kind, timeout, pages_timeout, folder = sys.argv[1:]
app = Flask("notes")
cache = Cache(app, config={"CACHE_TYPE": kind, "CACHE_DIR": folder, "CACHE_THRESHOLD": 20})
app.app_context().push()
settings = [f"setting {number}" for number in range(5)]
pages = [f"page {number}" for number in range(17)]
for key in settings:
    cache.set(key, "kept", timeout=int(timeout))


def left():
    kept = sum(cache.get(key) == "kept" for key in settings)
    return f"{kept} settings, {sum(cache.has(key) for key in pages)} pages"


for number, key in enumerate(pages):
    cache.set(key, "page", timeout=int(pages_timeout))
    if number == 15:
        print(left(), end=" -> ")
print(left())
PYTHON

# see KIND TIMEOUT PAGES_TIMEOUT EXPECTED
see() {
    local seen
    seen=$(venv/bin/python pages.py "$1" "$2" "$3" "$(mktemp -d -p .)")
    echo "$1, settings for $2 s, pages for $3 s: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

see SimpleCache 0 60 '5 settings, 16 pages -> 0 settings, 17 pages'
see SimpleCache 31536000 60 '5 settings, 16 pages -> 5 settings, 16 pages'
see SimpleCache 0 0 '5 settings, 16 pages -> 0 settings, 1 pages'
see SimpleCache 31536000 31536000 '5 settings, 16 pages -> 4 settings, 17 pages'
see FileSystemCache 0 60 '5 settings, 16 pages -> 4 settings, 17 pages'
see FileSystemCache 31536000 60 '5 settings, 16 pages -> 5 settings, 16 pages'
