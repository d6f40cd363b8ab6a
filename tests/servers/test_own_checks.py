"""What the two servers add to ``flask handoff-check``: mail, database, demo mode."""

from flask_handoff.checks.own import own_findings
from tests.mail_servers import mail_server
from tests.ports import free_port
from tests.servers.accounts_visitor import running_accounts

PASSWORD = "a password for the mail server"


def findings(app):
    with app.app_context():
        return {each.subject: each for each in own_findings(app)}


def mail_of(environment, clock, port, **settings):
    settings = {
        **environment,
        "SERVER1_SMTP_HOST": "127.0.0.1",
        "SERVER1_SMTP_PORT": str(port),
        "SERVER1_SMTP_TLS": "none",
        "SERVER1_MAIL_FROM": "accounts@example.com",
        **settings,
    }
    with running_accounts(settings, clock) as accounts:
        return findings(accounts.app)["mail"]


def test_a_mail_server_that_answers_is_sent_no_mail(made_environment, clock):
    with mail_server() as server:
        assert mail_of(made_environment, clock, server.port).level == "ok"
    assert server.envelopes == []


def test_a_mail_server_that_does_not_answer_is_told(made_environment, clock):
    login = {"SERVER1_SMTP_USERNAME": "ada", "SERVER1_SMTP_PASSWORD": PASSWORD}
    found = mail_of(made_environment, clock, free_port(), **login)
    assert (found.level, "cannot be reached" in found.text) == ("wrong", True)
    assert PASSWORD not in found.text


def test_mails_that_nobody_gets_are_told(accounts):
    found = findings(accounts.app)
    assert (found["mail"].level, "SERVER1_SMTP_HOST" in found["mail"].text) == ("warning", True)
    assert found["database"].level == "ok"
    assert "demo mode" not in found


def test_a_database_of_another_version_is_told(notes_app):
    with notes_app.extensions["database"].writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    found = findings(notes_app)
    assert (found["database"].level, "9999" in found["database"].text) == ("wrong", True)
    assert "demo mode" not in found


def test_demo_mode_is_told(build_notes, made_environment, clock):
    assert findings(build_notes(SERVER2_DEMO="1"))["demo mode"].level == "warning"
    with running_accounts({**made_environment, "SERVER1_DEMO": "1"}, clock) as accounts:
        found = findings(accounts.app)
    assert (found["demo mode"].level, found["mail"].level) == ("warning", "ok")
