"""What people do at a page without a mouse."""

from __future__ import annotations

from typing import Literal

from tests.browser.tab import Tab

Role = Literal["button", "link", "textbox"]

_HAS_A_RING = """
() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0
    || style.boxShadow !== "none";
}
"""


def press_tab_until(tab: Tab, role: Role, name: str) -> None:
    """Move the focus to a control; it must be seen where it is."""
    wanted = tab.page.get_by_role(role, name=name, exact=True).first
    wanted.wait_for()
    tab.page.wait_for_load_state()
    is_there = "(control) => control === document.activeElement"
    for _ in range(40):
        if wanted.evaluate(is_there):
            return
        tab.page.keyboard.press("Tab")
        assert tab.page.evaluate(_HAS_A_RING), "the focus is not to be seen"
    raise AssertionError(f"the {role} {name!r} cannot be reached by Tab")


def fill_in(tab: Tab, label: str, text: str) -> None:
    """Go to a field and type."""
    press_tab_until(tab, "textbox", label)
    tab.page.keyboard.type(text)


def press(tab: Tab, role: Role, name: str) -> None:
    """Go to a link or a button and press Enter."""
    press_tab_until(tab, role, name)
    tab.page.keyboard.press("Enter")
