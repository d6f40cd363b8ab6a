"""``make migration SERVER=server1 MESSAGE='add tags'``: drafts a server's next migration.

Alembic compares the newest version, made by the migrations that there are, with the tables that the
server's modules define. What it writes is a draft: a person reads, corrects and tests it.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

from alembic import command
from sqlalchemy import create_engine


def main(server: str, message: str) -> None:
    """Write the draft to the server's ``migrations/versions``."""
    package = importlib.import_module(server)
    for module in pkgutil.walk_packages(package.__path__, f"{server}."):
        if module.name != f"{server}.__main__":  # which would serve
            importlib.import_module(module.name)  # a new table's module may be used by nobody yet
    schema = importlib.import_module(f"{server}.db").SCHEMA
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        config = schema.alembic_config(connection)
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        command.upgrade(config, "head")
        number = f"{int(schema.newest) + 1:04}"
        command.revision(config, message, autogenerate=True, rev_id=number)
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
