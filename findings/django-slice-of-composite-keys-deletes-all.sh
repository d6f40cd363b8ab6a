#!/bin/bash
# Django 5.2.19 on SQLite: with a CompositePrimaryKey, deleting the first two rows of a query deletes all of them.
#
# Seen: rows are deleted in batches, in the usual way, as delete() refuses a slice itself:
# rows.filter(pk__in=rows.order_by("left")[:2]).delete(). With a single key two of six rows are gone; with a composite
# key all six are, without a warning. If the query inside has a filter, all that match the filter are gone, however
# short the slice. update() and count() are alike: a worker that takes one job in this way takes every job, and a
# clean-up that should go step by step empties the table. exclude(pk__in=newest[:10]).delete() deletes nothing.
#
# Expected: two rows. The documentation of the "in" lookup has a query set be evaluated as a subselect, and Django has a
# check of its own for databases that cannot limit one there (allow_sliced_subqueries_with_in), and says no for those.
# SQLite can. 5.2.3 deletes two rows; so do 6.1.3, run once on Python 3.12, and 5.2.19 on PostgreSQL 15, run once, too.
#
# Source: TupleIn.get_fallback_sql() of that version, read there, and run here: in 5.2, SQLite is marked as having no
# tuple lookups, so since 5.2.4 (django/django#19565, made for other databases) the subselect becomes EXISTS, whose
# order is dropped and whose LIMIT is 1: the slice is lost. Without a filter inside, even both tables have one name, and
# x.a = x.a is true of all rows. It bites who stays on the long-term support release, and whose tests run on SQLite.
# Until then: a list of the keys, list(rows.values_list("pk", flat=True)[:2]).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for version in 5.2.19 5.2.3; do
    python3 -m venv "$version"
    "$version/bin/pip" install --quiet --disable-pip-version-check Django=="$version"
done

cat >members.py <<'PYTHON'
import sys

import django
from django.conf import settings

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
django.setup()

from django.db import connection, models


class Membership(models.Model):
    pk = models.CompositePrimaryKey("team", "person")
    team = models.IntegerField()
    person = models.IntegerField()
    left = models.IntegerField()

    class Meta:
        app_label = "teams"


class Note(models.Model):
    left = models.IntegerField()

    class Meta:
        app_label = "teams"


with connection.schema_editor() as editor:
    editor.create_model(Membership)
    editor.create_model(Note)
for number in range(6):
    Membership.objects.create(team=number // 3, person=number, left=2000 + number)
    Note.objects.create(left=2000 + number)

kind, chosen, act = sys.argv[1:]
rows = {"composite": Membership, "single": Note}[kind].objects
oldest = {
    "[:2]": rows.order_by("left")[:2],
    "filter()[:2]": rows.filter(left__lt=2004).order_by("left")[:2],
    "filter()": rows.filter(left__lt=2002),
    "list": list(rows.order_by("left").values_list("pk", flat=True)[:2]),
}[chosen]
doomed = rows.filter(pk__in=oldest)
done = {"count": doomed.count, "update": lambda: doomed.update(left=1999), "delete": lambda: doomed.delete()[0]}[act]()
print(f"{done} of 6, {rows.count()} left")
PYTHON

# see VERSION KEY CHOSEN ACT EXPECTED
see() {
    local seen
    seen=$("$1/bin/python" members.py "$2" "$3" "$4")
    echo "$1, $2 key, pk__in=$3, $4: $seen"
    [ "$seen" = "$5" ] || { echo "expected: $5"; exit 1; }
}

see 5.2.19 single '[:2]' delete '2 of 6, 4 left'
see 5.2.19 single 'filter()[:2]' delete '2 of 6, 4 left'
see 5.2.19 composite '[:2]' count '6 of 6, 6 left'
see 5.2.19 composite '[:2]' update '6 of 6, 6 left'
see 5.2.19 composite '[:2]' delete '6 of 6, 0 left'
see 5.2.19 composite 'filter()[:2]' delete '4 of 6, 2 left'
see 5.2.19 composite 'filter()' delete '2 of 6, 4 left'
see 5.2.19 composite list delete '2 of 6, 4 left'
see 5.2.3 composite '[:2]' delete '2 of 6, 4 left'
see 5.2.3 composite 'filter()[:2]' delete '2 of 6, 4 left'
