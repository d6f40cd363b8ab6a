import html
import json
import re
from base64 import urlsafe_b64decode
from urllib.parse import parse_qs, urlsplit

import pytest

from flask_handoff import ConfigurationError
from lab import create_app
from lab.config import Config
from lab.places.catalogue import PLACES
from lab.places.experiments import EXPERIMENTS, MEASURED, measured, rows, shown, verdict
from lab.places.notebooks import MOST, Notebooks
from lab.tokens import LIFE, DeadTokenError, TokenMaker
from tests import documents

LAB, ATTACKER = "http://lab.localhost:5003", "http://attacker.localhost:5003"
STRICT = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'; connect-src 'self'"
)


def config(**settings):
    return Config.from_environment({"LAB_DEMO": "1", **settings})


@pytest.fixture(scope="module")
def app():
    return create_app(config())


@pytest.fixture
def visitor(app):
    return app.test_client()


def begin(visitor, place="local-storage", **fields):
    """Put a token into a place; return where the visitor is led to, and the notebook."""
    response = visitor.post("/begin", base_url=LAB, data={"place": place, **fields})
    assert response.status_code == 303
    return response.location, parse_qs(urlsplit(response.location).query)["notebook"][0]


def outcomes(visitor, notebook, place):
    page = visitor.get(f"/results?notebook={notebook}", base_url=LAB).text
    table = page.partition(f'id="table-{place}"')[2].partition("</table>")[0]
    cells = r'data-experiment="(\w+)">.+?<td><span[^>]*>([^<]*)<'
    return dict(re.findall(cells, table, re.DOTALL))


@pytest.mark.parametrize("settings", [{}, {"LAB_DEMO": "0"}, {"LAB_DEMO": ""}])
def test_the_lab_does_not_start_outside_of_the_demo(settings):
    with pytest.raises(ConfigurationError, match="for the demo only"):
        Config.from_environment(settings)


@pytest.mark.parametrize("bind", ["0.0.0.0", "192.0.2.1", "::"])  # noqa: S104
def test_the_lab_does_not_start_where_others_reach_it(bind):
    with pytest.raises(ConfigurationError) as refused:
        config(LAB_BIND=bind)
    assert f"LAB_BIND is {bind}, where other machines reach the server" in str(refused.value)
    assert "set LAB_BIND to 127.0.0.1" in str(refused.value)


def test_a_container_may_listen_on_all_of_its_addresses():
    every = "0.0.0.0"  # noqa: S104
    assert config(LAB_BIND=every, LAB_PUBLISHED_ON_LOOPBACK="1").serving.bind == every


