import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_handoff.strict_json import StrictJSONError, load_strict_json

SECRET = "do-not-repeat-me"  # stands in documents that are refused

plain_documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**19), 10**19) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def depth(document):
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        return 1 + max(map(depth, document), default=0)
    return 0


@given(plain_documents.filter(lambda document: depth(document) < 8), st.booleans())
def test_a_plain_document_is_read_as_it_was_written(document, ensure_ascii):
    text = json.dumps(document, ensure_ascii=ensure_ascii)
    assert load_strict_json(text.encode()) == document


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused_by_the_one_error(unverified_document):
    with suppress(StrictJSONError):
        load_strict_json(unverified_document)


@pytest.mark.parametrize(
    "document",
    [
        b'{"alg": "none", "alg": "RS256"}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"outer": [{"sub": "ada", "sub": "eve"}]}',
    ],
)
def test_a_member_that_comes_twice_is_refused(document):
    with pytest.raises(StrictJSONError, match="two members"):
        load_strict_json(document)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_another_encoding_than_bare_utf_8_is_refused(encoding):
    with pytest.raises(StrictJSONError):
        load_strict_json('{"sub": "ada"}'.encode(encoding))


@pytest.mark.parametrize("octets", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"])
def test_octets_that_are_not_utf_8_are_refused(octets):
    with pytest.raises(StrictJSONError):
        load_strict_json(b'"' + octets + b'"')


@pytest.mark.parametrize("escape", [b"\\ud800", b"\\udc00", b"\\udc00\\ud800", b"a\\ud83d z"])
@pytest.mark.parametrize("document", [b'"%s"', b'{"a": ["%s"]}', b'{"%s": 1}'])
def test_half_of_a_surrogate_pair_is_refused(document, escape):
    with pytest.raises(StrictJSONError, match="surrogate"):
        load_strict_json(document % escape)


def test_a_whole_surrogate_pair_is_one_character():
    assert load_strict_json(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_a_number_that_is_not_finite_is_refused(number):
    with pytest.raises(StrictJSONError):
        load_strict_json(b'{"exp": %s}' % number.encode())


def test_an_integer_of_20_digits_is_read_and_one_of_21_is_refused():
    assert load_strict_json(b"9" * 20) == 10**20 - 1
    assert load_strict_json(b"-" + b"9" * 20) == 1 - 10**20
    for digits in (b"9" * 21, b"9" * 5000, b"-" + b"9" * 21):
        with pytest.raises(StrictJSONError, match="digits"):
            load_strict_json(digits)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_8_levels_are_read_and_9_are_refused(opening, closing):
    load_strict_json(opening * 8 + b"0" + closing * 8)
    with pytest.raises(StrictJSONError, match="levels"):
        load_strict_json(opening * 9 + b"0" + closing * 9)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_document_nested_beyond_the_stack_is_refused(opening):
    for levels in (900, 5_000, 200_000):
        with pytest.raises(StrictJSONError):
            load_strict_json(opening * levels)


@pytest.mark.parametrize(
    "document",
    [b"", b" ", b"{", b"{}{}", b"{} x", b"{'a': 1}", b"[1,]", b"// no\n{}", b"01", b'"\x00"'],
)
def test_what_is_not_one_json_document_is_refused(document):
    with pytest.raises(StrictJSONError):
        load_strict_json(document)


@pytest.mark.parametrize(
    "document",
    [
        f'{{"{SECRET}": 1, "{SECRET}": 2}}',
        f'["{SECRET}", NaN]',
        f'["{SECRET}"',
        f'["{SECRET}", "\\ud800"]',
        f'["{SECRET}", {"9" * 21}]',
    ],
)
def test_the_refusal_does_not_repeat_the_document(document):
    with pytest.raises(StrictJSONError) as refusal:
        load_strict_json(document.encode())
    assert SECRET not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
