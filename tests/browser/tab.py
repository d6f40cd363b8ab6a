"""One tab of a real browser, and what people do in it."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from tests.pair import Pair

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page

EMAIL = "ada@example.com"
CONTINUE = re.compile("^Continue to ")

# The browser's own note about a page with an error status; whether there may be one, tests decide.
_STATUS_NOTE = "Failed to load resource: the server responded with a status of"
_REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error("policy violation", event.effectiveDirective, event.blockedURI, location.href);
});
"""
# Of all that is right it would tell as well, which takes longer than to look.
_VIOLATIONS = """
async (options) => {
  const found = await axe.run(document, { resultTypes: ["violations"], ...options });
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}
"""


class Tab:
    """A tab, which notes whatever the browser complains about in its profile.

    Args:
        page: Playwright's page.
        pair: The servers to visit.
    """

    def __init__(self, page: Page, pair: Pair) -> None:
        self.page = page
        self.pair = pair
        self.complaints: list[str] = []
        context = page.context
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("console", self._note)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    @property
    def home1(self) -> str:
        return f"{self.pair.server1.base_url}/"

    @property
    def home2(self) -> str:
        return f"{self.pair.server2.base_url}/"

    @property
    def notes(self) -> str:
        return f"{self.pair.server2.base_url}/notes"

    def another(self) -> Tab:
        """Open one more tab of the same profile."""
        return self.beside(self.context.new_page())

    def beside(self, page: Page) -> Tab:
        """Take a tab that was opened in the same profile, whose complaints are noted already."""
        other = copy.copy(self)
        other.page = page
        return other

    def fill_in_sign_in(self, password: str | None = None, email: str = EMAIL) -> None:
        """Fill in SERVER1's sign-in page, which is open, and send it."""
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(password or self.pair.password)
        self.page.get_by_role("button", name="Sign in").click()

    def sign_in_at_server1(self) -> None:
        self.page.goto(f"{self.home1}login")
        self.fill_in_sign_in()
        self.page.wait_for_url(self.home1)

    def start(self) -> None:
        """Begin the handoff on SERVER1's page."""
        self.page.get_by_role("link", name=CONTINUE).click()

    def continue_to_notes(self) -> None:
        self.start()
        self.page.wait_for_url(self.notes)

    def arrive(self) -> None:
        """Come to the notes as most people do: by SERVER1's page."""
        self.sign_in_at_server1()
        self.continue_to_notes()

    def sign_out_of_notes(self, where: str = "everywhere") -> None:
        """Sign out by the link that every page of the notes has, ``here`` or ``everywhere``."""
        self.page.get_by_role("link", name="Sign out").click()
        self.page.get_by_role("button", name=f"Sign out {where}").click()
        self.expect_heading(f"You are signed out {where}")

    def expect_heading(self, heading: str) -> None:
        """Wait for a page by its heading."""
        expect(self.page.locator("h1")).to_have_text([heading])

    def write_note(self, text: str) -> None:
        self.page.get_by_label("New note").fill(text)
        self.page.get_by_role("button", name="Add note").click()
        # The first one, for the newest: what a fixture writes may be there already.
        self.page.get_by_role("listitem").filter(has_text=text).first.wait_for()

    def expect_value(self, label: str, value: str) -> None:
        """Wait until a field holds a value: the page's own script may put it there."""
        expect(self.page.get_by_label(label, exact=True)).to_have_value(value)

    def violations(self, **options: object) -> list[str]:
        """Return what of the page keeps somebody out, by the rules of axe."""
        self.page.wait_for_load_state()  # else it may look at a page without its style sheet
        self.page.evaluate(AXE_SCRIPT)
        violations: list[str] = self.page.evaluate(_VIOLATIONS, options)
        return violations

    def scrolls_sideways(self) -> bool:
        return bool(
            self.page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
        )

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_STATUS_NOTE):
            self.complaints.append(f"{message.text} ({message.location.get('url')})")
