"""Every attack of the bench, for real: against both servers, the tutorial and the bench's own."""

import re

import pytest
import requests

from lab import create_app
from lab.attacks.catalogue import ATTACKS
from lab.config import Config
from tests.documents import CHECKOUT
from tests.pair import PATIENCE, Server, running, running_pair
from tests.ports import free_port
from tests.token_texts import JWT

LAB = "http://lab.localhost:5003"
FORM_TOKEN = re.compile(r'name="form_token" value="([\w-]+)"')


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
    urls = {"LAB_URL": f"http://lab.localhost:{port}", "LAB_ADDRESS": f"http://127.0.0.1:{port}"}
    with running_pair(
        folder,
        server1={f"SERVER1_{name}": url for name, url in urls.items()},
        server2={f"SERVER2_{name}": url for name, url in urls.items()},
    ) as pair:
        environment = {
            "LAB_DEMO": "1",
            "LAB_PORT": str(port),
            "LAB_SERVER1_URL": pair.server1.base_url,
            "LAB_SERVER2_URL": pair.server2.base_url,
        }
        lab = Server("lab", urls["LAB_URL"], port, environment, folder / "lab")
        with running(lab):
            yield pair, lab
        for server in (pair.server1, pair.server2, lab):
            assert "Traceback" not in server.log
            assert not JWT.search(server.log)


class Visitor:
    """Somebody at the bench, with a browser."""

    def __init__(self, lab):
        self._lab = lab

    def get(self, path):
        return self._send("GET", path)

    def run(self, name):
        token = FORM_TOKEN.search(self.get("/attacks").text)[1]
        answer = self._send("POST", f"/attacks/{name}", data={"form_token": token})
        assert answer.status_code == 303, answer.text
        return self.get(answer.headers["Location"]).text

    def _send(self, method, path, **options):
        return requests.request(
            method,
            f"{self._lab.address}{path}",
            headers={"Host": self._lab.host},
            allow_redirects=False,
            timeout=PATIENCE,
            **options,
        )


def verdicts(page):
    return re.findall(r'<span class="verdict \w+">(\w+)</span>', page)


@pytest.mark.processes
@pytest.mark.parametrize("name", ATTACKS)
def test_one_stands_and_one_falls(demo, name):
    pair, lab = demo
    attack, before = ATTACKS[name], len(pair.server2.log)
    page = Visitor(lab).run(name)
    assert verdicts(page) == ["stands", "falls" if attack.tutorial_falls else "stands"]
    written = pair.server2.log[before:]
    if attack.at == "SERVER2" and attack.check != "check_return_to":
        assert f" check={attack.check} " in written
    if attack.at == "own" and attack.check != "JWKSClient.key":
        assert f" check={attack.check} " in page
    assert attack.at == "own" or name == "hostile-target" or '<p class="log">' in page


@pytest.fixture(scope="module")
def client():
    return create_app(Config.from_environment({"LAB_DEMO": "1"})).test_client()


@pytest.mark.parametrize(
    ("headers", "with_token"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({}, False),
    ],
    ids=["another site", "the attacker's host", "no token of the form"],
)
def test_no_other_page_attacks_with_our_hands(client, headers, with_token):
    token = FORM_TOKEN.search(client.get("/attacks", base_url=LAB).text)[1]
    data = {"form_token": token} if with_token else {}
    response = client.post("/attacks/replay", base_url=LAB, headers=headers, data=data)
    assert response.status_code == 403


@pytest.mark.parametrize(
    "path", ["/attacks", "/attacks/replay", "/tutorial/", "/tutorial/callback"]
)
def test_another_machine_has_neither_bench_nor_tutorial(client, path):
    response = client.get(path, base_url=LAB, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert response.status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        *("/attacks/none", "/attacks/replay?result=none", "/tutorial/nowhere"),
    ],
)
def test_what_is_not_there_is_told(client, path):
    assert client.get(path, base_url=LAB).status_code == 404


@pytest.mark.parametrize(
    "token",
    [
        *("", "a.b.c", "e30.e30.e30", "eyJhbGciOiJub25lIn0.MQ.", "\ud7ff"),
        pytest.param("eyJhbGciOiJSUzI1NiIsImp3ayI6MX0.e30.eA", id="a number for a jwk"),
    ],
)
def test_the_tutorial_refuses_what_is_no_token(client, token):
    query = {"token": token}
    response = client.get("/tutorial/callback", base_url=LAB, query_string=query)
    assert response.status_code == 401


def test_the_tutorial_leads_to_no_site_but_the_labs(client):
    query = {"token": "eyJhbGciOiJub25lIn0.e30.", "next": "http://evil.example/"}
    response = client.get("/tutorial/callback", base_url=LAB, query_string=query)
    assert response.status_code == 400


def test_servers_that_are_away_are_told():
    app = create_app(
        Config.from_environment(
            {"LAB_DEMO": "1", "LAB_SERVER1_URL": f"http://localhost:{free_port()}"}
        )
    )
    client = app.test_client()
    token = FORM_TOKEN.search(client.get("/attacks", base_url=LAB).text)[1]
    response = client.post("/attacks/replay", base_url=LAB, data={"form_token": token})
    assert response.status_code == 503
    assert "does not answer" in response.text


def test_the_front_page_leads_to_the_bench(client):
    main = client.get("/", base_url=LAB).text.partition("<main")[2]
    assert '<a href="/attacks">' in main


def test_each_attack_names_a_test_that_exists():
    for attack in ATTACKS.values():
        file, _, test = attack.test.partition("::")
        assert f"def {test}(" in (CHECKOUT / "tests" / file).read_text(), attack.name
