import json
from collections import defaultdict
from datetime import UTC, datetime

from server1.audit import EndReason, Event, as_json
from tests.documents import DOCS, codes, rows, section


def documented(heading):
    return [codes(row[0])[0] for row in rows(section(DOCS / "operate.md", heading))]


def test_audit_events_are_documented_in_their_order():
    assert documented("Events") == [event.value for event in Event]


def test_reasons_are_documented_in_their_order():
    assert documented("Reasons") == [reason.value for reason in EndReason]


def test_the_keys_of_a_line_are_documented_in_their_order():
    line = as_json(datetime.now(UTC), defaultdict(str))
    assert documented("Keys of a line") == list(json.loads(line))