@pytest.mark.parametrize("base_url", [LAB, ATTACKER])
def test_another_machine_is_refused(visitor, base_url):
    response = visitor.get("/", base_url=base_url, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert response.status_code == 403
    assert "token" not in response.text


@pytest.mark.parametrize(
    "host", ["lab.example:5003", "lab.localhost:5004", "example.com", "192.0.2.1:5003"]
)
def test_no_page_is_had_under_another_name(visitor, host):
    response = visitor.get("/", base_url=f"http://{host}")
    assert response.status_code in {303, 400}
    assert response.location in {None, f"{LAB}/"}


@pytest.mark.parametrize("host", ["localhost:5003", "127.0.0.1:5003", "other.localhost:5003"])
def test_the_machines_other_names_lead_to_the_lab(visitor, host):
    response = visitor.get("/?a=b", base_url=f"http://{host}")
    assert (response.status_code, response.location) == (303, f"{LAB}/?a=b")


def test_each_host_has_its_own_pages(visitor):
    assert "Where is my token?" in visitor.get("/", base_url=LAB).text
    assert "This is another site" in visitor.get("/", base_url=ATTACKER).text
    assert visitor.get("/visit", base_url=LAB).status_code == 404
    assert visitor.post("/begin", base_url=ATTACKER).status_code == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("base_url", [LAB, ATTACKER])
def test_a_supervisor_gets_an_answer(visitor, base_url, path):
    assert visitor.get(path, base_url=base_url).text == "ok\n"


def test_only_the_page_with_the_hole_lets_in_a_stranger(visitor):
    with_hole, notebook = begin(visitor)
    asked = f"?notebook={notebook}"
    strict = with_hole.replace("step=hole", "step=strict")
    others = [f"/app{asked}&step={step}" for step in ("hold", "tab", "opened", "again")]
    for page in ("/", strict, *others, f"/signed-out{asked}", f"/results{asked}"):
        response = visitor.get(page, base_url=LAB)
        assert response.headers["Content-Security-Policy"] == STRICT, page
    response = visitor.get(with_hole, base_url=LAB)
    assert response.headers["Content-Security-Policy"] == STRICT.replace(
        "script-src 'self'", f"script-src 'self' {ATTACKER}"
    ).replace("connect-src 'self'", f"connect-src 'self' {ATTACKER}")
    assert "This page has a hole, planted on purpose." in response.text


def test_the_comment_is_written_as_it_stands(visitor):
    _, notebook = begin(visitor)
    comment = "<b>bold</b><script src='//x'></script>"
    query = {"notebook": notebook, "step": "hole", "comment": comment}
    assert comment in visitor.get("/app", base_url=LAB, query_string=query).text


def test_without_a_notebook_nobody_comes_to_the_hole(visitor):
    query = {"notebook": "guessed", "step": "hole", "comment": "<b>bold</b>"}
    response = visitor.get("/app", base_url=LAB, query_string=query)
    assert response.status_code == 404
    assert "bold" not in response.text


def test_nothing_else_of_an_address_is_written_as_it_stands(visitor):
    page = visitor.get("/", base_url=LAB, query_string={"notebook": '"><b>bold</b>'}).text
    assert "<b>bold" not in page
    assert html.escape('"><b>bold</b>').replace("&quot;", "&#34;") in page


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/begin"),
        ("get", "/app?step=nowhere"),
        ("post", "/look?experiment=read"),
        ("post", "/seen?experiment=read&outcome=no"),
        ("post", "/seen?experiment=back&outcome=maybe"),
    ],
)
def test_what_no_page_asks_for_is_refused(visitor, method, path):
    _, notebook = begin(visitor)
    query = "&" if "?" in path else "?"
    response = getattr(visitor, method)(f"{path}{query}notebook={notebook}", base_url=LAB)
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("get", path) for path in ("/app", "/signed-out", "/results", "/act/link")),
        *(("post", path) for path in ("/token", "/look", "/seen", "/sign-out", "/act/form")),
    ],
)
def test_a_notebook_that_is_gone_is_told(visitor, method, path):
    response = getattr(visitor, method)(f"{path}?notebook=gone", base_url=LAB)
    assert response.status_code == 404
    assert "The lab forgets" in response.text


def test_a_place_for_scripts_gets_the_token_and_no_cookie(visitor):
    _, notebook = begin(visitor, "variable")
    assert visitor.get_cookie("lab_session", domain="lab.localhost") is None
    header, claims, signature = visitor.post(
        f"/token?notebook={notebook}", base_url=LAB
    ).text.split(".")
    assert json.loads(urlsafe_b64decode(header + "=="))["typ"] == "JWT"
    assert json.loads(urlsafe_b64decode(claims + "=="))["iss"] == "the lab"
    assert signature


@pytest.mark.parametrize("name", [name for name, place in PLACES.items() if place.cookie])
def test_a_cookie_has_the_attributes_of_its_place(visitor, name):
    response = visitor.post("/begin", base_url=LAB, data={"place": name})
    cookie = PLACES[name].cookie
    (given,) = [each for each in response.headers.getlist("Set-Cookie") if "Max-Age=0" not in each]
    attributes = {*given.split("; ")[1:]}
    assert given.startswith(f"{cookie.name}=")
    assert attributes == {
        "Path=/",
        f"SameSite={cookie.samesite}",
        *(["HttpOnly"] if cookie.http_only else []),
        *(["Secure"] if cookie.secure else []),
    }
    notebook = parse_qs(urlsplit(response.location).query)["notebook"][0]
    assert visitor.post(f"/token?notebook={notebook}", base_url=LAB).status_code == 404


def test_no_script_gets_what_is_in_an_http_only_cookie(visitor):
    for name, place in PLACES.items():
        if place.cookie and place.cookie.http_only:
            with_hole, _ = begin(visitor, name)
            held = visitor.get_cookie(place.cookie.name, domain="lab.localhost").value
            assert held not in visitor.get(with_hole, base_url=LAB).text


