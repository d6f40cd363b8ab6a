"""The pictures in the documents, and the tour: what they show and name is on the pages of today."""

import re

import pytest

from lab import create_app
from lab.config import Config
from tests.documents import CHECKOUT, DOCS, DOCUMENTS
from tests.pictures import FOLDER, LARGEST, PAGES, TEXTS


@pytest.fixture(scope="module")
def lab():
    app = create_app(Config.from_environment({"LAB_DEMO": "1"}))
    return lambda path: app.test_client().get(path, base_url="http://lab.localhost:5003").text


def test_every_picture_is_there_small_and_shown():
    shown = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    assert {path.stem for path in FOLDER.glob("*.png")} == TEXTS.keys() == PAGES.keys()
    for name in TEXTS:
        assert f"pictures/{name}.png)" in shown
        assert (FOLDER / f"{name}.png").stat().st_size <= LARGEST


@pytest.mark.parametrize(("name", "path"), [("places", "/")])
def test_what_a_picture_shows_stands_on_its_page(lab, name, path):
    words = " ".join(re.sub("<[^>]+>", " ", lab(path)).split())
    assert [text for text in TEXTS[name]["texts"] if text not in words] == []


def test_what_the_tour_says_to_press_is_on_a_page():
    sources = [
        path.read_text(encoding="utf-8")
        for folder in ("server1", "server2", "lab")
        for ending in ("*.html", "*.py")
        for path in (CHECKOUT / folder).rglob(ending)
    ]
    named = re.findall(r"\*\*([^*]+)\*\*", (DOCS / "tour.md").read_text(encoding="utf-8"))
    assert named
    words = [" ".join(text.split()) for text in named]
    assert [each for each in words if not any(each in source for source in sources)] == []
