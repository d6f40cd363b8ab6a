"""In the demo, the servers tell the lab what each request of a handoff sent and set."""

import json
import logging
import re
import threading
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from flask_handoff import ConfigurationError
from flask_service.hops.hop import Hop
from flask_service.hops.sender import MOST_WAITING, HopSender
from flask_service.logs import OF_LIBRARIES
from flask_service.settings import Lab
from lab.hops import journey_id
from server1.config import Config as Server1Config
from server2.config import Config as Server2Config
from tests.jwks_endpoint import JWKSEndpoint
from tests.lab.running_lab import running_lab
from tests.ports import free_port
from tests.servers import accounts_visitor
from tests.servers.notes_visitor import Visitor

LAB_URL = "http://lab.localhost:5003"


@pytest.fixture(scope="module", autouse=True)
def no_log_is_overheard_afterwards():
    """A recorder stays until its process ends; the tests that follow in this one have none."""
    loggers = [logging.getLogger(name) for name in ("server1", "server2", *OF_LIBRARIES)]
    before = [[*logger.handlers] for logger in loggers]
    yield
    for logger, handlers in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers


@pytest.fixture(scope="module")
def lab():
    with running_lab() as running:
        yield running


@pytest.fixture
def visitor(lab, build_notes, issuer_key_ring, clock):
    app = build_notes(SERVER2_DEMO="1", SERVER2_LAB_URL=lab.url)
    return Visitor(app, issuer_key_ring, clock)


def token_in(address):
    return address.partition("id_token=")[2].partition("&")[0]


def outcomes(hop):
    return {check.name: check.outcome for check in hop.checks}


def journey(lab, address, hops):
    """Return the hops of the journey whose token an address holds, as soon as there are so many."""
    while True:
        try:
            found = lab.hops.journey(journey_id(token_in(address)))
        except KeyError:
            continue
        if len(found) >= hops:
            return found


def test_an_arrival_is_told_from_the_first_hop_to_the_landing(visitor, lab):
    address = visitor.callback(visitor.get("/sso/login"))
    visitor.get(visitor.get(address).location)
    begin, callback, landing = journey(lab, address, 3)
    assert [hop.path for hop in (begin, callback, landing)] == [
        "/sso/login",
        "/sso/callback",
        "/notes",
    ]
    assert begin.location == "http://localhost:5001/authorize"
    (attempt,) = begin.set_cookies
    assert attempt.name.startswith("s2_tx_")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {*attempt.attributes}
    assert attempt.name in callback.cookies
    assert dict(callback.query)["id_token"] == token_in(address)
    assert {"s2_session", attempt.name} <= {each.name for each in callback.set_cookies}
    assert callback.verdict == "accepted"
    assert {*outcomes(callback).values()} == {"ok"}
    assert "Was it never used before?" in {check.question for check in callback.checks}
    assert any("GET /sso/callback 303" in line for line in callback.log)


def test_a_refusal_is_told_with_its_check_and_its_log_line(visitor, lab):
    address = visitor.callback(visitor.get("/sso/login"))
    visitor.get(address)
    thief = Visitor(visitor.app, visitor.key_ring, visitor.clock)
    thief.get(address)
    hop = journey(lab, address, 3)[-1]
    assert (hop.verdict, hop.code, hop.check) == ("rejected", "token_replayed", "one_use")
    assert outcomes(hop)["time"] == "ok"
    assert outcomes(hop)["one_use"] == "refused"
    assert outcomes(hop)["browser"] == "not reached"
    assert any("code=token_replayed check=one_use" in line for line in hop.log)


