"""A PostgreSQL server for one run of the benchmarks, reached through a socket in its folder."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine

from benchmarks.processes import UnavailableError


@dataclass(frozen=True, slots=True)
class Cluster:
    """A PostgreSQL server that runs; *folder* holds its socket."""

    folder: Path

    def new_databases(self) -> dict[str, str]:
        """Create a database for each server, and return the settings that name them."""
        names = {server: f"{server}_{secrets.token_hex(4)}" for server in ("server1", "server2")}
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for name in names.values():
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return {f"{server.upper()}_DATABASE_URL": self._url(name) for server, name in names.items()}

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://handoff@/{database}?host={self.folder}"


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start a PostgreSQL as ``.ci/run`` does; it is gone, with its files, when the block ends.

    Raises:
        UnavailableError: None is installed, or nobody is there to run it as.
    """
    folder = Path(tempfile.mkdtemp())
    try:
        programs, run_as = _programs(), _as_somebody(folder)

        def run(program: str, *arguments: str) -> None:
            command = [*run_as, str(programs / program), "-D", str(folder / "cluster")]
            subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL)

        run("initdb", "-U", "handoff", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -k '{folder}' -F"
        run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", options)
        try:
            yield Cluster(folder)
        finally:
            run("pg_ctl", "stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: path.parts)
    if not found:
        raise UnavailableError("no PostgreSQL is installed")
    return found[-1].parent


def _as_somebody(folder: Path) -> list[str]:
    # initdb refuses to work for root.
    if os.getuid() != 0:
        return []
    try:
        shutil.chown(folder, "postgres")
    except LookupError:
        raise UnavailableError("PostgreSQL does not run as root, and has no user") from None
    return ["runuser", "-u", "postgres", "--"]
