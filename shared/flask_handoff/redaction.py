"""What a message may show of a setting's value, and which values are refused before any is made.

Keys and passwords end up in the wrong setting, such as a PEM that lost its line ends in a variable,
where a path belongs. Messages end up in logs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import quote

from .errors import ConfigurationError

_PATH_SETTINGS = ("_DIRECTORY", "_FILE", "_INSTANCE", "_KEYS")
_SHORTEST_SECRET = 8  # characters
_SHORTEST_IN_A_PATH = 12  # people see by a path that is shown where they are
_MOST_CAPITALS_INSIDE = 2
_LONGEST_SHOWN = 255  # characters; also what a file's name may have at most

_LONGEST_FIELD = 80  # characters
_LONGEST_HOST = 100  # characters
_URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%~"  # RFC 3986, section 2
# What most processes never look for: ``re`` compiles it when it is first needed, and keeps it.
_NO_PLAIN_CHARACTER = r"[^A-Za-z0-9._~:/+=@-]"

_PEM = r"-----BEGIN|PRIVATE KEY"
_JSON = r"[\ufeff\s]*[\[{]"
# "/" once: Path has taken the other one away.
_URL = r"[A-Za-z][A-Za-z0-9+.-]*:/"
# Without controls, line ends, lone surrogates, and what turns the direction of the text behind it.
_ONE_LINE = r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]*"
# The file of a private key is named by its thumbprint, which is public and looks random.
_KEY_FILE = r"/[A-Za-z0-9_-]{43}\.pem\Z"


def shown(value: object) -> str:
    """Write a value as a message may quote it: as it stands, or by kind and length only.

    Args:
        value: A path is written without quotes, and as it stands where such a file exists.
    """
    if not isinstance(value, str | os.PathLike):
        return f"a value of type {type(value).__name__}"
    text = str(os.fspath(value))
    is_path = not isinstance(value, str)
    rest = re.sub(_KEY_FILE, "", text)
    shortest = _SHORTEST_IN_A_PATH if is_path else _SHORTEST_SECRET
    kind = _certain_kind(rest)
    if kind is None or (kind == "a URL" and not re.search(r"[@?#]", rest)):
        kind = "a text" if _may_be_secret(rest, shortest) else None
    if kind is None or (is_path and os.path.lexists(text)):
        return text if is_path else repr(text)
    return f"{kind} of {_length(text)}"


def is_one_line(text: str) -> bool:
    """Tell whether a text is fit to be shown on one line, in any script, joiners included."""
    return re.fullmatch(_ONE_LINE, text) is not None


def as_log_field(unverified_name: str) -> str:
    """Write a stranger's name, such as that of a key, as one field of a log line.

    All but plain characters is escaped: a space, comma or line end would begin another field.
    """
    cut = unverified_name[:_LONGEST_FIELD]
    escaped = re.sub(_NO_PLAIN_CHARACTER, lambda found: f"\\u{ord(found[0]):04x}", cut)
    return escaped + ("..." if len(unverified_name) > len(cut) else "")


def as_log_address(unverified_address: str) -> str:
    """Write a stranger's address for the log: what no URL may hold is encoded.

    A page that sends its own address sends the code or token that it has just got.
    """
    if unverified_address and ":" not in unverified_address:
        return shown(unverified_address)  # no address at all
    encoded = quote(unverified_address, safe=_URL_CHARACTERS, errors="replace")
    plain = re.sub(r"(?<=[?#&=])[^?#&=]{16,}", "...", encoded)
    return plain[:_LONGEST_SHOWN] or "(none)"


def as_log_host(unverified_host: str) -> str:
    """Write what a request calls this server for the log, without what no host is called.

    Of two headers of that name some servers make one, and the other may hold anything.
    """
    plain = re.sub(r"[A-Za-z0-9_-]{32,}", "(cut)", unverified_host)
    return ascii(plain[:_LONGEST_HOST])


def check_settings(settings: Mapping[str, object]) -> None:
    """Refuse settings that hold a key, and those of a path that hold anything else than one.

    Args:
        settings: Names and values. Those that are neither texts nor paths are left alone.

    Raises:
        ConfigurationError: The text names the setting and the kind of what it holds.
    """
    for name, value in settings.items():
        if not isinstance(value, str | os.PathLike):
            continue
        text = str(os.fspath(value))
        if name.endswith(_PATH_SETTINGS):
            check_path(name, text)
        elif re.search(_PEM, text) or (re.match(_JSON, text) and '"kty"' in text):
            kind = "a PEM text" if re.search(_PEM, text) else "a JWK"
            raise ConfigurationError(
                f"{name} holds {kind} of {_length(text)}.",
                "A key belongs into a file that only its user can read, and its path into "
                "HANDOFF_KEYS_DIRECTORY, HANDOFF_PINNED_KEYS or HANDOFF_SERVICE_KEY_FILE.",
            )


def check_path(name: str, value: str | os.PathLike[str]) -> None:
    """Refuse what cannot be meant as a path, before the file system quotes it in an error.

    Raises:
        ConfigurationError: It is a PEM or JSON text, a URL, several lines, or too long.
    """
    text = os.fspath(value)
    too_long = any(len(part) > _LONGEST_SHOWN for part in text.split("/"))
    kind = _certain_kind(text) or ("a text" if too_long else None)
    if kind is not None:
        raise ConfigurationError(
            f"{name} holds {kind} of {_length(text)}; a path is expected.",
            "Put the content into a file that only its user can read, and give the path.",
        )


def _length(text: str) -> str:
    return f"{len(text)} character{'' if len(text) == 1 else 's'}"


def _certain_kind(text: str) -> str | None:
    if re.search(_PEM, text):
        return "a PEM text"
    if re.match(_JSON, text):
        return "a JSON text"
    if re.match(_URL, text):
        return "a URL"
    return None if is_one_line(text) else "a text that is no single line,"


def _may_be_secret(text: str, shortest: int) -> bool:
    if len(text) > _LONGEST_SHOWN or re.search(r"[0-9A-Fa-f]{24,}", text):
        return True
    if any(map(_is_mixed, re.findall(r"[A-Za-z0-9+=]{16,}", text))):
        return True
    # In base64 words end at each slash; few paths have a plus or an equals sign.
    if re.search(r"[+=]", text) and _is_mixed(re.sub(r"[^A-Za-z0-9]", "", text)):
        return True
    # One word may be a password; with a slash it is a path or an address.
    if "/" in text or len(text) < shortest or re.fullmatch(r"[0-9.:]+", text):
        return False
    # Random letters go from small to capital every fourth time; names do so once or twice.
    jumps = len(re.findall("[a-z][A-Z]", text))
    return re.search(r"[^A-Za-z._-]", text) is not None or jumps > _MOST_CAPITALS_INSIDE


def _is_mixed(word: str) -> bool:
    return all(re.search(some, word) for some in ("[a-z]", "[A-Z]", "[0-9]")) or len(word) > 64
