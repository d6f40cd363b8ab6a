"""How Sphinx builds the documents into a site: ``make docs``.

The source is the whole checkout, so that a link leads to the same file here as on a page of the
repository: from README.md into docs/, and from docs/ to an example.
"""

import re
import sys
from importlib import metadata
from typing import Any

from docutils import nodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

project = author = "flask-handoff"
release = metadata.version("flask-handoff")
project_copyright = f"the {project} authors"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "docs/**.rst", "findings/*.md", "vectors/*.md"]
# Folders that need not be searched.
exclude_patterns = [".*", "**/__pycache__", "build", "dist", "htmlcov", "instance"]

# The anchors of headings are those that a page of the repository has.
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]

# What is not ours has no page here, and nothing is fetched to find out where it has one.
nitpick_ignore_regex = [("py:.*", r"(?!flask_handoff\b).*")]
# These stand in signatures, and are no public names: what they are may change.
nitpick_ignore = [
    ("py:class", f"flask_handoff.{name}")
    for name in (
        "tokens.assertion_verifier.AssertionVerification",
        "tokens.genuine_tokens.GenuineTokens",
        "tokens.handoff_verifier.HandoffVerification",
        "tokens.verification.Verifier",
    )
]

autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    # Not what these bring.
    "inherited-members": "object, tuple, BaseException, Protocol, SQLStore",
    # What the library's own subclasses set, and what its stores tell each other.
    "exclude-members": "verification_class, unavailable, revoked, together_with",
}
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
maximum_signature_line_length = 72

templates_path = ["site"]
html_additional_pages = {"index": "to_start.html"}
html_theme = "furo"
html_title = project
html_static_path = ["site/site.css"]
html_css_files = ["site.css"]
pygments_dark_style = "github-dark"
html_copy_source = False
html_show_sphinx = False


class SequenceDiagram(SphinxDirective):
    """Show a diagram of Mermaid as a list of its messages: to draw it takes megabytes of script."""

    has_content = True

    def run(self) -> list[Any]:
        """Return the list."""
        names = {}
        messages = nodes.enumerated_list(enumtype="arabic")
        for line in map(str.strip, self.content):
            if participant := re.fullmatch(r"participant (\w+) as (.+)", line):
                names[participant[1]] = participant[2]
            elif message := re.fullmatch(r"(\w+)--?>>(\w+): (.+)", line):
                way = nodes.strong(text=f"{names[message[1]]} → {names[message[2]]}")
                text = nodes.paragraph("", "", way, nodes.Text(f": {message[3]}"))
                messages += nodes.list_item("", text)
            elif line != "sequenceDiagram":
                raise self.error(f"this line of a diagram is not understood: {line}")
        return [messages]


def leave_out_fields(
    app: object, what: str, name: str, member: object, skip: bool, options: object
) -> bool | None:
    """Leave out what ``NamedTuple`` says of its fields: their numbers."""
    return True if str(member.__doc__).startswith("Alias for field number") else None


def leave_out_protocols(
    app: object, what: str, name: str, value: object, options: object, *signature: str | None
) -> tuple[str, None] | None:
    """Leave out how an interface is made: nobody does."""
    return ("", None) if getattr(value, "_is_protocol", False) else None


def text_of_constant(name: str, value: object) -> list[str]:
    """Return the text below a constant of the library, in the module that it comes from."""
    for module in [each for each in sys.modules if each.startswith("flask_handoff.")]:
        if vars(sys.modules[module]).get(name) is value:
            texts = ModuleAnalyzer.for_module(module).find_attr_docs()
            if ("", name) in texts:
                return list(texts["", name])
    return []


def set_text_of_constant(
    app: object, what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    """Give a constant its text, which is not looked for where its name is only imported."""
    if what == "data":
        lines[:] = text_of_constant(name.rpartition(".")[2], value)


def setup(app: Any) -> None:
    """Connect the above."""
    app.add_directive("mermaid", SequenceDiagram)
    app.connect("autodoc-process-signature", leave_out_protocols)
    app.connect("autodoc-skip-member", leave_out_fields)
    # After napoleon, which takes what stands before a colon for the type.
    app.connect("autodoc-process-docstring", set_text_of_constant, priority=900)
