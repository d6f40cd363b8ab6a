"""The pages of journeys, made from hops as the servers tell of them."""

import html
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flask_handoff import base64url
from flask_service.hops.hop import Check, SetCookie
from lab import create_app
from lab.config import Config
from lab.hops import BENCH, Hops, journey_id
from lab.journey import token_words
from lab.journey.diagram import draw
from lab.journey.story import Journey, journeys
from tests.jwks_endpoint import JWKSEndpoint, response, sends
from tests.lab.test_hops import LAB, SERVERS, handoff, hop
from tests.ports import free_port

NOW = datetime.now(UTC)
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)


def part(content):
    return base64url.encode(json.dumps(content).encode())


def make_token(*, made_at=NOW, **claims):
    seconds = int(made_at.timestamp())
    header = {"alg": "RS256", "typ": "handoff+jwt", "kid": "k"}
    claims = {"iss": "http://localhost:5001", "iat": seconds, "exp": seconds + 60, **claims}
    return f"{part(header)}.{part(claims)}.c2lnbmF0dXJl"


def told_hops(token, state="a", *, mode="query"):
    """Return the hops of a handoff with this token, which was accepted."""
    *before, issued, callback, landing = handoff(state)
    pair, named = ("id_token", token), ("state", f"s-{state}")
    checks = (
        Check("time", "Has its time begun, and is not over?", "ok", ""),
        Check("one_use", "Was it never used before?", "ok", ""),
    )
    judged = {"checks": checks, "verdict": "accepted", "log": ("a line <b>of</b> the log",)}
    cookie = SetCookie("s2_session", ("HttpOnly", "Path=/", "SameSite=Lax"))
    if mode == "query":
        issued = replace(issued, location_query=(pair, named), verdict="issued")
        callback = replace(callback, query=(pair, named), set_cookies=(cookie,), **judged)
        return [*before, issued, callback, landing]
    issued = replace(issued, location="", location_query=(), status=200, verdict="issued")
    posted = replace(callback, method="POST", query=(), form=(pair, named), location="", status=200)
    finish = replace(posted, path="/sso/finish", request_id="finish", location=callback.location)
    finish = replace(finish, at=finish.at + timedelta(milliseconds=1), **judged)
    return [*before, issued, posted, finish, landing]


@pytest.fixture(scope="module")
def app():
    return create_app(Config.from_environment({"LAB_DEMO": "1"}))


@pytest.fixture
def lab(app):
    """Tells the lab of hops, which has forgotten all others, and returns somebody who visits it."""

    def tell(*told, **settings):
        config, hops = Config.from_environment({"LAB_DEMO": "1", **settings}), Hops()
        app.extensions["lab"] = (config, hops)
        for each in told:
            hops.add(each)
        return app.test_client()

    return tell


def show(visitor, path):
    page = visitor.get(path, base_url=LAB)
    assert page.status_code == 200
    return page


def text_of(page):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.text)))


def test_a_journey_is_told_from_its_first_request_to_its_landing(lab):
    token = make_token(name="Ada")
    page = show(lab(*told_hops(token)), f"/journey?token={journey_id(token)}")
    titles = re.findall(r"<h3>(.+?)</h3>", page.text)
    assert titles[:7] == [
        "SERVER2 sends you to SERVER1",
        "SERVER1 does not know you yet",
        "SERVER1 asks for your password",
        "You sign in",
        "SERVER1 signs a token, and sends you back with it",
        "SERVER2 checks the token, spends it, and opens a session",
        "You are in",
    ]
    text = text_of(page)
    assert "Ada went from SERVER2 to SERVER1" in text
    assert "s2_session with HttpOnly; Path=/; SameSite=Lax" in text
    assert "Was it never used before? one_use yes" in text


def test_a_form_post_has_the_token_in_no_address(lab):
    token = make_token()
    visitor = lab(*told_hops(token, mode="form_post"))
    page = show(visitor, f"/journey?token={journey_id(token)}")
    assert "SERVER1 signs a token, and puts it into a form" in page.text
    assert "SERVER2 has your browser send the form once more" in page.text
    addresses = re.findall(r'<code class="bar">(.+?)</code>', page.text, re.DOTALL)
    assert len(addresses) == 8
    assert not any("id_token" in address for address in addresses)


@pytest.mark.parametrize(
    ("mode", "carried", "left"),
    [
        ("query", "redirect that answered step 5 and in the request of step 6,", "one entry in"),
        ("form_post", "page that answered step 5 and in the requests of steps 6 and 7,", "nothing"),
    ],
)
def test_it_is_told_where_the_token_was(lab, mode, carried, left):
    token = make_token()
    page = show(lab(*told_hops(token, mode=mode)), f"/journey?token={journey_id(token)}")
    assert re.search(
        rf"In the {carried} for [\d.]+ m?s\. In no storage and in no cookie\. Left behind: {left}",
        text_of(page),
    )
    cut = f"{token[:14]}…{token[-6:]} ({len(token)} characters)"
    carrier = page.text.partition("SERVER1 signs a token")[2].partition("<details>")[0]
    assert cut in carrier  # not folded away


