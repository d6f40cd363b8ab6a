#!/bin/bash
# Django 5.2.19 on SQLite: with db_default=Now(), the row before a row is the row itself, and no row has its own time.
#
# Seen: a model has created = DateTimeField(db_default=Now()). note.get_previous_by_created() is the same note, every
# time: whoever walks back through a list, or reads it in pages by the last time seen, goes round for ever.
# filter(created=note.created) finds nothing, filter(created__lt=note.created) the note, and
# filter(created__gte=note.created), for what is new since then, leaves it out. A row is right once it was saved again.
# With SQLAlchemy 2.1.9 and server_default=func.now() it is the same.
#
# Expected: get_previous_by_FOO() is documented to break ties by the primary key, which guarantees that no record is
# skipped or repeated. And what was read from a column equals what is in it, as with default=timezone.now, where the
# same walk ends.
#
# Source: Now.as_sqlite() and DatabaseOperations.adapt_datetimefield_value() of that version (the same in 6.1.3), and
# DATETIME in sqlalchemy/dialects/sqlite/base.py, read there, and run here. SQLite has no type for times, and compares
# them as text. Now() writes three digits after the second, str(datetime) six, or none; CURRENT_TIMESTAMP writes none,
# and SQLAlchemy six: what is shorter comes first. django/django#16111, of 2022, gave Now() its three digits, and does
# not speak of comparisons. It bites who moves a default from Python into the database, or tests on SQLite what runs
# on PostgreSQL. Until then: default=timezone.now; with SQLAlchemy sqlite.DATETIME(truncate_microseconds=True).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check Django==5.2.19 SQLAlchemy==2.1.9

cat >with_django.py <<'PYTHON'
import sys

import django
from django.conf import settings

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, USE_TZ=True)
django.setup()

from django.db import connection, models
from django.db.models.functions import Now
from django.utils import timezone

default = {"db_default=Now()": {"db_default": Now()}, "default=timezone.now": {"default": timezone.now}}


class Note(models.Model):
    created = models.DateTimeField(**default[sys.argv[1]])

    class Meta:
        app_label = "notes"


with connection.schema_editor() as editor:
    editor.create_model(Note)
while Note.objects.count() < 3:
    note = Note.objects.create(pk=Note.objects.count() + 1)
    note.refresh_from_db()
    if note.created.microsecond == 0:  # str(datetime) leaves the fraction out here: another surprise, and a rare one
        note.delete()

walk = [note.pk]
try:
    while len(walk) < 6:
        note = note.get_previous_by_created()
        walk.append(note.pk)
except Note.DoesNotExist:
    walk.append("end")
rows = Note.objects.filter(pk=note.pk)
for lookup in "exact", "lt", "gte":
    print(lookup, rows.filter(**{f"created__{lookup}": note.created}).count(), end=", ")
print("back:", *walk)
PYTHON

cat >with_sqlalchemy.py <<'PYTHON'
import sys
from datetime import datetime, timezone

from sqlalchemy import DateTime, create_engine, func, select, tuple_
from sqlalchemy.dialects.sqlite import DATETIME
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

column = {
    "server_default=func.now()": (DateTime, {"server_default": func.now()}),
    "the same, truncated": (DATETIME(truncate_microseconds=True), {"server_default": func.now()}),
    "default=now": (DateTime, {"default": lambda: datetime.now(timezone.utc)}),
}
kind, default = column[sys.argv[1]]


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[datetime] = mapped_column(kind, **default)


engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
with Session(engine) as session:
    for _ in range(3):
        session.add(Note())
        session.commit()
    newest_first = select(Note).order_by(Note.created.desc(), Note.id.desc())
    note = session.scalars(newest_first).first()
    walk = [note.id]
    while len(walk) < 6:
        before = newest_first.where(tuple_(Note.created, Note.id) < (note.created, note.id))
        previous = session.scalars(before).first()
        if previous is None:
            walk.append("end")
            break
        note = previous
        walk.append(note.id)
    for name, found in {
        "exact": Note.created == note.created,
        "lt": Note.created < note.created,
        "gte": Note.created >= note.created,
    }.items():
        print(name, len(session.scalars(select(Note).where(found, Note.id == note.id)).all()), end=", ")
    print("back:", *walk)
PYTHON

# see ORM DEFAULT EXPECTED
see() {
    local seen
    seen=$(venv/bin/python "with_$1.py" "$2")
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see django 'db_default=Now()' 'exact 0, lt 1, gte 0, back: 3 3 3 3 3 3'
see django default=timezone.now 'exact 1, lt 0, gte 1, back: 3 2 1 end'
see sqlalchemy 'server_default=func.now()' 'exact 0, lt 1, gte 0, back: 3 3 3 3 3 3'
see sqlalchemy 'the same, truncated' 'exact 1, lt 0, gte 1, back: 3 2 1 end'
see sqlalchemy default=now 'exact 1, lt 0, gte 1, back: 3 2 1 end'
