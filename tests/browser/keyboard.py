"""What people do at a page without a mouse."""

from __future__ import annotations

from typing import Literal

from tests.browser.tab import Tab

Role = Literal["button", "link", "textbox"]

# Whether the focus is at the control, and whether it is to be seen where it is.
_FOCUS = """
(control) => {
  const style = getComputedStyle(document.activeElement);
  const hasRing = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0
    || style.boxShadow !== "none";
  return [control === document.activeElement, hasRing];
}
"""


def press_tab_until(tab: Tab, role: Role, name: str) -> None:
    """Move the focus to a control; it must be seen where it is."""
    wanted = tab.page.get_by_role(role, name=name, exact=True).first
    wanted.wait_for()
    tab.page.wait_for_load_state()
    control = wanted.element_handle()
    is_there, _ = control.evaluate(_FOCUS)
    for _ in range(40):
        if is_there:
            return
        tab.page.keyboard.press("Tab")
        is_there, has_ring = control.evaluate(_FOCUS)
        assert has_ring, "the focus is not to be seen"
    raise AssertionError(f"the {role} {name!r} cannot be reached by Tab")


def fill_in(tab: Tab, label: str, text: str) -> None:
    """Go to a field and type."""
    press_tab_until(tab, "textbox", label)
    tab.page.keyboard.type(text)


def press(tab: Tab, role: Role, name: str) -> None:
    """Go to a link or a button and press Enter."""
    press_tab_until(tab, role, name)
    tab.page.keyboard.press("Enter")
