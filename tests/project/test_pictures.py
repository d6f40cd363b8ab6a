"""The pictures in the documents, and the tour: what they show and name is on the pages of today."""

import re

import pytest

from lab import create_app
from lab.config import Config
from lab.hops import journey_id
from tests.documents import CHECKOUT, DOCS, DOCUMENTS
from tests.lab.test_hops import LAB
from tests.lab.test_journey import make_token, told_hops
from tests.pictures import FOLDER, LARGEST, PAGES, TEXTS

TOKEN = make_token(name="Ada")
# What comes of an attack has no page in one process: its texts are looked for in the sources.
ADDRESSES = {"journey": f"/journey?token={journey_id(TOKEN)}", "places": "/"}


@pytest.fixture(scope="module")
def words_at():
    """Returns the words of a page of the lab, which was told of one handoff."""
    app = create_app(Config.from_environment({"LAB_DEMO": "1"}))
    for hop in told_hops(TOKEN):
        app.extensions["lab"][1].add(hop)

    def words(path):
        page = app.test_client().get(path, base_url=LAB).text
        return " ".join(re.sub("<[^>]+>", " ", page).split())

    return words


def test_every_picture_is_there_small_and_shown():
    shown = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    assert {path.stem for path in FOLDER.glob("*.png")} == TEXTS.keys() == PAGES.keys()
    for name in TEXTS:
        assert f"pictures/{name}.png)" in shown
        assert (FOLDER / f"{name}.png").stat().st_size <= LARGEST


def sources_of(*folders):
    """Return the templates, programs and lists from which the pages of these servers come."""
    return " ".join(
        " ".join(path.read_text(encoding="utf-8").split())
        for folder in folders
        for path in (CHECKOUT / folder).rglob("*")
        if path.suffix in {".html", ".py", ".toml"}
    )


@pytest.mark.parametrize("name", PAGES)
def test_what_a_picture_shows_stands_on_its_page(words_at, name):
    words = words_at(ADDRESSES[name]) if name in ADDRESSES else sources_of("lab")
    assert [text for text in TEXTS[name]["texts"] if text not in words] == []


def test_what_the_tour_says_to_press_is_on_a_page():
    sources = sources_of("server1", "server2", "lab")
    named = re.findall(r"\*\*([^*]+)\*\*", (DOCS / "tour.md").read_text(encoding="utf-8"))
    assert named
    assert [each for each in named if " ".join(each.split()) not in sources] == []
