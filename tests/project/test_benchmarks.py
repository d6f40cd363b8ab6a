"""How the benchmarks judge a ratio, and what is published of a run."""

import json

import pytest

from benchmarks import publication, revocation_page
from benchmarks.verdict import Row, Verdict


def row(*ratios, must=1.25):
    """A row of which each start measured one of these ratios."""
    return Row(2, "ours", "theirs", "ms", tuple((ratio * 4, 4) for ratio in ratios), must=must)


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ((1.0, 1.1, 1.25), Verdict.OK),
        ((1.0, 1.1, 1.26), Verdict.TOO_BUSY),
        ((1.25, 1.5, 1.5), Verdict.TOO_BUSY),
        ((1.26, 1.5, 1.5), Verdict.MISSED),
        ((1.0,), Verdict.NOT_JUDGED),
        ((2.0,), Verdict.NOT_JUDGED),
    ],
)
def test_a_bound_is_missed_outside_its_spread_only(ratios, verdict):
    assert row(*ratios).verdict is verdict


def test_a_row_without_a_bound_is_shown_only():
    assert row(9.0, 9.1, must=None).verdict is Verdict.SHOWN


def test_a_row_that_was_skipped_says_why():
    skipped = Row(3, "ours", "theirs", "ms", must=0.5, skipped="there is no peer")
    assert skipped.verdict is Verdict.SKIPPED
    assert "there is no peer" in str(skipped)


def test_the_ratio_is_the_median_of_the_starts_own_ratios():
    starts = ((10.0, 10.0), (30.0, 20.0), (20.0, 40.0))  # a slow start slows both
    assert Row(2, "ours", "theirs", "ms", starts).ratio == 1.0


def test_what_is_published_is_what_was_measured():
    result = json.loads(publication.FIGURES.read_text())
    assert publication.tables(result) in publication.PAGE.read_text()
    assert publication.chart(result) == publication.CHART.read_text()


def test_what_is_published_of_revocation_is_what_was_measured():
    result = json.loads(revocation_page.FIGURES.read_text())
    assert revocation_page.table(result) in revocation_page.PAGE.read_text()
