#!/bin/bash
# Django 5.2.19 on SQLite: values("data__code") turns the text "1.10" into 1.1, and data__weight__range finds nothing.
#
# Seen: articles have a JSONField with a code, a text. article.data["code"] is "1.10", and data__code="1.10" finds the
# article, but values(), values_list() and F() give 1.1, a number; 53113 for "53113", and the text "01067" in the next
# row. Groups, sorting, a CSV file and the next filter with such a value miss some rows, and only some. And a filter by
# data__weight__range=(2, 4) finds no row at all, without an error, where gte and lte find three.
#
# Expected: what was stored, and three rows, as on PostgreSQL 15 with psycopg 3.3.9, where the same was run once, by
# hand. Django documents a caveat for the texts "true", "false" and "null" on SQLite (django/django#15883), and none for
# other texts. A lookup that SQLite does not have, such as contains, raises NotSupportedError; range does not.
#
# Source: JSONField.from_db_value(), KeyTransform.as_sqlite() and the register_lookup() lines of
# django/db/models/fields/json.py of that version, read there, and run here; 6.1.3 is the same, run once. JSON_EXTRACT
# takes the quotes off a text, and what then looks like JSON is read as JSON. lt, lte, gt and gte have classes of their
# own for keys, which turn the parameter into a number; range has none, so numbers are compared with texts. It bites who
# runs tests or a small site on SQLite. Until then: KT("data__code") for texts; gte with lte.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check Django==5.2.19

cat >articles.py <<'PYTHON'
import sys

import django
from django.conf import settings

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
django.setup()

from django.db import connection, models
from django.db.models import F
from django.db.models.fields.json import KT


class Article(models.Model):
    data = models.JSONField()

    class Meta:
        app_label = "articles"


with connection.schema_editor() as editor:
    editor.create_model(Article)
for weight, code in enumerate(["1.10", "53113", "01067", "7e3", "A4"], 1):
    Article.objects.create(data={"code": code, "weight": weight})

articles = Article.objects.order_by("pk")
found = {
    "attribute": lambda: [article.data["code"] for article in articles],
    "values": lambda: [row["data__code"] for row in articles.values("data__code")],
    "F": lambda: list(articles.annotate(code=F("data__code")).values_list("code", flat=True)),
    "KT": lambda: list(articles.annotate(code=KT("data__code")).values_list("code", flat=True)),
    "filter again": lambda: [
        articles.filter(data__code=code).count() for code in articles.values_list("data__code", flat=True)
    ],
    "range": lambda: [articles.filter(data__weight__range=(2, 4)).count()],
    "gte, lte": lambda: [articles.filter(data__weight__gte=2, data__weight__lte=4).count()],
    "in": lambda: [articles.filter(data__weight__in=(2, 3, 4)).count()],
}[sys.argv[1]]()
print(*map(repr, found), sep=" | ")
PYTHON

# see HOW EXPECTED
see() {
    local seen
    seen=$(venv/bin/python articles.py "$1")
    echo "$1: $seen"
    [ "$seen" = "$2" ] || { echo "expected: $2"; exit 1; }
}

see attribute "'1.10' | '53113' | '01067' | '7e3' | 'A4'"
see values "1.1 | 53113 | '01067' | 7000.0 | 'A4'"
see F "1.1 | 53113 | '01067' | 7000.0 | 'A4'"
see KT "'1.10' | '53113' | '01067' | '7e3' | 'A4'"
see 'filter again' '0 | 0 | 1 | 0 | 1'
see range 0
see 'gte, lte' 3
see in 3