def test_no_password_csrf_token_or_cookie_is_told(visitor, lab):
    address = visitor.callback(visitor.get("/sso/login"))
    visitor.get(address)
    visitor.add_note("a secret note")
    secrets = [visitor.csrf_token(), *visitor.cookies().values(), "a secret note"]
    visitor.get("/notes?access_token=a-secret-one", headers={"Authorization": "Bearer a-secret"})
    while not any(b"access_token" in hop.to_json() for hop in [*lab.hops._by_request.values()]):
        time.sleep(0.005)
    everything = b"".join(hop.to_json() for hop in [*lab.hops._by_request.values()]).decode()
    for secret in [*secrets, "a-secret"]:
        assert secret not in everything
    assert '["csrf_token", "\\u2026"], ["text", "\\u2026"]' in everything


def test_no_password_is_told_at_server1(lab, made_environment, clock):
    settings = {**made_environment, "SERVER1_DEMO": "1", "SERVER1_LAB_URL": lab.url}
    with accounts_visitor.running_accounts(settings, clock) as accounts:
        visitor = accounts_visitor.Visitor(accounts)
        assert f'href="{lab.url}/"' in visitor.get("/login").text
        assert visitor.sign_in().status_code == 303
        assert f'href="{lab.url}/journeys"' in visitor.get("/account").text
        visitor.get(f"/reset-password?{'t' * 20}%0A{'t' * 23}&utm_source=news")
    link = lab.wait_for_path("/reset-password")
    assert dict(link.query) == {"(cut)": "…", "utm_source": "…"}
    hop = lab.wait_for_path("/login")
    while hop.method != "POST":
        hop = lab.wait_for_path("/login")
    assert dict(hop.form) == dict.fromkeys(["csrf_token", "email", "password"], "…")
    assert "s1_session" in {each.name for each in hop.set_cookies}
    assert visitor.cookie not in hop.to_json().decode()


def test_a_form_with_a_nameless_field_is_refused(visitor, lab):
    form = "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"
    answer = visitor.post("/notes", form, content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 400


def test_a_used_token_is_told_once_by_what_was_recorded(visitor, lab):
    address = visitor.callback(visitor.get("/sso/login"))
    visitor.get(address)
    told = "had been used before, so SERVER2 did not accept it again"
    assert told not in visitor.get("/notes").text
    visitor.get(address)
    page = visitor.get("/notes").text
    assert told in page
    assert f'href="{lab.url}/journey?token={journey_id(token_in(address))}#later"' in page
    assert told not in visitor.get("/notes").text


def test_a_refused_token_leads_to_its_step_in_the_lab(visitor, lab, issuer_key_ring, clock):
    address = visitor.callback(visitor.get("/sso/login"))
    visitor.get(address)
    page = Visitor(visitor.app, issuer_key_ring, clock).get(address)
    assert page.status_code == 403
    step = rf'{lab.url}/journey\?token={journey_id(token_in(address))}#step-[0-9a-f]{{16}}"'
    assert re.search(step, page.text)


def test_where_one_arrives_a_line_leads_to_the_journey(visitor, lab, clock):
    address = visitor.callback(visitor.get("/sso/login"))
    visitor.get(address)
    link = f'href="{lab.url}/journey?token={journey_id(token_in(address))}"'
    assert link in visitor.get("/notes").text
    clock.tick(minutes=6)
    assert link not in visitor.get("/notes").text
    assert link in visitor.get("/session").text


def test_outside_of_the_demo_no_page_names_a_lab(build_notes, issuer_key_ring, clock):
    visitor = Visitor(build_notes(), issuer_key_ring, clock)
    visitor.arrive()
    for page in ("/", "/notes", "/session"):
        assert "The lab" not in visitor.get(page).text
        assert "handed you over" not in visitor.get(page).text


def test_a_token_is_in_no_line_that_is_told(visitor, lab):
    address = visitor.callback(visitor.get("/sso/login"))
    visitor.get(address)
    for hop in journey(lab, address, 2):
        assert not any("eyJ" in line for line in hop.log)


@pytest.mark.parametrize("config", [Server1Config, Server2Config])
def test_nothing_is_told_outside_of_the_demo(config):
    name = config.__module__.partition(".")[0].upper()
    assert config.from_environment({}).lab is None
    assert config.from_environment({f"{name}_DEMO": "1"}).lab is None
    for setting, value in (("LAB_URL", LAB_URL), ("LAB_ADDRESS", "http://127.0.0.1:5003")):
        with pytest.raises(ConfigurationError, match="this is not the demo"):
            config.from_environment({f"{name}_{setting}": value})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SERVER2_LAB_URL", "http://lab.example:5003"),
        ("SERVER2_LAB_URL", "https://lab.localhost:5003"),
        ("SERVER2_LAB_URL", f"{LAB_URL}/hops"),
        ("SERVER2_LAB_ADDRESS", "http://lab:5003"),
        ("SERVER2_LAB_ADDRESS", "http://192.0.2.1:5003"),
    ],
)
def test_nobody_on_another_machine_is_told(setting, value):
    given = {"SERVER2_DEMO": "1", "SERVER2_LAB_URL": LAB_URL, setting: value}
    with pytest.raises(ConfigurationError, match=f"{setting}: .+ is no address of this machine"):
        Server2Config.from_environment(given)


