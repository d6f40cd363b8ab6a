#!/bin/bash
# pydantic 2.14.4: with milliseconds set both ways, each timedelta is read back a thousand times as long.
#
# Seen: an API talks in milliseconds, as JavaScript and Java do, so its models have ser_json_temporal="milliseconds" and
# val_temporal_unit="milliseconds". A datetime and a date come back as they were. A timedelta of 15 minutes is written
# as 900000.0, and read back as 10 days and 10 hours. A time of 00:00:05 is written as 5000.0, and read back as
# 01:23:20; from 00:01:27 on, what was written is refused. A duration that a browser sends in milliseconds is read in
# the same way. With seconds on both sides, and with ISO 8601, durations and times are right.
#
# Expected: the value that was written, or an error. The documentation of ser_json_temporal names the four types that
# it writes as milliseconds, timedelta and time among them. That of val_temporal_unit begins with datetime and date,
# but goes on to say of "milliseconds" that numbers are then read so for dates and times, and says nowhere that
# durations stay in seconds. Nothing warns of the pair of settings.
#
# Source: ConfigDict in pydantic/config.py of that version, read there, and run here; the reading itself is compiled.
# It bites whoever keeps timeouts, waits before a retry or the lives of what is cached as timedelta: between two
# services that share the model, 5 seconds become 83 minutes. pydantic/pydantic#11926, of 2025, asks for a unit for
# durations, and is open; it is older than the setting that writes them so. Until then: a BeforeValidator, as below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pydantic==2.14.4 pydantic-core==2.50.5

cat >trip.py <<'PYTHON'
import sys
from datetime import date, datetime, time, timedelta, timezone
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

unit, kind = sys.argv[1:]
Milliseconds = Annotated[
    timedelta,
    BeforeValidator(lambda read: timedelta(milliseconds=read) if isinstance(read, (int, float)) else read),
]
settings = {
    "ISO 8601": {},
    "seconds": {"ser_json_temporal": "seconds", "val_temporal_unit": "seconds"},
    "milliseconds": {"ser_json_temporal": "milliseconds", "val_temporal_unit": "milliseconds"},
}
types = {
    "datetime": (datetime, datetime(2026, 3, 1, 12, tzinfo=timezone.utc)),
    "date": (date, date(2026, 3, 1)),
    "timedelta": (timedelta, timedelta(minutes=15)),
    "timedelta, BeforeValidator": (Milliseconds, timedelta(minutes=15)),
    "early time": (time, time(0, 0, 5, tzinfo=timezone.utc)),
    "time": (time, time(12, tzinfo=timezone.utc)),
}
of, value = types[kind]


class Session(BaseModel):
    model_config = ConfigDict(**settings[unit])
    value: of


written = Session(value=value).model_dump_json()
try:
    read = Session.model_validate_json(written).value
    print(written, "same" if read == value else read)
except ValidationError as error:
    print(written, error.errors()[0]["type"])
PYTHON

# see UNIT TYPE EXPECTED
see() {
    local seen
    seen=$(venv/bin/python trip.py "$1" "$2")
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see milliseconds datetime '{"value":1772366400000.0} same'
see milliseconds date '{"value":1772323200000.0} same'
see milliseconds timedelta '{"value":900000.0} 10 days, 10:00:00'
see milliseconds 'early time' '{"value":5000.0} 01:23:20+00:00'
see milliseconds time '{"value":43200000.0} time_parsing'
see seconds timedelta '{"value":900.0} same'
see seconds 'early time' '{"value":5.0} same'
see seconds time '{"value":43200.0} same'
see 'ISO 8601' timedelta '{"value":"PT15M"} same'
see milliseconds 'timedelta, BeforeValidator' '{"value":900000.0} same'