def test_the_loot_counts_only_with_the_token_in_it(visitor):
    _, notebook = begin(visitor)
    token = visitor.post(f"/token?notebook={notebook}", base_url=LAB).text
    for loot, outcome in (("nothing", "no"), (f"a\n{token}", "yes")):
        visitor.post(f"/loot?notebook={notebook}", base_url=ATTACKER, data=loot)
        assert outcomes(visitor, notebook, "local-storage")["read"] == outcome


def test_after_the_sign_out_only_a_session_is_over(visitor):
    notebook = ""
    for place in PLACES:
        _, notebook = begin(visitor, place, notebook=notebook)
        visitor.post(f"/sign-out?notebook={notebook}", base_url=LAB)
    copies = {place: outcomes(visitor, notebook, place)["copy"] for place in PLACES}
    assert copies == {place: "no" if place == "session" else "yes" for place in PLACES}


def test_a_new_place_takes_the_cookies_of_the_others_away(visitor):
    for place in ("lax-cookie", "session"):
        begin(visitor, place)
    assert visitor.get_cookie("lab_lax", domain="lab.localhost") is None
    assert visitor.get_cookie("lab_session", domain="lab.localhost")


def test_a_token_is_good_until_it_expires(clock):
    tokens = TokenMaker(clock)
    token = tokens.mint()
    clock.tick(seconds=LIFE - 1)
    tokens.check(token)
    clock.tick(seconds=1)
    with pytest.raises(DeadTokenError):
        tokens.check(token)


@pytest.mark.parametrize(
    "spoil", [lambda token: token[:-2], lambda token: f"x{token}", lambda _: ""]
)
def test_a_token_that_was_not_made_here_is_none(clock, spoil):
    with pytest.raises(DeadTokenError):
        TokenMaker(clock).check(TokenMaker(clock).mint())
    tokens = TokenMaker(clock)
    with pytest.raises(DeadTokenError):
        tokens.check(spoil(tokens.mint()))


def test_the_oldest_notebook_makes_room():
    notebooks = Notebooks()
    place = PLACES["variable"]
    oldest = notebooks.open("", place)
    newest = [notebooks.open("", place) for _ in range(MOST)][-1]
    assert notebooks.find(newest.id) is newest
    with pytest.raises(KeyError):
        notebooks.find(oldest.id)


def test_every_experiment_was_measured_at_every_place():
    names = [each.name for each in EXPERIMENTS]
    for browser in ("chromium", "firefox"):
        assert MEASURED[browser]["seen"].keys() == PLACES.keys()
        assert all([*seen] == names for seen in MEASURED[browser]["seen"].values())


def test_what_was_not_measured_yet_is_no_outcome():
    # Else no page would come in which a new place or experiment could be measured.
    assert measured("firefox", "new-place", "kept") == ""
    assert measured("firefox", "local-storage", "new-experiment") == ""


def test_it_is_told_where_browsers_differ():
    by_name = {row.experiment.name: row for row in rows("local-storage", {"read": "no"})}
    assert by_name["back"].browsers_differ  # Firefox keeps no such page
    assert not by_name["back"].differs_here  # nothing was seen yet
    assert by_name["read"].differs_here
    assert not by_name["read"].browsers_differ


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({"read": "yes", "copy": "yes"}, "can steal it, and a copy still works"),
        ({"read": "no", "copy": "yes"}, "No script can read it, but a copy still works"),
        ({"read": "no", "copy": "no"}, "No script can read it, and a copy stops"),
    ],
)
def test_the_verdict_of_a_place_is_one_sentence(seen, said):
    assert said in verdict(seen)
    assert verdict({"read": "yes"}) == ""  # not tried to the end


def test_the_document_shows_what_was_measured():
    document = documents.DOCS / "where-to-keep-tokens.md"
    browsers = " / ".join(MEASURED[each]["browser"] for each in ("chromium", "firefox"))
    assert f"\n{browsers}.\n" in document.read_text(encoding="utf-8")
    assert documents.rows(documents.section(document, "What was measured")) == [
        [
            each.question,
            *(
                " / ".join(shown(measured(b, place, each.name)) for b in ("chromium", "firefox"))
                for place in PLACES
            ),
        ]
        for each in EXPERIMENTS
    ]
