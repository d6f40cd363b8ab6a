"""Debian's Firefox, where browsers differ: what the lab shows there, and the handoff itself."""

import json
import re

import pytest

from lab.places.catalogue import PLACES
from lab.places.experiments import MEASURED, shown
from tests.browser.tab import EMAIL


def test_firefox_does_what_was_measured(lab, firefox):
    # One test for all of them: tests are spread over processes, and each would start a Firefox.
    for place in PLACES:
        seen = firefox.run("places", lab=lab.base_url, places=[place])
        measured = MEASURED["firefox"]["seen"][place]
        assert seen == {name: shown(outcome) for name, outcome in measured.items()}, place


def test_firefox_sends_a_third_party_cookie_the_second_time(lab, firefox):
    twice = ["none-cookie", "none-cookie"]
    seen = firefox.run("places", lab=lab.base_url, places=twice)
    assert (seen["image"], seen["fetch"]) == ("yes", "yes")


@pytest.mark.parametrize("mode", ["query", "form_post", "strict"])
def test_firefox_arrives_at_the_notes(firefox, mode, request):
    pair = request.getfixturevalue(f"{mode}_pair")
    reachable = firefox.run(
        "handoff", server1=pair.server1.base_url, email=EMAIL, password=pair.password
    )
    assert reachable["address"] == f"{pair.server2.base_url}/notes"
    assert reachable["cookies"] == ""
    assert not re.search(r"eyJ[\w-]+\.eyJ", json.dumps(reachable))
