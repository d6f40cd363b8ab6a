"""The page of the sessions: each way is what it says, for the visitor and for everybody else."""

import html
import re

import pytest

from lab import create_app
from lab.config import Config
from lab.sessions.trials import COOKIE, MOST, SEATS, SOMEBODY, YOU, Benches, Trial
from lab.sessions.ways import WAYS, Allowlist, RefusedError, SignedToken, ValidAfter
from lab.tokens import LIFE
from tests import documents

LAB = "http://lab.localhost:5003"
# What the document shows of each way, from its bytes on.
SEEN = {
    title: cells
    for title, *cells in documents.rows(
        documents.section(
            documents.DOCS / "where-to-keep-tokens.md", "Sessions, and how to end them"
        )
    )
    if len(cells) > 1  # the table of sources has two columns
}
KEPT = {
    "table": "2 rows",
    "jwt": "nothing",
    "key": "nothing but its key",
    "valid-after": "1 row",
    "blocklist": "1 row",
    "allowlist": "2 rows",
}


@pytest.fixture(scope="module")
def app():
    return create_app(Config.from_environment({"LAB_DEMO": "1"}))


@pytest.fixture
def visitor(app):
    return app.test_client()


def press(visitor, page, **fields):
    """Send the form of the trial, or that of a way; return the page that follows."""
    form = page.partition('id="trial"')[2].partition("</section>")[0] or page
    path = "/sessions/begin" if fields else re.search(r'action="([^"]+)"', form)[1]
    bench = re.search(r'name="bench" value="([^"]+)"', page)
    fields |= {"bench": bench[1]} if bench else {}
    response = visitor.post(path, base_url=LAB, data=fields, follow_redirects=True)
    assert response.status_code == 200
    return response.text


def sign_in(visitor, way):
    return press(visitor, visitor.get("/sessions", base_url=LAB).text, way=way)


def cookie(visitor):
    return visitor.get_cookie(COOKIE, domain="lab.localhost", path="/sessions")


def cells(page, way):
    row = page.partition(f'<tr data-way="{way}">')[2].partition("</tr>")[0]
    return re.findall(r"<td[^>]*>(?:<span[^>]*>)?([^<]*)", row)


def let_in(page):
    return page.count(">let in<")


def outcomes(trial):
    trial.request(trial.credential)
    return [look.accepted for look in trial.after or trial.before]


@pytest.mark.parametrize("way", WAYS)
def test_a_way_ends_what_the_document_says(visitor, way):
    page = sign_in(visitor, way)
    page = press(visitor, page)
    assert let_in(page) == len(SEATS)
    page = press(visitor, press(visitor, page))
    *shown, kept = cells(page, way)
    assert shown == SEEN[WAYS[way].title]
    assert shown[0] == str(len(f"{COOKIE}={cookie(visitor).value}"))
    assert kept.partition(",")[0] == KEPT[way]
    assert WAYS[way].lesson in html.unescape(page)
    assert 'action="/sessions/request"' not in page


def test_the_choice_stays_while_a_way_is_tried(visitor):
    page = sign_in(visitor, "blocklist")
    assert re.findall(r'id="([\w-]+)"[^>]* checked', page) == ["blocklist"]
    for _ in range(3):
        page = press(visitor, page)
    assert re.findall(r'id="([\w-]+)"[^>]* checked', page) == ["table"]  # not tried yet


def test_what_was_tried_before_stands_beside_it(visitor):
    page = sign_in(visitor, "jwt")
    for _ in range(3):
        page = press(visitor, page)
    page = press(visitor, page, way="table")
    assert cells(page, "jwt")[:-1] == SEEN[WAYS["jwt"].title]
    assert cells(page, "table") == ["\N{EN DASH}"] * 6


def test_the_end_leaves_the_copy_in_the_browser(visitor):
    page = press(visitor, sign_in(visitor, "table"))
    held = cookie(visitor)
    assert held.http_only
    assert held.same_site == "Strict"
    page = press(visitor, page)
    assert cookie(visitor).value == held.value
    assert "There is no such row." in press(visitor, page)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("presented", ["", "a.b.c", "\xff\xfe", "x" * 3000])
def test_what_nobody_was_given_is_refused(visitor, way, presented):
    page = sign_in(visitor, way)
    visitor.set_cookie(COOKIE, presented, domain="lab.localhost", path="/sessions")
    assert let_in(press(visitor, page)) == len(SEATS) - 1


@pytest.mark.parametrize("path", ["/sessions/request", "/sessions/end"])
def test_a_bench_that_is_gone_is_told(visitor, path):
    response = visitor.post(path, base_url=LAB, data={"bench": "gone"})
    assert response.status_code == visitor.get("/sessions?bench=gone", base_url=LAB).status_code
    assert response.status_code == 404
    assert "The lab forgets" in response.text


def test_a_way_that_there_is_not_is_refused(visitor):
    response = visitor.post("/sessions/begin", base_url=LAB, data={"way": "hope"})
    assert response.status_code == 400


def test_the_page_needs_no_script(visitor):
    response = visitor.get("/sessions", base_url=LAB)
    assert "<script" not in response.text
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_the_attackers_host_has_no_such_page(visitor):
    response = visitor.get("/sessions", base_url="http://attacker.localhost:5003")
    assert response.status_code == 404


def test_a_token_that_nobody_can_end_expires(clock):
    trial = Trial(SignedToken(clock))
    assert outcomes(trial) == [True, True, True]
    trial.end()
    clock.tick(seconds=LIFE - 1)
    assert outcomes(trial) == [True, True, True]
    clock.tick(seconds=1)
    assert outcomes(trial) == [False, False, False]


def test_after_the_date_the_user_signs_in_again(clock):
    way = ValidAfter(clock)
    way.end(way.sign_in(YOU))
    with pytest.raises(RefusedError):
        way.authenticate(way.sign_in(YOU))  # of the date's own second
    clock.tick(seconds=1)
    assert way.authenticate(way.sign_in(YOU)) == YOU


def test_a_second_end_changes_nothing(clock):
    trial = Trial(Allowlist(clock))
    trial.end()
    once = trial.ended_in
    trial.end()
    assert trial.ended_in == once
    assert trial.way.authenticate(trial.way.sign_in(SOMEBODY)) == SOMEBODY


def test_the_table_holds_no_id_that_opens_a_session(clock):
    way = WAYS["table"](clock)
    session_id = way.sign_in(YOU)
    assert session_id not in way.rows
    for row in way.rows:
        with pytest.raises(RefusedError):
            way.authenticate(row)


def test_the_oldest_bench_makes_room(clock):
    benches = Benches(clock)
    oldest, *_, newest = [benches.open("") for _ in range(MOST + 1)]
    assert benches.find(newest.id) is newest
    with pytest.raises(KeyError):
        benches.find(oldest.id)
