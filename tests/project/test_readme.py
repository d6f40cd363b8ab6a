import ast
import json
import re
import subprocess
import sys

import pytest

from flask_handoff.commands.keys import handoff_keys
from flask_handoff.tokens import TokenVerifier
from flask_handoff.tokens.verification import name_of
from flask_service.commands.database import database_group
from flask_service.commands.outbox import outbox_group
from server1.commands.accounts import grants_group, users_group
from server1.commands.clients import clients_group
from server1.config import Config as Server1Config
from server2.config import Config as Server2Config
from tests.documents import (
    CHECKOUT,
    DOCS,
    DOCUMENTS,
    README,
    anchors,
    blocks,
    codes,
    links,
    named_files,
    prose,
    rows,
    section,
)

ALL_BLOCKS = [(document, block) for document in DOCUMENTS for block in blocks(document)]
RECIPES = DOCS / "recipes.md"  # which tests/project/test_recipes.py looks through
# By tests/end_to_end/test_wheel.py, and by tests/strangers/test_recipes.py.
RUN_AS_FILES = named_files(README, DOCS / "integrate.md", DOCS / "sign-in-elsewhere.md").keys()


def of_language(*languages, but=None):
    return [
        pytest.param(block, id=f"{document.relative_to(CHECKOUT)}:{block.line}")
        for document, block in ALL_BLOCKS
        if block.language in languages and document != but
    ]


def internal_links():
    return [
        pytest.param(document, link, id=f"{document.relative_to(CHECKOUT)}: {link}")
        for document in DOCUMENTS
        for link in links(document)
        if not link.startswith("https://")
    ]


def make_targets():
    return set(re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))


def test_the_first_command_stands_near_the_top():
    assert blocks(README)[0].line < 20
    assert blocks(README)[0].text.startswith("make demo")


def test_the_readme_can_be_read_in_one_go():
    assert len(README.read_text().splitlines()) <= 150


def test_the_two_files_to_copy_are_about_twenty_lines_each():
    for name in ("server1/handoff.py", "server2/handoff.py"):
        assert len(named_files(README)[name].splitlines()) <= 25


def test_the_addresses_are_those_of_the_servers():
    text = README.read_text()
    assert f"<{Server1Config.from_environment({}).issuer}>" in text
    assert f"<{Server2Config.from_environment({}).base_url}>" in text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_make_command_in_a_document_exists(document):
    text = document.read_text()
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE))
    assert named <= make_targets()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_flask_command_in_a_document_exists(document):
    named = re.findall(
        r"flask (?:--app (server[12]) )?"
        r"(handoff-keys|users|grants|clients|database|outbox) ([a-z-]+)",
        document.read_text(),
    )
    groups = {
        "": (handoff_keys,),
        "server1": (
            handoff_keys,
            users_group,
            grants_group,
            clients_group,
            database_group,
            outbox_group,
        ),
        "server2": (
            handoff_keys,
            database_group,
        ),
    }
    commands = {
        (app, group.name, command)
        for app, found in groups.items()
        for group in found
        for command in group.commands
    }
    assert [command for command in named if command not in commands] == []


def test_every_module_in_the_picture_of_the_layers_exists():
    pictures = [
        each.text for each in blocks(CHECKOUT / "CONTRIBUTING.md") if each.language == "text"
    ]
    folders = (CHECKOUT / "shared" / "flask_handoff", CHECKOUT / "server1")
    for picture, folder in zip(pictures, folders, strict=True):
        modules = re.findall(r"[a-z_]+", " ".join(line[:38] for line in picture.splitlines()))
        assert [name for name in modules if not list(folder.glob(f"{name}*"))] == []


def test_the_checks_of_a_token_are_listed_in_their_order():
    listed = rows(section(DOCS / "how-it-works.md", "6. SERVER2 judges"))
    assert [(codes(name)[0], question) for name, question in listed] == [
        (name_of(check), check.__doc__) for check in TokenVerifier.checks
    ]


def test_every_folder_that_the_readme_names_exists():
    folders = [code for row in rows(section(README, "Find your way")) for code in codes(row[0])]
    assert folders
    assert [folder for folder in folders if not (CHECKOUT / folder).is_dir()] == []


@pytest.mark.parametrize("block", of_language("python"))
def test_python_in_a_document_compiles(block):
    ast.parse(block.text)


@pytest.mark.parametrize(
    "block",
    [each for each in of_language("python", but=RECIPES) if not each.values[0].file_name],
)
@pytest.mark.processes
def test_python_in_a_document_that_is_no_file_runs(block, tmp_path):
    subprocess.run(
        [sys.executable, "-W", "error", "-c", block.text], cwd=tmp_path, timeout=60, check=True
    )


def test_every_python_file_of_a_document_is_run():
    assert {
        block.file_name for _, block in ALL_BLOCKS if block.language == "python" and block.file_name
    } == {name for name in RUN_AS_FILES if name.endswith(".py")}


@pytest.mark.parametrize("block", of_language("json"))
def test_json_in_a_document_is_json(block):
    json.loads(block.text)


@pytest.mark.parametrize("block", of_language("sh"))
def test_a_shell_block_in_a_document_is_good_shell(block):
    subprocess.run(["sh", "-n"], input=block.text, text=True, timeout=60, check=True)


def test_every_block_says_its_language():
    known = {"python", "sh", "json", "html", "text", "mermaid"}
    assert [
        f"{document.name}:{block.line}"
        for document, block in ALL_BLOCKS
        if block.language not in known
    ] == []


@pytest.mark.parametrize(("document", "link"), internal_links())
def test_a_link_leads_somewhere(document, link):
    path, _, anchor = link.partition("#")
    target = document.parent / path if path else document
    assert target.exists()
    assert not anchor or anchor in anchors(target)


def test_every_page_of_the_documents_is_linked_from_another():
    linked = {
        (document.parent / link.partition("#")[0]).resolve()
        for document in DOCUMENTS
        for link in links(document)
        if not link.startswith("https://")
    }
    # The decisions are found by their numbers: the folder is named in README.md.
    pages = [path for path in DOCUMENTS if path != README and path.parent.name != "decisions"]
    assert [page.name for page in pages if page.resolve() not in linked] == []


def test_decisions_are_numbered_without_a_gap():
    numbers = [int(path.name[:4]) for path in sorted((DOCS / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", sorted((DOCS / "decisions").glob("*.md")), ids=lambda p: p.stem)
def test_a_decision_has_its_three_parts_and_is_short(path):
    text = prose(path)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Situation", "Decision", "Consequences"]
    assert text.startswith(f"# {path.name[:4]} ")
    assert len(text.splitlines()) <= 45