def test_the_spent_token_is_struck_through_also_for_ears(lab):
    token = make_token()
    page = show(lab(*told_hops(token)), f"/journey?token={journey_id(token)}")
    struck = re.search(r"The spent token, struck through: </span><s>(.+?)</s>", page.text)[1]
    assert re.sub(r"<[^>]+>", "", struck) == token


def test_a_token_that_signed_nobody_in_is_not_struck_through(lab):
    token = make_token()
    told = [replace(each, verdict="rejected") if each.checks else each for each in told_hops(token)]
    page = show(lab(*told), f"/journey?token={journey_id(token)}")
    assert "<s>" not in page.text
    assert "The token has signed nobody in." in page.text


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (10, r"would still be valid for (49|50) s.+That is in 5[45] s"),
        (62, r"expired \d s ago.+You can press earlier"),
        (300, r"expired 24\d s ago.+It expired at"),
    ],
)
def test_the_time_left_is_told(lab, age, words):
    token = make_token(made_at=datetime.now(UTC) - timedelta(seconds=age))
    page = show(lab(*told_hops(token)), f"/journey?token={journey_id(token)}")
    assert re.search(words, text_of(page))


def test_the_picture_says_in_words_what_it_shows(lab):
    token = make_token()
    page = show(lab(*told_hops(token)), f"/journey?token={journey_id(token)}")
    title, text = re.search(r'role="img" aria-labelledby="([\w-]+) ([\w-]+)"', page.text).groups()
    assert f'<title id="{title}">' in page.text
    told = re.search(rf'<desc id="{text}">(.+?)</desc>', page.text)[1]
    assert told.startswith("1: GET /sso/login to SERVER2; the answer is 303 to /authorize. 2: ")
    assert "6: GET /sso/callback to SERVER2, with the token; the answer is 303 to /notes-a." in told


def test_no_label_of_the_picture_runs_into_its_neighbours():
    token = make_token()
    told = told_hops(token)
    told[0] = replace(
        told[0],
        path="/" + "p" * 300,
        set_cookies=(SetCookie("s2_tx_" + "x" * 43, ()), SetCookie("y" * 80, ())),
    )
    drawing = draw(Journey.of(journey_id(token), told).steps)
    assert max(len(each) for arrow in drawing.arrows for each in (arrow.label, arrow.note)) <= 26


def test_what_is_told_is_written_as_text(lab):
    token = make_token(name="<b>Ada</b>", email="</s><script>")
    told = told_hops(token)
    told[0] = replace(told[0], query=(("<u>", "x"), ("target_link_uri", "<u>")))
    page = show(lab(*told), f"/journey?token={journey_id(token)}")
    assert not re.search(r"<(u|script)>|<b>(Ada|of)", page.text)
    assert "&lt;b&gt;of&lt;/b&gt;" in page.text


def test_what_is_no_token_is_shown_as_it_is(lab):
    for strange in (
        "x",
        "a.b.c",
        f"{part([1])}.{part({'exp': 'soon', 'iat': 10**12})}.x",
        "[" * 3000,
    ):
        page = show(lab(*told_hops(strange)), f"/journey?token={journey_id(strange)}")
        assert "The token" in page.text


def test_dates_are_shown_as_times_of_day():
    claims = token_words.read(make_token(auth_time=0, made_at=NOW)).claims
    assert {each.name: each.value for each in claims}["auth_time"] == "0 = 00:00:00 UTC"


def test_one_of_each_mode_can_be_seen_side_by_side(lab):
    tokens = {"query": make_token(jti="q"), "form_post": make_token(jti="f")}
    told = [
        each
        for state, (mode, token) in zip("ab", tokens.items(), strict=True)
        for each in told_hops(token, state, mode=mode)
    ]
    told = [replace(each, request_id=f"{number}") for number, each in enumerate(told)]
    visitor = lab(*told)
    page = show(visitor, "/journeys")
    (both,) = re.findall(r'href="(/journey\?token=\w+&amp;beside=\w+)"', page.text)
    text = text_of(show(visitor, html.unescape(both)))
    assert "By query" in text
    assert "One address has had the token in it." in text
    assert "By form_post" in text
    assert "No address has had the token in it." in text


def test_a_handoff_can_be_begun_in_either_mode(lab):
    page = show(lab(LAB_SERVER2_URL="http://127.0.0.1:6002"), "/journeys")
    begin = "http://127.0.0.1:6002/sso/login?response_mode="
    assert re.findall(rf'href="{re.escape(begin)}(\w+)"', page.text) == ["query", "form_post"]


