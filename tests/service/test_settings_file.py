import pytest
from dotenv import dotenv_values

from flask_handoff import ConfigurationError
from flask_service.settings.file import read_environment, read_settings_file
from tests.service.conftest import CONFIGS

SECRET = "hunter2"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes the settings file of the directory in which the test is from now on."""
    monkeypatch.chdir(tmp_path)

    def write(content):
        encoded = content if isinstance(content, bytes) else content.encode()
        (tmp_path / ".env").write_bytes(encoded)

    return write


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (f"A=1\nB: {SECRET}\n", 2, "this is not understood."),
        (f"A=1\r\n\r\n# of us\r\nB {SECRET}\r\n", 4, "this is not understood."),
        (f'\n\nB="{SECRET}', 3, "this is not understood."),
        (f"B='{SECRET}' and more", 1, "this is not understood."),
        (f"={SECRET}", 1, "this is not understood."),
        (f"$env:B={SECRET}", 1, "this is not understood."),
        (f"A=1\n\n{SECRET}\n", 3, "a name without a value."),
        (f"A=1\nB=2\nA={SECRET}", 3, "line 1 has the same name."),
        (f"A=1\nB={SECRET}ü".encode("latin-1"), 2, "this is not UTF-8 text."),
        (f"A=1\nB={SECRET}".encode("utf-16"), 1, "this is not UTF-8 text."),
        (f"A=1\nB={SECRET}".encode("utf-16-le"), 1, "this is not UTF-8 text."),
    ],
)
def test_a_line_that_is_not_understood_stops_the_start(write, content, line, problem):
    write(content)
    with pytest.raises(ConfigurationError) as refusal:
        read_settings_file()
    assert refusal.value.problem == f".env, line {line}: {problem}"
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    [
        "{0}_SIGN_PORT",
        "{0}_PROT",
        "{0}-PORT",
        "{1}_port",
        "{2}_PORT",
        "SERVER_PORT",
        "HANDOFF_ISUER",
    ],
)
def test_a_misspelt_name_in_the_file_stops_the_start(server, write, name):
    ours = server.name.upper()
    write(f"# of us\n\n{name.format(ours, server.name, ours.replace('V', ''))}=6001\n")
    with pytest.raises(ConfigurationError, match="line 3: there is no setting of this name"):
        CONFIGS[server.name].from_environment()


def test_names_of_others_in_the_file_are_left_alone(server, write):
    names = ["SERVER1_PORT", "SERVER2_PORT", "LAB_SERVER1_URL", "HANDOFF_REVOCATION", "PATH_2"]
    write("".join(f"{name}=none\n" for name in names if not name.startswith(server.name.upper())))
    # Each reads the other's port.
    with pytest.raises(ConfigurationError, match=r"_PORT: 'none' is not a number"):
        CONFIGS[server.name].from_environment()


def test_a_value_is_taken_as_it_stands(write):
    write('\ufeffexport A = wor${d}x # not more\r\nB="a # b"\r\nC=\r\nD=a=b # c\n'.encode())
    assert read_settings_file().values == {"A": "wor${d}x", "B": "a # b", "C": "", "D": "a=b"}


def test_a_file_that_cannot_be_read_stops_the_start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_settings_file().values == {}
    (tmp_path / ".env").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_settings_file()


def test_a_dollar_stays_where_flask_has_read_the_file_before(write, monkeypatch):
    write("A='wor${d}x'\nB='${A}y'\nC='${A}'\n")
    # What load_dotenv() of Flask does for every command; the test ends without it.
    for name, replaced in dotenv_values(".env").items():
        monkeypatch.setenv(name, replaced)
    monkeypatch.setenv("C", "of the environment")
    found = read_environment()
    assert [found[name] for name in "ABC"] == ["wor${d}x", "${A}y", "of the environment"]
