"""The project's own documents as tests read them: code blocks, tables, headings and links."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
README = CHECKOUT / "README.md"
DOCS = CHECKOUT / "docs"
DOCUMENTS = (*sorted(CHECKOUT.glob("*.md")), *sorted(DOCS.rglob("*.md")))

_FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE_NAME = re.compile(r"`([a-z0-9_./]+\.[a-z]+)`[^`]*\Z")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_TEST = re.compile(r"(?P<file>[a-z0-9_/]+\.py)::(?P<name>test_[a-z0-9_]+)")


@dataclass(frozen=True)
class Block:
    """One fenced block, the line it begins in, and the file that the text before it names."""

    language: str
    text: str
    line: int
    file_name: str | None


def blocks(document):
    """Return the fenced blocks of a document, in their order."""
    text = document.read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        before = text[: fence.start()]
        paragraph = before.rstrip().rpartition("\n\n")[2]
        named = _FILE_NAME.search(paragraph) if before.endswith("\n\n") else None
        found.append(
            Block(
                language=fence["language"],
                text=fence["text"],
                line=before.count("\n") + 1,
                file_name=named[1] if named else None,
            )
        )
    return found


def named_files(*documents):
    """Return the blocks that are whole files, by the name of the file."""
    return {
        block.file_name: block.text
        for document in documents
        for block in blocks(document)
        if block.file_name
    }


def prose(document):
    """Return the document's text without its fenced blocks."""
    return _FENCE.sub("", document.read_text(encoding="utf-8"))


def section(document, heading):
    """Return the text below a heading, up to the next heading of the same depth."""
    text = document.read_text(encoding="utf-8")
    start = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert start, f"{document.name} has no heading {heading!r}"
    end = re.search(rf"^#{{1,{len(start[1])}}} ", text[start.end() :], re.MULTILINE)
    return text[start.end() :][: end.start() if end else None]


def rows(text):
    """Return the rows of every table in a text, without headings, as lists of cells."""
    lines = [line.strip() for line in text.splitlines()]
    found = []
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        is_rule = re.fullmatch(r"\|[-|: ]+\|", line)
        is_heading = re.fullmatch(r"\|[-|: ]+\|", after)
        if line.startswith("|") and not is_rule and not is_heading:
            cells = re.split(r"(?<!\\)\|", line.strip("|"))
            found.append([cell.strip().replace("\\|", "|") for cell in cells])
    return found


def codes(text):
    """Return what stands between backticks, in its order."""
    return _CODE.findall(text)


def named_tests(text):
    """Return the tests that a text names as `file::test`, the file below tests/."""
    return [found.groups() for code in codes(text) if (found := _TEST.fullmatch(code))]


def missing_tests(text):
    """Return those of the tests that a text names which no file defines."""
    return [test for test in named_tests(text) if test[1] not in _defined_in(test[0])]


@cache
def _defined_in(file):
    path = CHECKOUT / "tests" / file
    tree = ast.parse(path.read_text() if path.is_file() else "")
    # Those of classes are among them.
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def links(document):
    """Return the targets of a document's links."""
    return [link["target"] for link in _LINK.finditer(prose(document))]


def anchors(document):
    """Return the anchors of a document's headings, as they are made for links within it."""
    headings = _HEADING.findall(prose(document))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