def test_what_was_not_begun_at_server2_is_in_no_list(lab):
    token = make_token()
    *_, callback, _landing = told_hops(token)
    forged = replace(callback, query=(("id_token", make_token(jti="forged")), ("state", "s-a")))
    told = [*told_hops(token), replace(forged, request_id="forged", verdict="rejected")]
    visitor = lab(*told, hop("SERVER2", "/sso/callback", query=(("id_token", "alone"),)))
    listed = re.findall(r'href="/journey\?token=(\w+)"', show(visitor, "/journeys").text)
    assert listed == [journey_id(token)]
    assert [each.id for each in journeys([(journey_id(token), told)])] == listed


def test_what_the_bench_made_is_in_a_list_of_its_own(lab):
    own, of_bench = make_token(name="Ada"), make_token(sub="demo.raw", jti="bench")
    refused = [
        replace(
            each,
            user_agent=f"{BENCH}ab",
            request_id=f"bench-{number}",
            verdict="rejected" if each.checks else each.verdict,
        )
        for number, each in enumerate(told_hops(of_bench, "b"))
    ]
    page = show(lab(*told_hops(own), *refused), "/journeys").text
    mine, _, benchs = page.partition("Made by the attack bench (1)")
    assert re.findall(r"journey\?token=(\w+)", mine) == [journey_id(own)]
    assert re.findall(r"journey\?token=(\w+)", benchs) == [journey_id(of_bench)]
    assert '<span class="outcome ">refused</span>' in benchs  # which is how it should end
    assert "demo.raw" not in page


@pytest.mark.parametrize("path", ["/journey", "/journey?token=unknown"])
def test_a_journey_that_is_gone_is_told(lab, path):
    answer = lab().get(path, base_url=LAB)
    assert answer.status_code == 404
    assert "The lab forgets" in answer.text


def test_its_pages_have_a_strict_policy_and_no_script(lab):
    token = make_token()
    visitor = lab(*told_hops(token))
    for path, more in (
        ("/journeys", ""),
        (f"/journey?token={journey_id(token)}", SERVERS["SERVER2"]),
    ):
        page = show(visitor, path)
        assert page.headers["Content-Security-Policy"] == f"{POLICY} {more}".strip()
        assert "<script" not in page.text


REFUSAL = b"""<h1>You are not signed in</h1><p class="lead">It was used &amp; spent.</p>
<p>Reference for support: <code>00000000000000ab</code></p>"""


def press(visitor, token, why="stolen", **headers):
    data = {"token": journey_id(token), "why": why}
    return visitor.post("/journey/again", base_url=LAB, data=data, headers=headers)


@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_in_another_browser_the_token_comes_without_a_cookie(lab, mode):
    token = make_token()
    refused = hop(
        "SERVER2",
        "/sso/callback",
        seconds=60,
        query=(("id_token", token),),
        request_id="00000000000000ab",
        log=("rejected: code=token_replayed check=one_use",),
        verdict="rejected",
        code="token_replayed",
    )
    with JWKSEndpoint(sends(response(REFUSAL, status="403 Forbidden"))) as server2:
        address = server2.uri.partition("/.")[0]
        told = [*told_hops(token, mode=mode), refused]
        visitor = lab(*told, LAB_SERVER2_ADDRESS=address)
        text = text_of(press(visitor, token))
    (sent,) = server2.requests
    assert token.encode() in sent
    assert b"\r\nHost: 127.0.0.1:5002\r\n" in sent
    assert b"\r\nCookie:" not in sent
    assert sent.startswith(b"GET /sso/callback?" if mode == "query" else b"POST /sso/finish ")
    assert "403 : “You are not signed in. It was used & spent.”" in text
    assert "code=token_replayed check=one_use" in text
    assert "The token was used before, so it is worthless." in text
    assert "You were early" not in text


@pytest.mark.parametrize(("age", "early"), [(1, True), (66, False)])
def test_who_presses_too_early_is_told(lab, age, early):
    token = make_token(made_at=datetime.now(UTC) - timedelta(seconds=age))
    with JWKSEndpoint(
        sends(response(REFUSAL.replace(b"<code>", b""), status="403 Forbidden"))
    ) as server2:
        visitor = lab(*told_hops(token), LAB_SERVER2_ADDRESS=server2.uri.partition("/.")[0])
        text = text_of(press(visitor, token, why="expired"))
    assert ("You were early" in text) == early


def test_a_server2_that_is_away_is_told(lab):
    token = make_token()
    visitor = lab(*told_hops(token), LAB_SERVER2_ADDRESS=f"http://127.0.0.1:{free_port()}")
    assert press(visitor, token).status_code == 503


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}],
)
def test_no_other_site_presses_the_button(lab, headers):
    token = make_token()
    assert press(lab(*told_hops(token)), token, **headers).status_code == 403
