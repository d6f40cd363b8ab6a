"""What came in place of a key in PEM, and the command that converts it.

Platforms and tools hand keys over in many forms. ``FILE`` in a command stands for what came.
"""

from __future__ import annotations

import re

_MARKS = (b"\xff\xfe", b"\xfe\xff")  # what UTF-16 begins with
_WRITTEN_OUT = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----\s*\\[nr]")
_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_SSH = re.compile(rb"\s*(?:ssh-|ecdsa-sha2-)[a-z0-9-]+ ")

_OF_ANY_KEY = {
    "CERTIFICATE REQUEST": "it holds a request for a certificate, and no key alone",
    "DSA PRIVATE KEY": "it holds a key of another kind than RSA",
    "EC PRIVATE KEY": "it holds a key of another kind than RSA",
}
_IN_PLACE_OF_PUBLIC = {
    "CERTIFICATE": "it holds a certificate; its key is printed by: "
    "openssl x509 -in FILE -noout -pubkey",
}
_IN_PLACE_OF_PRIVATE = {
    "CERTIFICATE": "it holds a certificate, and no private key",
    "ENCRYPTED PRIVATE KEY": "it is encrypted; decrypt it by: openssl pkey -in FILE -out NEW",
    "OPENSSH PRIVATE KEY": "it is a key of OpenSSH; convert a copy of it by: "
    'ssh-keygen -p -N "" -m PKCS8 -f FILE',
    "PUBLIC KEY": "it holds a public key alone",
    "RSA PUBLIC KEY": "it holds a public key alone",
}


def what_came(unverified_document: bytes, *, private: bool) -> str:
    """Say what a file holds in place of an RSA key in PEM, and how that is converted.

    Args:
        private: Whether a private key was expected. A public one is, else.

    Sources: RFC 7468, sections 5, 10, 11 and 13; RFC 8017, appendix A.1.
    """
    if not unverified_document.strip():
        return "it is empty"
    if unverified_document.startswith(_MARKS):
        return "it is in UTF-16; convert it by: iconv -f UTF-16 -t UTF-8 FILE"
    if _WRITTEN_OUT.search(unverified_document):
        return "its line ends are written out; convert it by: printf '%b' \"$(cat FILE)\""
    if (label := _LABEL.search(unverified_document)) is not None:
        return _of_label(label[1].decode("ascii"), unverified_document, private=private)
    if unverified_document.startswith(b"\x30"):
        public = "" if private else "-pubin "
        return f"it is in DER; convert it by: openssl pkey {public}-inform DER -in FILE -out NEW"
    if _SSH.match(unverified_document):
        return "it is a key of OpenSSH; it is printed as PEM by: ssh-keygen -e -m PKCS8 -f FILE"
    if unverified_document.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return "it is JSON"
    return "it holds no PEM block"


def _of_label(label: str, unverified_document: bytes, *, private: bool) -> str:
    if private and b"Proc-Type: 4,ENCRYPTED" in unverified_document:  # of PKCS#1, RFC 1421
        label = "ENCRYPTED PRIVATE KEY"
    forms = {**_OF_ANY_KEY, **(_IN_PLACE_OF_PRIVATE if private else _IN_PLACE_OF_PUBLIC)}
    return forms.get(label, f"its block {label} is damaged, or of no use here")
