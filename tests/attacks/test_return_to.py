"""Open redirects, as browsers and libraries resolve them (rows 73 to 73c of the threat model)."""

import json
import shutil
import subprocess
from functools import cache
from itertools import product
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.utils import redirect

from flask_handoff.errors import UnsafeReturnToError
from flask_handoff.return_to import check_return_to

BASE_URL = "https://notes.example.com"
CALLBACK = f"{BASE_URL}/sso/callback?state=a"
PATIENCE = 60  # seconds for all that is resolved at once

# The pieces that other checks of targets were fooled by.
PIECES = [
    *("/", "\\", "//", "..", ".", "%2e", "%2f", "%5c", "%00", "%09", "%0d%0a", "%25"),
    *("\t", "\r\n", "\x00", " ", "@", ":", "?", "#", ";", "https:", "javascript:", "data:"),
    *("evil.example", "notes.example.com", "[::1]", "\uff0f", "\u3002", "a"),
]
RESOLVE = """
const [base, targets] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const resolve = (target) => {
  try {
    const url = new URL(target, base);
    return [url.origin, url.username, url.pathname];
  } catch {
    return null;
  }
};
process.stdout.write(JSON.stringify(targets.map(resolve)));
"""


def is_accepted(target):
    try:
        return check_return_to(target) == target
    except UnsafeReturnToError:
        return False


def path_of(target):
    return target.partition("?")[0]


@cache
def every_target():
    """All ways to put up to three pieces behind a slash, or behind nothing."""
    return [
        start + "".join(pieces)
        for start in ("", "/")
        for number in range(4)
        for pieces in product(PIECES, repeat=number)
    ]


@pytest.fixture(scope="module")
def resolve_like_a_browser():
    """Resolves targets as the URL Standard does, which browsers follow. Skips without Node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine: its URL is the one implementation a script can ask")

    def resolve(targets):
        answer = subprocess.run(
            [node, "-e", RESOLVE],
            input=json.dumps([CALLBACK, targets]),
            capture_output=True,
            timeout=PATIENCE,
            check=True,
            text=True,
        )
        return json.loads(answer.stdout)

    return resolve


# Row 73: what is known to lead away from a site.

KNOWN = [
    *(
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\/evil.example",
    ),
    *("\\\\evil.example", "/\\/evil.example", "https:evil.example", "https:/evil.example"),
    *("https://evil.example", "HTTPS://evil.example", "//user@evil.example", "@evil.example"),
    *(
        "https://notes.example.com@evil.example",
        "//evil.example:443",
        "//[::1]/",
        "//[::ffff:7f00:1]",
    ),
    *(
        "/\t/evil.example",
        "\t//evil.example",
        "/\r/evil.example",
        "/\n/evil.example",
        " //evil.example",
    ),
    *("\x00//evil.example", "/\x00/evil.example", "\x01//evil.example", "/%09/evil.example"),
    *("/%0d%0aSet-Cookie:%20a=b", "/%0A/evil.example", "/a?b=\r\nLocation:%20//evil.example"),
    *("/%00", "/%2f/evil.example", "/%5cevil.example", "/%2fevil.example", "/%252fevil.example"),
    *("javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,<script>alert(1)</script>"),
    *("\uff0f\uff0fevil.example", "/\uff0fevil.example", "/\u2044evil.example", "/\u3002evil"),
    *("/..//evil.example", "/.//evil.example", "/a/..//evil.example", "/%2e%2e//evil.example"),
    *("/%2e%2e/%2e%2e/", "/.%2e/", "//../../etc", "//[", "//a:99999/", "//\u2100.example"),
    *(
        "http:evil.example",
        "ftp://evil.example",
        "//evil\u3002example",
        pytest.param("/" + "a" * 4096, id="4 kB"),
    ),
]


@pytest.mark.parametrize("target", KNOWN)
def test_a_target_known_to_lead_away_is_refused(target):
    with pytest.raises(UnsafeReturnToError):
        check_return_to(target)


# Row 73a: allow-lists that were too clever.


def test_no_accepted_target_leaves_the_site_in_a_browser(resolve_like_a_browser):
    accepted = [target for target in every_target() if is_accepted(target)]
    assert_stays(accepted, resolve_like_a_browser)


def test_the_targets_tried_include_many_that_would_leave_the_site(resolve_like_a_browser):
    refused = [target for target in every_target() if not is_accepted(target)]
    origins = [resolved and resolved[0] for resolved in resolve_like_a_browser(refused)]
    assert sum(origin not in (None, BASE_URL) for origin in origins) > 1000


MADE_OF_PIECES = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
ANY_TARGET = st.one_of(
    MADE_OF_PIECES,
    MADE_OF_PIECES.map("/{}".format),
    st.text(max_size=40).map("/{}".format),
    st.from_regex(r"/[!-~]{0,40}", fullmatch=True),
    # Mostly accepted, so that the promise is put to the test.
    st.from_regex(
        r"/([a-z.~;:@!-]|%[2-7][0-9A-F]){0,30}(\?([a-z/?.:@]|%[0-9A-F]{2}){0,20})?", fullmatch=True
    ),
)


@given(target=ANY_TARGET)
def test_every_accepted_target_stays_on_the_site(target):
    if not is_accepted(target):
        return
    resolved = urlsplit(urljoin(CALLBACK, target))
    assert f"{resolved.scheme}://{resolved.netloc}" == BASE_URL


def test_every_accepted_target_stays_on_the_site_in_a_browser(resolve_like_a_browser):
    accepted = set()

    @settings(max_examples=1000)
    @given(target=ANY_TARGET)
    def collect(target):
        if is_accepted(target):
            accepted.add(target)

    collect()
    assert_stays(sorted(accepted), resolve_like_a_browser)


def assert_stays(accepted, resolve):
    """Every target leads to this site, to the very path that it shows."""
    assert len(accepted) > 100
    assert [
        target
        for target, resolved in zip(accepted, resolve(accepted), strict=True)
        if resolved != [BASE_URL, "", path_of(target)]
    ] == []


# Rows 73b and 73c: Werkzeug rewrites a location, or stumbles over it.


@given(target=ANY_TARGET)
def test_every_accepted_target_leaves_werkzeug_as_it_came(target):
    if not is_accepted(target):
        return
    headers = redirect(target, 303).get_wsgi_headers({})
    # It leaves out a query that is empty.
    assert headers.getlist("Location") == [target if target.partition("?")[2] else path_of(target)]
