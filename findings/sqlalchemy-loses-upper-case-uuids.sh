#!/bin/bash
# SQLAlchemy 2.1.9 on SQLite: Uuid(as_uuid=False) reads back another id than the one it wrote, if that had capitals.
#
# Seen: a model's primary key is Uuid(as_uuid=False), for an API that has its ids as text. A client sends one in
# capital letters, as software on iOS and macOS often does, and the row is stored. Listing shows it, with its id in
# small letters. By that id it is not found, and a change of the object that was just loaded is a StaleDataError: no
# row was matched. The same UUID can be inserted once more in small letters; the listing then has one id twice, and of
# the two rows the session shows only one, in both places. Nothing is wrong with ids that were written in small letters
# from the start.
#
# Expected: one UUID, one row, however it is written. RFC 9562, section 4, allows small and capital letters, and a mix
# of both. With UUID objects (the default), and on PostgreSQL with psycopg 3.3.9, the same model finds and changes the
# row.
#
# Source: Uuid.bind_processor() and Uuid.result_processor() of that version, read there, and run here. On databases
# without a type for UUIDs, a column of CHAR(32), what is written only loses its hyphens, while what is read goes
# through uuid.UUID, and so comes out in small letters. It matters as soon as an id comes from outside as text. Until
# then: str(uuid.UUID(text)) before SQLAlchemy sees it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check SQLAlchemy==2.1.9

cat >notes.py <<'PYTHON'
import sys
from uuid import UUID

from sqlalchemy import Uuid, create_engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.orm.exc import StaleDataError

as_uuid, sent = sys.argv[1] == "objects", sys.argv[2]
number = UUID if as_uuid else str


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[number] = mapped_column(Uuid(as_uuid=as_uuid), primary_key=True)
    text: Mapped[str]


engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add(Note(id=number(sent), text="bread"))
    session.commit()

with Session(engine) as session:
    note = session.scalars(select(Note)).one()
    found = session.scalars(select(Note).where(Note.id == note.id)).one_or_none()
    print("found" if found else "not found", end=", ")
    note.text = "milk"
    try:
        session.commit()
        print("changed", end=", ")
    except StaleDataError:
        print("stale", end=", ")

with Session(engine) as session:
    session.add(Note(id=number(sent.lower()), text="salt"))
    try:
        session.commit()
    except IntegrityError:
        print("refused", end=", ")
        session.rollback()
    rows = session.scalars(select(Note).order_by(Note.text)).all()
    print(len(rows), "row" if len(rows) == 1 else "rows", "of", len({note.id for note in rows}), "id:", end=" ")
    print(*(note.text for note in rows))
PYTHON

# see KIND SENT EXPECTED
see() {
    local seen
    seen=$(venv/bin/python notes.py "$1" "$2" 2>/dev/null)
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see text 0dea4b1e-0000-4000-8000-00000000abcd 'found, changed, refused, 1 row of 1 id: milk'
see text 0DEA4B1E-0000-4000-8000-00000000ABCD 'not found, stale, 2 rows of 1 id: bread bread'
see objects 0DEA4B1E-0000-4000-8000-00000000ABCD 'found, changed, refused, 1 row of 1 id: milk'
