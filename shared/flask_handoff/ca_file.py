"""The authorities to trust over TLS, and what is put in their place by mistake."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from .errors import ConfigurationError
from .redaction import shown

_MOST_READ = 64 * 1024  # octets that tell what it is
# What DER begins with: a sequence, and how long it is. What comes next tells the form.
_SEQUENCE = rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...)"
_FORMS = [
    (rb"\s*\Z", "is empty", ""),
    (
        rb".*-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----",
        "holds a certificate that is broken or cut off",
        "Copy it again, including its BEGIN and END lines.",
    ),
    (
        rb".*PRIVATE KEY-----|" + _SEQUENCE + rb"\x02\x01[\x00\x01]",
        "holds a private key and no certificate",
        "A private key has no place there.",
    ),
    (
        _SEQUENCE + rb"\x02\x01\x03",
        "is PKCS#12",
        "Convert it: openssl pkcs12 -nokeys -in {}",
    ),
    (
        rb".*-----BEGIN PKCS7-----",
        "is PKCS#7",
        "Convert it: openssl pkcs7 -print_certs -in {}",
    ),
    (
        _SEQUENCE + rb"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02",
        "is PKCS#7 in DER",
        "Convert it: openssl pkcs7 -inform DER -print_certs -in {}",
    ),
    (
        _SEQUENCE,
        "is in DER",
        "Convert it: openssl x509 -inform DER -in {}",
    ),
    (rb"", "holds no certificate in PEM", ""),
]


def check_ca_file(path: Path, *, setting: str) -> None:
    """Check that a file holds certificates of authorities as PEM.

    Raises:
        ConfigurationError: It does not, or cannot be read. The remedy is that for what it holds.
    """
    import ssl  # for whoever has a company's own authority; it takes as long as half of Flask

    try:
        with path.open("rb") as file:
            content = file.read(_MOST_READ)
    except OSError as error:
        raise _wrong(setting, path, f"cannot be read: {error.strerror}") from None
    with suppress(ssl.SSLError):
        if ssl.create_default_context(cafile=path).cert_store_stats()["x509"]:
            return
    for form, problem, remedy in _FORMS:
        if re.match(form, content, re.DOTALL):
            raise _wrong(setting, path, problem, remedy)


def _wrong(setting: str, path: Path, problem: str, remedy: str = "") -> ConfigurationError:
    asked_for = "Name one file with the certificates of the authorities as PEM, one after another."
    return ConfigurationError(
        f"{setting}: {shown(path)} {problem}.",
        f"{asked_for} {remedy.format(shown(path))}".rstrip(),
    )
