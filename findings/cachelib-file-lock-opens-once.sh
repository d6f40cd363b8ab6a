#!/bin/bash
# cachelib 0.17.0, and so Flask-Caching: on files, add() refuses a key for good once the key has expired.
#
# Seen: the workers of an application share a FileSystemCache. cache.add("report", 1, timeout=...) decides which of them
# sends a report, and how often it is sent; letters and webhooks that come twice are guarded in the same way. The first
# add() is True, the second False. When the time is over, get() is None and has() is False, but add() is False still,
# and stays so: the report goes out once, and never again. The file of the expired key is there yet, and that is all
# that add() asks for. Expired files are removed only while more than CACHE_THRESHOLD keys are stored, 500 by default,
# so that a busy server gets its report some day, and a quiet one does not.
#
# Expected: True, and the new value, as with SimpleCache. The documentation of add() is word for word the same for both:
# like set(), but existing keys are left alone; and by has() this key does not exist. The changes of 0.4.0 promise that
# code for one type of cache works with every other.
#
# Source: FileSystemCache.add(), has() and _prune() of that version, read there, and run here. SimpleCache had the same
# fault until pallets-eco/cachelib#449, of May 2026, which mended that class alone: 0.13.0 shows it here. It bites who
# moves from one process to several, and from SimpleCache to files. Until then: delete() a key that has() denies before
# add(); for a lock take a row with a unique column, as this add() looks first and writes later.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cachelib==0.17.0 Flask-Caching==2.5.1 Flask==3.1.3
python3 -m venv older
older/bin/pip install --quiet --disable-pip-version-check cachelib==0.13.0

cat >report.py <<'PYTHON'
import sys
import time

kind, folder = sys.argv[1:]
if kind.startswith("Flask-Caching"):
    from flask import Flask
    from flask_caching import Cache

    app = Flask("notes")
    cache = Cache(app, config={"CACHE_TYPE": kind.split()[1], "CACHE_DIR": folder})
    app.app_context().push()
else:
    import cachelib

    cache = cachelib.SimpleCache() if kind == "SimpleCache" else cachelib.FileSystemCache(folder)

before = [cache.add("report", "first", timeout=1), cache.add("report", "second", timeout=1)]
while cache.has("report"):
    time.sleep(0.1)
gone = cache.get("report")
again = cache.add("report", "third", timeout=600)
print(*before, "| expired:", gone, "|", again, cache.get("report"), end=" | set: ")
print(cache.set("report", "fourth", timeout=600) and cache.get("report"))
PYTHON

# see VENV KIND EXPECTED
see() {
    local seen
    seen=$("$1"/bin/python report.py "$2" "$(mktemp -d -p .)")
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see venv FileSystemCache 'True False | expired: None | False None | set: fourth'
see venv 'Flask-Caching FileSystemCache' 'True False | expired: None | False None | set: fourth'
see venv SimpleCache 'True False | expired: None | True third | set: fourth'
see venv 'Flask-Caching SimpleCache' 'True False | expired: None | True third | set: fourth'
see older SimpleCache 'True False | expired: None | False None | set: fourth'
