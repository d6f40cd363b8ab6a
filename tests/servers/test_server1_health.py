from tests.servers.accounts_visitor import running_accounts


def test_internal_names_reach_what_machines_ask_for_only(accounts_environment, clock):
    settings = {**accounts_environment, "HANDOFF_INTERNAL_HOSTS": "server1:5001"}
    with running_accounts(settings, clock) as accounts:
        client = accounts.app.test_client()
        inside = "http://server1:5001"
        assert client.get("/.well-known/jwks.json", base_url=inside).status_code == 200
        assert client.get("/login", base_url=inside).status_code == 400
