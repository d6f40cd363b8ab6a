"""What a process sees of key rings that an orchestrator has mounted; run it where it may mount.

    unshare --mount python -m tests.mounted_rings DIRECTORY

Nothing of it is seen outside of that namespace. It prints what it saw as JSON.
"""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from flask_handoff.errors import ConfigurationError
from flask_handoff.keys import KeyRing, WatchedKeyRing, activate_key, new_key, stage_key
from flask_handoff.keys.own.private_files import read_mounted_file
from tests.jwks_endpoint import FakeMonotonic

LONG_AGO = datetime(2026, 1, 31, 12, tzinfo=UTC)


def secret_volume(volume, ring, version):
    """Write files as the kubelet does, and change all of them by one link."""
    (volume / version).mkdir(0o755)
    for path in ring.iterdir():
        file = volume / version / path.name
        file.write_bytes(path.read_bytes())
        file.chmod(0o644)
        link = volume / path.name
        if not link.is_symlink():
            link.symlink_to(Path("..data") / path.name)
    (volume / "..data_tmp").symlink_to(version)
    (volume / "..data_tmp").rename(volume / "..data")


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def refusal(step, *arguments):
    try:
        step(*arguments)
    except ConfigurationError as error:
        return str(error)
    return "no refusal"


def kubernetes(here, ring, staged):
    volume, mounted = here / "volume", here / "mounted"
    volume.mkdir()
    mounted.mkdir()
    volume.chmod(0o1777)
    secret_volume(volume, ring, "..2026_01_31")
    mount("--bind", "-o", "ro", str(volume), str(mounted))
    monotonic = FakeMonotonic()
    watched = WatchedKeyRing(mounted, monotonic=monotonic)
    yield "at first", watched.signing_key.kid
    yield "a step", refusal(stage_key, mounted)
    yield "a first key", refusal(new_key, mounted)
    yield "not mounted", refusal(KeyRing.open, volume)

    volume.chmod(0o777)
    yield "open to all", refusal(KeyRing.open, mounted)
    volume.chmod(0o1777)

    activate_key(ring, staged)
    secret_volume(volume, ring, "..2026_02_01")
    shutil.rmtree(volume / "..2026_01_31")
    monotonic.tick(1)
    yield "after the change", watched.signing_key.kid

    (volume / "..data" / "ring.json").rename(here / "ring.json")
    yield "without a ring", refusal(stage_key, mounted)
    (volume / "..data" / "ring.json").symlink_to(here / "ring.json")
    yield "a link to elsewhere", refusal(KeyRing.open, mounted)


def docker(here, ring):
    """Each file by itself, in a directory of the container's own."""
    directory = here / "secrets"
    directory.mkdir()
    directory.chmod(0o755)
    for path in ring.iterdir():
        (directory / path.name).touch(0o444)
        path.chmod(0o444)
        mount("--bind", "-o", "ro", str(path), str(directory / path.name))
    yield "file by file", KeyRing.open(directory).signing_key.kid
    yield "a secret", refusal(read_mounted_file, directory / "ring.json")
    yield "a secret, not mounted", refusal(read_mounted_file, ring / "ring.json")
    before = set(directory.iterdir())
    yield "a step, file by file", refusal(stage_key, directory)
    yield "left behind", [path.name for path in set(directory.iterdir()) - before]
    directory.chmod(0o777)
    yield "open to others", refusal(KeyRing.open, directory)


def main():
    here = Path(sys.argv[1])
    mount("-t", "tmpfs", "none", str(here))
    os.umask(0o022)
    ring = here / "ring"
    kids = [new_key(ring, clock=lambda: LONG_AGO).kid for _ in range(2)]
    seen = {"kids": kids}
    seen.update(kubernetes(here, ring, kids[1]))
    seen.update(docker(here, ring))
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