def test_a_container_may_reach_the_lab_by_its_name():
    given = {"SERVER2_DEMO": "1", "SERVER2_LAB_URL": LAB_URL, "SERVER2_PUBLISHED_ON_LOOPBACK": "1"}
    config = Server2Config.from_environment({**given, "SERVER2_LAB_ADDRESS": "http://lab:5003"})
    assert config.lab == Lab(LAB_URL, "http://lab:5003")


def test_without_a_lab_no_request_is_touched(notes_app):
    assert "recorder" not in notes_app.extensions


def test_a_lab_that_is_down_costs_a_visitor_nothing(build_notes, issuer_key_ring, clock, caplog):
    port = free_port()
    app = build_notes(SERVER2_DEMO="1", SERVER2_LAB_URL=f"http://lab.localhost:{port}")
    visitor = Visitor(app, issuer_key_ring, clock)
    for _ in range(3):
        assert visitor.arrive().location == "/notes"
    while "is not told what happens here" not in caplog.text:
        pass
    assert caplog.text.count("is not told what happens here") == 1


def a_hop(**changes):
    given: dict[str, Any] = dict.fromkeys(Hop.__dataclass_fields__, "")
    lists = ("query", "form", "cookies", "set_cookies", "location_query", "log", "checks")
    at = "2026-01-01T12:00:00+00:00"
    given |= {"at": at, "status": 200, "milliseconds": 1.5, **{name: [] for name in lists}}
    return Hop.from_json(json.dumps({**given, **changes}).encode())


def test_a_lab_that_hangs_is_not_waited_for(caplog):
    answer = threading.Event()

    def hang(_connection):
        answer.wait()

    with JWKSEndpoint(hang) as hanging:
        sender = HopSender(Lab(LAB_URL, hanging.uri.partition("/.")[0]))
        for number in range(2 * MOST_WAITING):
            sender.send(a_hop(request_id=str(number)))
        assert len(sender._waiting) <= MOST_WAITING
        sender._waiting.clear()
        answer.set()


def test_what_is_told_is_read_as_it_was():
    check = {"name": "time", "question": "Is it?", "outcome": "ok", "reason": ""}
    cookie = {"name": "s2_session", "attributes": ["HttpOnly"]}
    hop = a_hop(query=[["state", "s"]], checks=[check], set_cookies=[cookie])
    assert Hop.from_json(hop.to_json()) == hop
    assert hop.checks[0].question == "Is it?"


def test_a_page_that_goes_on_by_itself_leads_where_a_redirect_would(visitor, lab):
    address = visitor.callback(visitor.get("/sso/login"))
    fields = dict(parse_qsl(urlsplit(address).query))
    page = visitor.post("/sso/finish", fields)
    assert (page.status_code, page.location) == (200, None)
    visitor.get("/notes")
    *_, finish, landing = journey(lab, address, 3)
    assert (finish.path, finish.verdict, finish.location) == ("/sso/finish", "accepted", "/notes")
    assert landing.path == "/notes"
