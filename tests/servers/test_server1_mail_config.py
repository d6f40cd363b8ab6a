import re

import pytest

from flask_handoff import ConfigurationError
from server1.config import Config
from server1.config.mail import TLS

FROM = {"SERVER1_MAIL_FROM": "accounts@example.com"}
SMTP = {"SERVER1_SMTP_HOST": "mail.example.com", **FROM}
PASSWORD = "a password for the mail server"


def mail(**settings):
    return Config.from_environment(settings).mail


def test_without_settings_mails_become_files_in_the_instance_directory(tmp_path):
    config = mail(SERVER1_INSTANCE=str(tmp_path))
    assert config.smtp is None
    assert config.outbox == tmp_path / "outbox"
    assert str(config.sender) == "no-reply@localhost"


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("accounts@example.com", "", "accounts@example.com"),
        ("<accounts@example.com>", None, None),
        ("Accounts <accounts@example.com>", "Accounts", "accounts@example.com"),
        ("Konten, Büro <accounts@example.com>", "Konten, Büro", "accounts@example.com"),
        ("accounts@example.com, other@example.com", None, None),
        ("Accounts <accounts@example.com>, <other@example.com>", None, None),
        ("Accounts <accounts@example.com> and more", None, None),
        ("Accounts <accounts@example.com\r\nBcc: other@example.com>", None, None),
        ('"Accounts" <accounts@example.com>', None, None),
        ("accounts", None, None),
        ("Accounts <>", None, None),
    ],
)
def test_mails_are_from_one_address_perhaps_with_a_name(text, name, address):
    if address is None:
        with pytest.raises(ConfigurationError, match="SERVER1_MAIL_FROM"):
            mail(SERVER1_MAIL_FROM=text)
    else:
        sender = mail(SERVER1_MAIL_FROM=text).sender
        assert (sender.display_name, sender.addr_spec) == (name, address)


@pytest.mark.parametrize(
    ("settings", "tls", "port"),
    [
        ({}, TLS.STARTTLS, 587),
        ({"SERVER1_SMTP_TLS": "starttls"}, TLS.STARTTLS, 587),
        ({"SERVER1_SMTP_TLS": "tls"}, TLS.TLS, 465),
        ({"SERVER1_SMTP_TLS": "tls", "SERVER1_SMTP_PORT": "2465"}, TLS.TLS, 2465),
        ({"SERVER1_SMTP_TLS": "none", "SERVER1_SMTP_HOST": "localhost"}, TLS.NONE, 25),
        ({"SERVER1_SMTP_TLS": "none", "SERVER1_SMTP_HOST": "::1"}, TLS.NONE, 25),
    ],
)
def test_the_way_to_the_mail_server_is_protected_unless_it_is_on_this_machine(settings, tls, port):
    smtp = mail(**{**SMTP, **settings}).smtp
    assert (smtp.tls, smtp.port) == (tls, port)


def test_a_password_is_read_from_the_environment_or_from_a_file(tmp_path):
    file = tmp_path / "password"
    file.write_text(f"\ufeff{PASSWORD}\r\n")  # as some editors write
    login = {**SMTP, "SERVER1_SMTP_USERNAME": "accounts"}
    from_environment = mail(**login, SERVER1_SMTP_PASSWORD=PASSWORD)
    assert from_environment == mail(**login, SERVER1_SMTP_PASSWORD_FILE=str(file))
    assert (from_environment.smtp.username, from_environment.smtp.password) == (
        "accounts",
        PASSWORD,
    )
    assert PASSWORD not in repr(from_environment)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"SERVER1_SMTP_HOST": "localhost"}, "SERVER1_MAIL_FROM is missing."),
        ({**SMTP, "SERVER1_SMTP_HOST": "mail.example.com:25"}, "is no host."),
        ({**SMTP, "SERVER1_SMTP_HOST": "smtp://mail.example.com"}, "is no host."),
        ({**SMTP, "SERVER1_SMTP_HOST": "two words"}, "is no host."),
        ({**SMTP, "SERVER1_SMTP_PORT": "0"}, "SERVER1_SMTP_PORT: '0' is not a number from"),
        ({**SMTP, "SERVER1_SMTP_PORT": "smtp"}, "SERVER1_SMTP_PORT: 'smtp' is not a number from"),
        ({**SMTP, "SERVER1_SMTP_TLS": "yes"}, "Use one of starttls, tls, none."),
        ({**SMTP, "SERVER1_SMTP_TLS": "none"}, "SERVER1_SMTP_HOST is another machine"),
        (
            {**SMTP, "SERVER1_SMTP_TLS": "none", "SERVER1_SMTP_HOST": "localhost.example.com"},
            "is another machine",
        ),
        ({**SMTP, "SERVER1_SMTP_USERNAME": "accounts"}, "one without the other."),
        ({**SMTP, "SERVER1_SMTP_PASSWORD": PASSWORD}, "one without the other."),
        (
            {**SMTP, "SERVER1_SMTP_PASSWORD": PASSWORD, "SERVER1_SMTP_PASSWORD_FILE": "x"},
            "are both set.",
        ),
        (
            {
                **SMTP,
                "SERVER1_SMTP_USERNAME": "accounts",
                "SERVER1_SMTP_PASSWORD": f"{PASSWORD} é",
            },
            "is not ASCII.",
        ),
        (
            {**SMTP, "SERVER1_SMTP_PASSWORD": f"{PASSWORD}\n"},
            "SERVER1_SMTP_PASSWORD is not one line of text.",
        ),
        ({**SMTP, "SERVER1_SMTP_PASSWORD_FILE": "/no/such-file"}, "/no/such-file cannot be read"),
        ({**SMTP, "SERVER1_SMTP_PASSWORD_FILE": PASSWORD}, "characters cannot be read"),
        ({"SERVER1_SMTP_PORT": "25"}, "but SERVER1_SMTP_HOST is not."),
        (
            {"SERVER1_SMTP_USERNAME": "accounts", "SERVER1_SMTP_PASSWORD": PASSWORD},
            "but SERVER1_SMTP_HOST is not.",
        ),
    ],
)
def test_a_wrong_setting_is_refused_at_start_without_the_password(settings, sentence):
    with pytest.raises(ConfigurationError, match=re.escape(sentence)) as refusal:
        Config.from_environment(settings)
    assert PASSWORD not in str(refusal.value)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two\nlines\n", b"\xff\n", b"a\0b\n", b"a" * 4097]
)
def test_a_password_file_holds_one_line_of_text(tmp_path, content):
    file = tmp_path / "password"
    file.write_bytes(content)
    settings = {**SMTP, "SERVER1_SMTP_USERNAME": "a", "SERVER1_SMTP_PASSWORD_FILE": str(file)}
    with pytest.raises(ConfigurationError, match="SERVER1_SMTP_PASSWORD_FILE"):
        Config.from_environment(settings)
