"""What a user does on the way from a stranger to SERVER1 and back."""

from urllib.parse import urljoin, urlsplit

from tests.end_to_end.journey import EMAIL, action_of, fields_of
from tests.pair import PASSWORD


def go_until(browser, answer, address, *, agrees=True):
    """Go where answers lead, sign in at SERVER1 and say whether the stranger may know.

    Returns:
        Where SERVER1 sends the user in the end: the first address that begins with *address*.
    """
    while True:
        if "Location" in answer.headers:
            location = urljoin(answer.url, answer.headers["Location"])
            if location.startswith(address):
                return location
            answer = browser.get(location)
        else:
            page, typed = urlsplit(answer.url).path, {}
            if page == "/login":
                typed = {"email": EMAIL, "password": PASSWORD}
            elif page == "/consent":
                typed = {"answer": "agree" if agrees else "deny"}
            assert answer.ok and typed, f"{answer.status_code} at {answer.url}: {answer.text}"
            answer = browser.post(
                urljoin(answer.url, action_of(answer)), {**fields_of(answer), **typed}
            )
