from sqlalchemy import text

from tests.servers.accounts_visitor import PASSWORD, REQUEST, Visitor


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


def test_a_database_error_is_logged_without_the_data_in_it(accounts, browser1, log):
    with accounts.parts.database.writing() as connection:
        connection.execute(text("DROP TABLE throttles"))
    answer = browser1.sign_in("mallory@example.com", PASSWORD)
    assert answer.status_code == 503
    assert "database error: OperationalError: no such table: throttles request_id=" in log.text
    assert "mallory" not in log.text


def test_a_refusal_by_the_database_is_logged_without_the_statement(accounts, browser1, log):
    with accounts.parts.database.writing() as connection:
        connection.execute(text("CREATE UNIQUE INDEX broken ON sessions (address)"))
    Visitor(accounts).sign_in()
    assert browser1.sign_in().status_code == 503
    assert "database error: IntegrityError (IntegrityError) request_id=" in log.text
    assert "INSERT" not in log.text
