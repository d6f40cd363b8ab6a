from tests.servers.accounts_visitor import PASSWORD, REQUEST


def test_no_secret_is_logged(browser1, log, caplog):
    browser1.sign_in(password="a wrong secret")
    browser1.sign_in()
    token = browser1.authorize().location
    browser1.get("/login", query_string={"continue": "carried-secret"})
    browser1.get("/", headers={"Authorization": "Bearer header-secret"})
    assert "POST /login 303" in log.text
    for secret in (PASSWORD, "secret", "eyJ", REQUEST["nonce"], browser1.cookie, "?"):
        assert secret not in log.text
        assert not [each for each in caplog.messages if secret in each]  # before tokens are cut
    assert "id_token=eyJ" in token
