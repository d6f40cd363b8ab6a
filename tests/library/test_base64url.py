import pytest

from flask_handoff import base64url


@pytest.mark.parametrize("octets", [b"", b"\x00", b"\xff\xfe", b"\xfb\xff\xbf", bytes(range(256))])
def test_octets_come_back_as_they_were(octets):
    text = base64url.encode(octets)
    assert "=" not in text
    assert base64url.decode(text) == base64url.decode(text.encode()) == octets


@pytest.mark.parametrize(
    "text",
    [
        *("AB", "A", "AA==", "AAB"),  # last bits that say nothing, half an octet, padding
        *("+_8", "/_8", "A A", "AA\n", "AA.", "ä", "A\x00A"),
    ],
)
def test_every_other_spelling_is_refused(text):
    with pytest.raises(ValueError):
        base64url.decode(text)
