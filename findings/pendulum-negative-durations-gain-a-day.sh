#!/bin/bash
# pendulum 3.3.0: a Duration of -1 hour is stored by Django 5.2.19 on SQLite as one of -25 hours, and by isodate alike.
#
# Seen: a reminder has an offset, duration(hours=-1), "an hour before". It is equal to timedelta(hours=-1), and added to
# a datetime it is right. Saved in a DurationField and read back it is -25 hours. isodate 0.7.2 writes it as -P1DT1H. So
# it goes with every negative duration that is not of whole days, and no less with the difference of two: 30 minutes
# less 1 hour is stored as -24.5 hours. Positive durations and whole days come back as they were, and so does the
# difference of two datetimes.
#
# Expected: the same as with timedelta, of which Duration is a subclass, and to which it is equal. The documentation of
# Python has days, seconds and microseconds be the whole of a timedelta, with seconds from 0 to 86399, and from these
# others compute it. pendulum, which counts days and seconds towards zero, says 0 for the days of this one itself, in
# remaining_days and in_days().
#
# Source: Duration in pendulum/duration.py, duration_microseconds() in django/utils/duration.py and isodate/isostrf.py
# of those versions, read there, and run here: on CPython, days is timedelta's own, -1, which goes with 82800 seconds;
# seconds is pendulum's, -3600. It bites offsets, corrections and what is left of a life that has ended.
# python-pendulum/pendulum#491, of 2020, has seen the -1, and is open. Until then: as_timedelta() before it leaves for
# anything else.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pendulum==3.3.0 Django==5.2.19 isodate==0.7.2

cat >reminder.py <<'PYTHON'
import sys
from datetime import datetime, timedelta

import django
import isodate
import pendulum
from django.conf import settings
from django.db import connection, models

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, USE_TZ=True)
django.setup()


class Reminder(models.Model):
    offset = models.DurationField()

    class Meta:
        app_label = "notes"


offset = {
    "1 hour before": pendulum.duration(hours=-1),
    "1 hour before, timedelta": timedelta(hours=-1),
    "1 hour before, as_timedelta": pendulum.duration(hours=-1).as_timedelta(),
    "1 hour before, datetimes": pendulum.datetime(2026, 1, 1, 8) - pendulum.datetime(2026, 1, 1, 9),
    "30 minutes less 1 hour": pendulum.duration(minutes=30) - pendulum.duration(hours=1),
    "1 day before": pendulum.duration(days=-1),
    "25 hours after": pendulum.duration(hours=25),
}[sys.argv[1]]
with connection.schema_editor() as editor:
    editor.create_model(Reminder)
Reminder.objects.create(offset=offset)
stored = Reminder.objects.get().offset
added = datetime(2026, 1, 10) + offset - datetime(2026, 1, 10)
hours = [f"{span / timedelta(hours=1):g} h" for span in (added, stored)]
print(f"{hours[0]}, stored {hours[1]}, {isodate.duration_isoformat(offset)}")
PYTHON

# see OFFSET EXPECTED
see() {
    local seen
    seen=$(venv/bin/python reminder.py "$1")
    echo "$1: $seen"
    [ "$seen" = "$2" ] || { echo "expected: $2"; exit 1; }
}

see '1 hour before' '-1 h, stored -25 h, -P1DT1H'
see '1 hour before, timedelta' '-1 h, stored -1 h, -PT1H'
see '1 hour before, as_timedelta' '-1 h, stored -1 h, -PT1H'
see '1 hour before, datetimes' '-1 h, stored -1 h, -PT1H'
see '30 minutes less 1 hour' '-0.5 h, stored -24.5 h, -P1DT30M'
see '1 day before' '-24 h, stored -24 h, -P1D'
see '25 hours after' '25 h, stored 25 h, P1DT1H'
