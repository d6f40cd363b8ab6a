"""Where a sign-in may end: an attacker who chooses the target would choose a page of their own."""

import json
import shutil
import subprocess
from itertools import product
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask, redirect
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_handoff.errors import UnsafeReturnToError
from flask_handoff.return_to import check_return_to

BASE_URL = "http://127.0.0.1:5002/sso/callback"
ORIGIN = "http://127.0.0.1:5002"

ATTACKS = {
    "a second slash": "//evil.example",
    "three slashes": "///evil.example",
    "four slashes": "////evil.example",
    "slash, backslash": "/\\evil.example",
    "backslash, slash": "\\/evil.example",
    "two backslashes": "\\\\evil.example",
    "an encoded backslash": "/%5Cevil.example",
    "an encoded second slash": "/%2F/evil.example",
    "an encoded slash inside": "/notes%2Fedit",
    "a slash encoded twice": "/%252Fevil.example",
    "a scheme without slashes": "https:evil.example",
    "a whole address": "https://evil.example/",
    "user information": "https://127.0.0.1:5002@evil.example/",
    "an encoded tab": "/%09/evil.example",
    "a tab": "/\t/evil.example",
    "a carriage return": "/\r/evil.example",
    "a line feed": "/notes\nSet-Cookie: planted=1",
    "an encoded line feed": "/notes%0d%0aSet-Cookie:%20planted=1",
    "a line feed in the query": "/notes?x=%0d%0aSet-Cookie:%20planted=1",
    "NUL before": "\x00//evil.example",
    "an encoded NUL": "/notes%00",
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,<script>alert(1)</script>",
    "full-width slashes": "/\uff0f\uff0fevil.example",
    "an ideographic full stop": "/\u3002evil",
    "an IPv6 address": "//[::1]/",
    "half an IPv6 address": "//[",
    "a port that is none": "//a:99999/",
    "dot segments up to a second slash": "/..//evil.example",
    "dot segments": "/notes/../../etc",
    "encoded dot segments": "/%2e%2e/logout",
    "half-encoded dot segments": "/.%2e/logout",
    "overlong dots": "/%c0%ae%c0%ae/logout",
    "four thousand characters": "/" + "a" * 4000,
    "a broken escape": "/%zz",
    "half of a surrogate pair": "/\ud800",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_target_of_the_attackers_then_it_is_refused(attack):
    with pytest.raises(UnsafeReturnToError):
        check_return_to(attack)


@given(st.text(alphabet="/\\.%:@?&=aAfF0259cCeE-_~;", max_size=20))
@settings(max_examples=500)
def test_any_target_then_what_is_accepted_stays_on_this_site_as_python_resolves_it(text):
    try:
        target = check_return_to("/" + text)
    except UnsafeReturnToError:
        return
    parts = urlsplit(urljoin(BASE_URL, target))
    assert f"{parts.scheme}://{parts.netloc}" == ORIGIN


def test_every_short_target_then_what_is_accepted_stays_on_this_site_as_browsers_resolve_it():
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node, whose URL is the browsers' one")
    pieces = ["/", "\\", ".", "..", "%2e", "%2f", "%5c", "%09", "a", "@", ":", "?", "evil.example"]
    targets = [target for n in (1, 2, 3, 4) for target in accepted(product(pieces, repeat=n))]
    assert len(targets) > 1000
    assert resolved_by(node, targets) == {ORIGIN}


def accepted(sequences):
    for pieces in sequences:
        try:
            yield check_return_to("/" + "".join(pieces))
        except UnsafeReturnToError:
            continue


def resolved_by(node, targets):
    script = (
        "const {base, targets} = JSON.parse(require('fs').readFileSync(0));"
        "console.log(JSON.stringify([...new Set(targets.map(t => new URL(t, base).origin))]))"
    )
    asked = json.dumps({"base": BASE_URL, "targets": targets})
    run = subprocess.run(
        [node, "-e", script], input=asked, capture_output=True, text=True, check=True, timeout=30
    )
    return set(json.loads(run.stdout))


@given(st.text(alphabet="/.%:@?&=aAfF0259-_~;", max_size=20))
@settings(max_examples=200)
def test_any_accepted_target_then_flask_sends_it_unchanged(text):
    try:
        target = check_return_to("/" + text)
    except UnsafeReturnToError:
        return
    with Flask(__name__).test_request_context():
        location = redirect(target, 303).headers["Location"]
    assert urlsplit(urljoin(BASE_URL, location)).netloc == urlsplit(ORIGIN).netloc
