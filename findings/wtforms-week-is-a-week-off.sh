#!/bin/bash
# WTForms 3.3.2: in 2025 and 2026, WeekField takes each week that a browser sends for the week after it.
#
# Seen: a form with WeekField(), as plans of shifts and sheets of hours have it. The user picks the week of Monday, 2
# March 2026; the browser sends 2026-W10, and the field's data is 9 March. The other way, a form for the object of 2
# March is rendered as 2026-W09, which the browser shows as the week of 23 February. The last Monday of 2024 becomes
# 2024-W53, a week that does not exist: the browser shows an empty field, and saving the form loses the value. Nothing
# is refused, and elsewhere what is sent back unchanged comes out as it went in, so that no test of the round trip
# notices. From 2021 to 2023 all was well, in 2024 until that Monday, and in 2027 it is again.
#
# Expected: the Monday of the week that was picked. The docstring of WeekField promises just that. HTML, section
# "Weeks" of the common microsyntaxes, has the first week of 1970 begin on 29 December 1969, counts on from there, and
# gives 53 weeks to years that begin on a Thursday, and to leap years that begin on a Wednesday: the weeks of ISO 8601,
# and of date.fromisocalendar().
#
# Source: WeekField in wtforms/fields/datetime.py of that version, read there, and run here: the default format is
# "%Y-W%W", and %W counts from the year's first Monday. The two counts are alike in years that begin on Friday to
# Monday; the tests there are of 2023. jsdom 26.1.0 stands for the browser. Until then: WeekField(format="%G-W%V").
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check WTForms==3.3.2
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . jsdom@26.1.0 >npm.txt 2>&1 ||
    { cat npm.txt >&2; exit 1; }

cat >week.py <<'PYTHON'
import sys
from datetime import date

from wtforms import Form, WeekField

what, form, value = sys.argv[1:]
formats = {"default": {}, "ISO": {"format": "%G-W%V"}}[form]


class Sent(dict):
    def getlist(self, name):
        return [self[name]]


class Plan(Form):
    week = WeekField(**formats)


if what == "read":
    plan = Plan(Sent(week=value))
    print(plan.week.data if plan.validate() else "refused")
else:
    print(Plan(week=date.fromisoformat(value)).week._value())
PYTHON

cat >browser.cjs <<'JAVASCRIPT'
const { JSDOM } = require('jsdom');

const [what, value] = process.argv.slice(2);
const page = new JSDOM('<input type="week">');
const input = page.window.document.querySelector('input');
if (what === 'pick') {
  input.valueAsDate = new Date(value);
  console.log(input.value);
} else {
  input.value = value;
  console.log(input.valueAsDate ? input.valueAsDate.toISOString().slice(0, 10) : 'empty');
}
JAVASCRIPT

# see FORMAT MONDAY PICKED SHOWN: a Monday is picked in the browser and read, and is rendered and shown.
see() {
    local sent picked rendered shown
    sent=$(node browser.cjs pick "$2")
    picked=$(venv/bin/python week.py read "$1" "$sent")
    rendered=$(venv/bin/python week.py render "$1" "$2")
    shown=$(node browser.cjs show "$rendered")
    echo "$1 format, $2: sent as $sent, read as $picked; rendered as $rendered, shown as $shown"
    [ "$picked, $shown" = "$3, $4" ] || { echo "expected: $3, $4"; exit 1; }
}

see default 2023-03-06 2023-03-06 2023-03-06
see default 2024-03-04 2024-03-04 2024-03-04
see default 2024-12-30 2025-01-06 empty
see default 2025-03-03 2025-03-10 2025-02-24
see default 2026-03-02 2026-03-09 2026-02-23
see default 2027-03-01 2027-03-01 2027-03-01
see ISO 2024-12-30 2024-12-30 2024-12-30
see ISO 2026-03-02 2026-03-02 2026-03-02
