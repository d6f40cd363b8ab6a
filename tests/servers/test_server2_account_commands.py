import json

import pytest

from server2.db import metadata

SECRET = ("_sha256", "eyJ")


@pytest.fixture(params=["sqlite", "postgresql"])
def notes_app(request, build_notes, tmp_path):
    if request.param == "postgresql":
        return build_notes(SERVER2_DATABASE_URL=request.getfixturevalue("postgresql_url"))
    return build_notes(SERVER2_DATABASE_URL=f"sqlite:///{tmp_path / 'notes.sqlite3'}")


@pytest.fixture
def run(notes_app):
    runner = notes_app.test_cli_runner()
    return lambda *arguments, **options: runner.invoke(args=["accounts", *arguments], **options)


def test_the_export_holds_what_is_known_of_one_person(visitor, another_visitor, run):
    for each, subject in ((visitor, "-ada"), (another_visitor, "bob")):
        each.arrive(subject=subject)
        each.add_note(f"A note of {subject}.")
    text = run("export", "-ada").output
    held = json.loads(text)
    about = {table.name for table in metadata.sorted_tables if "account_id" in table.c}
    assert held.keys() == about | {"accounts"}
    assert [note["text"] for note in held["notes"]] == ["A note of -ada."]
    assert len(held["sessions"]) == 1
    assert not [each for each in (*SECRET, "bob") if each in text]


def test_a_deleted_account_is_gone_and_nobody_else_s(visitor, another_visitor, run):
    for each, subject in ((visitor, "ada"), (another_visitor, "bob")):
        each.arrive(subject=subject)
        each.add_note(f"A note of {subject}.")
    assert run("delete", "ada", input="n\n").exit_code == 1
    assert visitor.get("/session").status_code == 200
    assert "Deleted the account of ada" in run("delete", "ada", "--yes").output
    assert visitor.get("/session").status_code == 303
    assert "A note of bob." in another_visitor.get("/notes").text
    visitor.arrive(subject="ada")
    assert "A note of ada." not in visitor.get("/notes").text


@pytest.mark.parametrize("command", [("export",), ("delete", "--yes")])
@pytest.mark.parametrize("subject", ["nobody", "\0"])
def test_who_never_arrived_is_told_in_a_sentence(run, command, subject):
    refused = run(*command, subject)
    assert refused.exit_code == 1
    assert refused.output == "Error: There is no account of this name, or it was deleted.\n"
