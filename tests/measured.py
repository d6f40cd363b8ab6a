"""``make measured``: asks Chromium and Firefox the lab's questions anew, and writes what they do.

It writes ``lab/places/measured.json`` and the table of ``docs/where-to-keep-tokens.md``. The tests
in tests/browser hold the browsers of this machine against both.
"""

import json
import re
import subprocess
import tempfile
from pathlib import Path

from lab.places import experiments
from lab.places.catalogue import PLACES
from lab.places.experiments import EXPERIMENTS, shown
from lab.places.victim import TOLD
from tests.browser.places import running_lab, try_place
from tests.chromium import REMEMBERING, launching
from tests.documents import DOCS
from tests.firefox import running_firefox

FILE = Path(experiments.__file__).with_name("measured.json")
PAGE = DOCS / "where-to-keep-tokens.md"
BACK = {shown(outcome): outcome for outcome in TOLD["back"]}


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("lab", "firefox"):
            (folder / part).mkdir()
        with running_lab(folder / "lab") as lab:
            measured = {
                "chromium": in_chromium(lab),
                "firefox": in_firefox(lab, folder / "firefox"),
            }
    FILE.write_text(one_place_a_line(measured), encoding="utf-8")
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), measured), encoding="utf-8")


def renewed(page, measured):
    """Return the page with the names of these browsers, and their table."""
    names = " / ".join(each["browser"] for each in measured.values())
    page = re.sub(r"^Chromium \d.* / Firefox .*$", f"{names}.", page, flags=re.MULTILINE)
    old = re.search(r"^\| \| localStorage .*?(?=^$)", page, re.DOTALL | re.MULTILINE)
    return page.replace(old[0], table(measured))


def in_chromium(lab):
    with launching() as launch:
        browser = launch(**REMEMBERING)
        seen = {}
        for place in PLACES:
            page = browser.new_context(reduced_motion="reduce").new_page()
            seen[place] = kept(try_place(page, lab, place))
            page.context.close()
        return {"browser": f"Chromium {major(browser.version)}{system()}", "seen": seen}


def in_firefox(lab, folder):
    with running_firefox(folder) as firefox:
        version = subprocess.run(
            [firefox.executable, "--version"], capture_output=True, text=True, check=True
        ).stdout
        return {
            "browser": f"Firefox ESR {major(version)}{system()}",
            "seen": {
                place: kept(firefox.run("places", lab=lab.base_url, places=[place]))
                for place in PLACES
            },
        }


def kept(outcomes):
    """Return outcomes as they are kept, and not as a page shows them."""
    return outcomes | {"back": BACK[outcomes["back"]]}


def one_place_a_line(measured):
    text = json.dumps(measured, indent=2)
    return re.sub(r"{[^{}]+}", lambda place: re.sub(r"\s+", " ", place[0]), text) + "\n"


def major(version):
    return re.search(r"\d+", version)[0]


def system():
    release = Path("/etc/os-release")
    names = dict(re.findall(r'^(\w+)="?([^"\n]*)', release.read_text(), re.MULTILINE))
    return f" of {names['NAME'].split()[0]} {names['VERSION_ID']}"


def table(measured):
    """Return the table of the page."""
    names = [re.sub(r"HttpOnly, |SameSite=", "", place.title) for place in PLACES.values()]
    rows = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for each in EXPERIMENTS:
        cells = [
            " / ".join(
                shown(measured[browser]["seen"][place][each.name])
                for browser in ("chromium", "firefox")
            )
            for place in PLACES
        ]
        rows.append(f"| {each.question} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
