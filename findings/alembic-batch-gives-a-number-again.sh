#!/bin/bash
# Alembic 1.20.1 on SQLite: after a batch migration, AUTOINCREMENT gives the number of a deleted row again.
#
# Seen: a table of accounts is made with sqlite_autoincrement=True, so that no number is ever given twice. The newest
# account, number 3, is deleted. Some later migration makes another column NOT NULL in batch_alter_table(), which on
# SQLite copies the table. The next account is number 3. There are two reasons, one behind the other. The copy is made
# from a reflected table, and reflection does not see AUTOINCREMENT: the word is gone, for good, without a warning. And
# with table_kwargs={"sqlite_autoincrement": True} or copy_from, which keep the word, the highest number is still lost:
# SQLite forgets it with the old table, and counts on from the highest row that was copied.
#
# Expected: number 4. SQLite's page on AUTOINCREMENT has the word for just this, that no number comes back over the
# lifetime of the database; Alembic's chapter on batch migrations warns of constraints, and not of this.
#
# Source: ApplyBatchImpl._create() of that version and SQLite's table sqlite_sequence, read there, and run here.
# sqlalchemy/alembic#1758 has STRICT lost in the same way, which takes nothing from the rows. It matters where such a
# number outlives its row: in sessions and tokens, in logs, in other databases. Until then: take the number out of
# sqlite_sequence before the batch, and put it back behind it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check alembic==1.20.1 SQLAlchemy==2.1.9

cat >accounts.py <<'PYTHON'
import sys
import warnings

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, text

warnings.simplefilter("error")
accounts = Table(
    "accounts",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String(20)),
    sqlite_autoincrement=True,
)
way = sys.argv[1]
arguments = {
    "table_kwargs": {"table_kwargs": {"sqlite_autoincrement": True}},
    "copy_from": {"copy_from": accounts},
    "put back": {"copy_from": accounts},
}.get(way, {})

with create_engine("sqlite://").connect() as connection:
    accounts.create(connection)

    def run(statement, **values):
        return connection.execute(text(statement), values)

    for name in ("ada", "bob", "eve"):
        run("INSERT INTO accounts (name) VALUES (:name)", name=name)
    run("DELETE FROM accounts WHERE name = 'eve'")
    if way != "no migration":
        number = run("SELECT seq FROM sqlite_sequence WHERE name = 'accounts'").scalar_one()
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("accounts", **arguments) as batch:
            batch.alter_column("name", existing_type=String(20), nullable=False)
        if way == "put back":
            run("UPDATE sqlite_sequence SET seq = :number WHERE name = 'accounts'", number=number)
    run("INSERT INTO accounts (name) VALUES ('kay')")
    kay = run("SELECT id FROM accounts WHERE name = 'kay'").scalar_one()
    table = run("SELECT sql FROM sqlite_master WHERE name = 'accounts'").scalar_one()
    print(f"{kay}, {'with' if 'AUTOINCREMENT' in table else 'without'} AUTOINCREMENT")
PYTHON

# see WAY EXPECTED
see() {
    local seen
    seen=$(venv/bin/python accounts.py "$1")
    echo "$1: the next account is number $seen"
    [ "$seen" = "$2" ] || { echo "expected: $2"; exit 1; }
}

see 'no migration' '4, with AUTOINCREMENT'
see batch '3, without AUTOINCREMENT'
see table_kwargs '3, with AUTOINCREMENT'
see copy_from '3, with AUTOINCREMENT'
see 'put back' '4, with AUTOINCREMENT'
