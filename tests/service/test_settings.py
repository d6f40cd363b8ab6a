import os

import pytest

from flask_handoff import ConfigurationError
from flask_service.settings import SettingReader
from tests.service.conftest import CONFIGS

DEFAULTS = {
    "SMALL_NAME": "a name",
    "SMALL_SWITCH": "0",
    "SMALL_BIND": "127.0.0.1",
    "SMALL_PUBLISHED_ON_LOOPBACK": "0",
    "SMALL_DATABASE_URL": "",
}


def reader(**environment):
    return SettingReader(
        "SMALL", DEFAULTS, base_url="SMALL_URL", others=["SMALL_URL"], environment=environment
    )


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("DEM0", "1", "There is no setting {name}."),
        ("DEMO", "maybe", "{name}: 'maybe' is neither on nor off."),
        ("DEMO", "2", "{name}: '2' is neither on nor off."),
        ("PORT", "0", "{name}: '0' is not a number from 1 to 65535."),
        ("PORT", "65536", "{name}: '65536' is not a number from 1 to 65535."),
        ("PORT", "-1", "is not a number from 1 to 65535."),
        ("PORT", "5002.0", "is not a number from 1 to 65535."),
        ("PORT", "\u0665", "is not a number from 1 to 65535."),
        ("PORT", "99999999999", "is not a number from 1 to 65535."),
        ("PORT", "tcp://10.0.0.1:5001", "is not a number from 1 to 65535."),
        ("BIND", "localhost", "{name}: 'localhost' is not an IP address."),
        ("BIND", "256.0.0.1", "{name}: '256.0.0.1' is not an IP address."),
        ("BIND", "127.0.0.1:5002", "is not an IP address."),
        ("WORKERS", "0", "{name}: '0' is not a number from 1 to 64."),
        ("WORKERS", "65", "is not a number from 1 to 64."),
        ("THREADS", "-1", "{name}"),
        ("THREADS", "\u0663", "{name}"),
        ("CONNECTIONS", "many", "{name}"),
        ("TRUSTED_PROXIES", "11", "{name}"),
        ("TRUSTED_PROXIES", "one", "{name}"),
        ("INSTANCE", "two\nlines", "{name} holds a text that is no single line"),
        ("DATABASE_URL", "two\nlines", "{name} is not one line of text."),
        ("DATABASE_URL", "my secret", "{name} is not a URL."),
        ("DATABASE_URL", "postgresql://u:secret@h:port/d", "{name} is not a URL."),
        ("DATABASE_URL", "postgresql://u:se@cret@h/d", "{name} is not a URL."),
        ("DATABASE_URL", "sqlite://", "{name} names no database."),
        ("DATABASE_URL", "sqlite:///:memory:", "{name} names no database."),
        ("DATABASE_URL", "postgresql://host", "{name} names no database."),
        ("DATABASE_URL", "mysql://host/d", "{name}: 'mysql' is not supported."),
        ("DATABASE_URL", "postgresql+psycopg2://h/d", "is not supported."),
        ("DATABASE_URL", "secret://h/d", "{name}: this kind of database is not supported."),
        ("DATABASE_URL", "sqlite:///a.db?mode=ro", "{name}: a SQLite file takes no options"),
        ("DATABASE_URL", "sqlite:///file::memory:?uri=true", "takes no options"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_sentence(server, name, value, problem):
    with pytest.raises(ConfigurationError) as refusal:
        server.config(**{name: value})
    assert problem.format(name=server.setting(name)) in refusal.value.problem
    assert refusal.value.remedy.endswith((".", "?"))
    assert "secret" not in str(refusal.value)
    assert "cret@" not in str(refusal.value)


@pytest.mark.parametrize("value", ["1", "true", "yes", "on", "TRUE", "On", " 1 "])
def test_on_means_one_and_the_same_at_both_servers(server, value):
    assert server.config(DEMO=value).demo is True


@pytest.mark.parametrize("value", ["0", "false", "no", "off", "False", "", " "])
def test_off_means_one_and_the_same_at_both_servers(server, value):
    assert server.config(DEMO=value).demo is False


def test_blanks_around_a_value_do_not_count(server):
    serving = server.config(BIND=" 127.0.0.2 ", PORT="7001\n", WORKERS="\t3").serving
    assert (serving.bind, serving.port, serving.workers) == ("127.0.0.2", 7001, 3)


def test_blanks_in_a_secret_count():
    assert reader(SMALL_NAME=" a b ").secret("SMALL_NAME") == " a b "
    assert reader(SMALL_NAME=" a b ").text("SMALL_NAME") == "a b"


def test_an_empty_value_is_taken_for_none(server):
    config = server.config(PORT="", DATABASE_URL=" ", HANDOFF_MAX_AGE=" ")
    assert config == server.config()
    assert "HANDOFF_MAX_AGE" not in config.handoff


def test_how_much_is_done_at_once_is_a_setting(server):
    given = {"WORKERS": "2", "THREADS": "5", "CONNECTIONS": "77", "TRUSTED_PROXIES": "3"}
    serving = server.config(**given).serving
    assert (serving.workers, serving.threads, serving.connections) == (2, 5, 77)
    assert serving.trusted_proxies == 3


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("sqlite:////var/a.db", "sqlite:////var/a.db"),
        ("postgresql://u:p@h:1/d", "postgresql+psycopg://u:p@h:1/d"),
        ("postgresql+psycopg://h/d?sslmode=require", "postgresql+psycopg://h/d?sslmode=require"),
    ],
)
def test_a_database_is_reached_by_the_driver_that_is_there(server, url, used):
    read = server.config(DATABASE_URL=url).database_url
    assert read.render_as_string(hide_password=False) == used


