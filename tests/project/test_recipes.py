"""What docs/recipes.md shows stands in the examples, or is run by tests/examples."""

import ast
import re

import pytest

from tests.documents import CHECKOUT, DOCS, blocks, rows, section

RECIPES = DOCS / "recipes.md"
EXAMPLES = CHECKOUT / "examples"
WALKS = CHECKOUT / "tests" / "examples" / "walks"
SOURCES = [path.read_text() for path in (*EXAMPLES.glob("*/*.py"), *WALKS.glob("*.py"))]
BY_HAND = "by hand"


class _WithoutDocstrings(ast.NodeTransformer):
    def visit_FunctionDef(self, node):
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)


def lines_of(source):
    """Return what Python reads, line by line: without comments, docstrings and depth."""
    tree = _WithoutDocstrings().visit(ast.parse(source))
    return [line.strip() for line in ast.unparse(tree).splitlines() if line.strip()]


def holds(lines, wanted):
    return any(lines[i : i + len(wanted)] == wanted for i in range(len(lines)))


def is_run(block, sources):
    """Tell whether a block stands in these, or is fetched by them from the document and run."""
    fetched = re.findall(r"(?:recipe|block_with)\(\"([^\"]+)\"", "\n".join(sources))
    if any(name in block for name in fetched):
        return True
    return any(holds(lines_of(source), lines_of(block)) for source in sources)


def tried_by_hand():
    """Return the headings of the recipes that no test runs."""
    listed = "".join(row[0] for row in rows(RECIPES.read_text()) if BY_HAND in row[1])
    return set(re.findall(r"\[([^\]]+)\]\(#", listed))


def sections():
    return re.findall(r"^## (.+)$", RECIPES.read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block.text, id=f"line {block.line}")
        for block in blocks(RECIPES)
        if block.language == "python"
        and not any(block.text in section(RECIPES, heading) for heading in tried_by_hand())
    ],
)
def test_a_recipe_that_is_tested_is_what_runs(block):
    assert is_run(block, SOURCES)


def test_a_recipe_that_is_another_one_is_found():
    assert is_run(
        "def f():\n    return 1  # one", ["if True:\n  def f():\n    'Says.'\n    return 1"]
    )
    assert not is_run("def f():\n    return 1", ["def f():\n    return 2"])


def test_the_lines_for_nginx_are_those_of_the_example():
    (block,) = (
        block for block in blocks(RECIPES) if "proxy_pass http://127.0.0.1:8002/" in block.text
    )
    whole = (EXAMPLES / "behind_nginx" / "nginx.conf").read_text()
    assert block.text.rstrip() in re.sub(r" *#.*", "", whole)


def test_the_table_of_recipes_is_complete():
    listed = re.findall(r"\[([^\]]+)\]\(#", "".join(row[0] for row in rows(RECIPES.read_text())))
    assert {name.lower() for name in listed} == {heading.lower() for heading in sections()}
