from sqlalchemy import text

from tests.servers.accounts_visitor import running_accounts


def test_a_server_that_lives_says_so(browser1):
    answer = browser1.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert "Set-Cookie" not in answer.headers


def test_a_server_that_can_work_says_so(browser1):
    assert browser1.get("/readyz").status_code == 200


def test_a_server_that_lost_a_table_lives_but_cannot_work(accounts, browser1):
    with accounts.parts.database.writing() as connection:
        connection.execute(text("DROP TABLE grants"))
    answer = browser1.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert browser1.get("/healthz").status_code == 200


def test_internal_names_reach_what_machines_ask_for_only(accounts_environment, clock):
    settings = {**accounts_environment, "HANDOFF_INTERNAL_HOSTS": "server1:5001"}
    with running_accounts(settings, clock) as accounts:
        client = accounts.app.test_client()
        inside = "http://server1:5001"
        assert client.get("/readyz", base_url=inside).status_code == 200
        assert client.get("/.well-known/jwks.json", base_url=inside).status_code == 200
        assert client.get("/login", base_url=inside).status_code == 400