def test_a_name_that_resembles_no_setting_is_left_alone(server):
    # Container platforms name the address of a service so.
    platform = {"PORT_5001_TCP_ADDR": "10.0.0.2", "SERVICE_HOST": "10.0.0.2"}
    assert server.config(**platform) == server.config()


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.0.2.7", "::ffff:127.0.0.1"])  # noqa: S104 - it is read, not bound
def test_the_demo_is_refused_on_other_addresses_than_loopback(server, bind):
    with pytest.raises(ConfigurationError) as refusal:
        server.config(DEMO="1", BIND=bind)
    name = server.name.upper()
    assert refusal.value.problem == (
        f"{name}_DEMO is on, and {name}_BIND is {bind}, where other machines reach the server."
    )
    assert f"{name}_PUBLISHED_ON_LOOPBACK=1" in refusal.value.remedy
    assert server.config(DEMO="1", BIND=bind, PUBLISHED_ON_LOOPBACK="1").demo


@pytest.mark.parametrize("published", ["0", "1"])
def test_the_demo_is_refused_at_a_public_address(server, published):
    server.environment[server.base_url_setting] = "https://site.example.com"
    costly = {"SERVER1_ARGON2_MEMORY_KIB": "19456"}
    server.environment |= costly
    with pytest.raises(ConfigurationError, match=f"{server.base_url_setting} is not on this"):
        server.config(DEMO="1", PUBLISHED_ON_LOOPBACK=published)


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.0.0.2", "::1"])
def test_on_loopback_no_exception_has_to_be_named(server, bind):
    assert server.config(DEMO="1", BIND=bind).demo


def test_in_the_demo_another_machine_sees_nothing_whatever_is_bound(server):
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    for settings, status in (
        ({"DEMO": "1"}, 403),
        ({"DEMO": "1", "PUBLISHED_ON_LOOPBACK": "1"}, 200),
        ({}, 200),
    ):
        answer = server.get(server.build(**settings), "/", environ_overrides=elsewhere)
        assert answer.status_code == status


@pytest.mark.parametrize(("proxies", "address"), [("1", "203.0.113.7"), ("0", "127.0.0.1")])
def test_proxies_tell_the_address_where_they_are_trusted(server, capsys, proxies, address):
    forwarded = {
        "X-Forwarded-For": "198.51.100.9, 203.0.113.7",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
    }
    app = server.build(TRUSTED_PROXIES=proxies)
    assert server.get(app, "/", headers=forwarded).status_code == 200
    assert f" {address} GET / 200 " in capsys.readouterr().err


def test_a_socket_for_both_versions_shows_the_plain_address(server, capsys):
    peer = {"REMOTE_ADDR": "::ffff:192.0.2.1"}
    assert server.get(server.build(), "/", environ_overrides=peer).status_code == 200
    assert " 192.0.2.1 GET / 200 " in capsys.readouterr().err


def test_fewer_addresses_than_proxies_are_logged(server, caplog):
    app = server.build(TRUSTED_PROXIES="2")
    for _ in range(2):
        server.get(app, "/", headers={"X-Forwarded-For": "203.0.113.7"})
    assert caplog.text.count("fewer than there are trusted proxies") == 1


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.7:51234", "203.0.113.7"),
        ('"203.0.113.7:51234"', "203.0.113.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:51234", "2001:db8::7"),
        ('198.51.100.9, "[2001:db8::7]:51234"', "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),  # as a socket for both versions writes it
        ("[::ffff:203.0.113.7]:51234", "203.0.113.7"),
        ("unknown", "192.0.2.1"),
        ("_hidden", "192.0.2.1"),
        ("203.0.113.7:port", "192.0.2.1"),
        ("", "192.0.2.1"),
    ],
)
def test_an_address_is_read_as_proxies_write_it(server, capsys, forwarded, address):
    app = server.build(TRUSTED_PROXIES="1")
    headers, proxy = {"X-Forwarded-For": forwarded}, {"REMOTE_ADDR": "192.0.2.1"}
    assert server.get(app, "/", headers=headers, environ_overrides=proxy).status_code == 200
    assert f" {address} GET / 200 " in capsys.readouterr().err


def test_the_environment_wins_over_the_dotenv_file(server, tmp_path, monkeypatch):
    named = {name: server.setting(name) for name in ("PORT", "WORKERS")}
    (tmp_path / ".env").write_text(f"{named['PORT']}=6002\n{named['WORKERS']}=3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(named["PORT"], "7002")
    monkeypatch.delenv(named["WORKERS"], raising=False)
    serving = CONFIGS[server.name].from_environment().serving
    assert (serving.port, serving.workers) == (7002, 3)
    assert named["WORKERS"] not in os.environ


def test_no_secret_is_shown_when_the_settings_are_printed(server):
    config = server.config(DATABASE_URL="postgresql://u:a-secret@h/d")
    assert "a-secret" not in repr(config)
