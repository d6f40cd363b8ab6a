"""What came in place of a key in PEM, and the command that converts it.

Platforms and tools hand keys over in many forms. ``FILE`` in a command stands for what came.
"""

from __future__ import annotations

import re

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Only what is no key is held against these: ``re`` compiles each when it is first needed.
_WRITTEN_OUT = rb"-----BEGIN [A-Z0-9 ]+-----\s*\\[nr]"
_LABEL = rb"-----BEGIN ([A-Z0-9 ]+)-----"
_SSH = rb"\s*(?:ssh-|ecdsa-sha2-)[a-z0-9-]+ "
_JSON = rb"(?:\xef\xbb\xbf|\s)*[\[{]"

_LENGTH = rb"(?:[\x00-\x80]|\x81.|\x82..|\x83...)"  # ITU-T X.690, section 8.1.3
_SEQUENCE = rb"\x30" + _LENGTH
_RSA_OID = rb"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01"  # and what follows: PKCS#1, #5 or #7
# What DER begins with, by the label that the same has in PEM.
_DER = {
    "PKCS12": _SEQUENCE + rb"\x02\x01\x03",
    "PRIVATE KEY": _SEQUENCE + rb"\x02\x01\x00",
    "ENCRYPTED PRIVATE KEY": _SEQUENCE * 2 + _RSA_OID + rb"\x05",
    "PUBLIC KEY": _SEQUENCE * 2 + _RSA_OID + rb"\x01",
    "PKCS7": _SEQUENCE + _RSA_OID + rb"\x07",
    "CERTIFICATE": _SEQUENCE * 2 + rb"\xa0\x03\x02\x01",
}

_CERTIFICATES = ("CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE")
_REQUESTS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
_OF_ANOTHER_KIND = dict.fromkeys(
    ("DSA PRIVATE KEY", "EC PRIVATE KEY"), "it holds a key of another kind than RSA"
)
_PUBLIC_HALF = "it holds a private key; its public half is printed by: "
# In each command {der} is what it needs in addition where the file is in DER.
_IN_PLACE_OF_PUBLIC = {
    **_OF_ANOTHER_KIND,
    **dict.fromkeys(
        _CERTIFICATES,
        "it holds a certificate; its key is printed by: openssl x509{der} -in FILE -noout -pubkey",
    ),
    **dict.fromkeys(
        _REQUESTS,
        "it holds a request for a certificate; its key is printed by: "
        "openssl req{der} -in FILE -noout -pubkey",
    ),
    **dict.fromkeys(
        ("PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
        _PUBLIC_HALF + "openssl pkey{der} -in FILE -pubout",
    ),
    "OPENSSH PRIVATE KEY": _PUBLIC_HALF + "ssh-keygen -e -m PKCS8 -f FILE",
    "PKCS7": "it is in PKCS#7; its certificates are printed by: "
    "openssl pkcs7{der} -in FILE -print_certs",
    "PKCS12": "it is in PKCS#12; its certificate is printed by: "
    "openssl pkcs12 -in FILE -clcerts -nokeys",
}
_IN_PLACE_OF_PRIVATE = {
    **_OF_ANOTHER_KIND,
    **dict.fromkeys(_CERTIFICATES, "it holds a certificate, and no private key"),
    **dict.fromkeys(_REQUESTS, "it holds a request for a certificate, and no key alone"),
    **dict.fromkeys(("PUBLIC KEY", "RSA PUBLIC KEY"), "it holds a public key alone"),
    "ENCRYPTED PRIVATE KEY": "it is encrypted; decrypt it by: openssl pkey{der} -in FILE -out NEW",
    "OPENSSH PRIVATE KEY": "it is a key of OpenSSH; convert a copy of it by: "
    'ssh-keygen -p -N "" -m PKCS8 -f FILE',
    "PKCS7": "it is in PKCS#7, which holds no private key",
    "PKCS12": "it is in PKCS#12; its key is printed by: openssl pkcs12 -in FILE -nocerts -nodes",
}
# Of a form by itself, by what it begins with.
_OTHERS = {
    b"\xff\xfe": "it is in UTF-16; convert it by: iconv -f UTF-16 -t UTF-8 FILE",
    b"\xfe\xff": "it is in UTF-16; convert it by: iconv -f UTF-16 -t UTF-8 FILE",
    b"-\0-\0": "it is in UTF-16; convert it by: iconv -f UTF-16LE -t UTF-8 FILE",
    b"LS0tLS1CRUdJTi": "it is in base64; convert it by: base64 -d FILE",
    b"MII": "it is in base64; convert it by: base64 -d FILE",
    b"\xfe\xed\xfe\xed": "it is a keystore of Java; convert it by: "
    "keytool -importkeystore -srckeystore FILE -destkeystore NEW -deststoretype PKCS12",
    b"PuTTY-User-Key-File": "it is a key of PuTTY; convert it by: "
    "puttygen FILE -O private-openssh -o NEW",
    b"---- BEGIN SSH2 PUBLIC KEY": "it is a key of SSH2; it is printed as one of OpenSSH by: "
    "ssh-keygen -i -m RFC4716 -f FILE",
}


def what_came(unverified_document: bytes, *, private: bool) -> str:
    """Say what a file holds in place of an RSA key in PEM, and how that is converted.

    Args:
        private: Whether a private key was expected. A public one is, else.

    Sources: RFC 7468, sections 5, 10, 11 and 13; RFC 8017, appendix A.1.
    """
    text = unverified_document.strip()
    if not text:
        return "it is empty"
    for beginning, form in _OTHERS.items():
        if text.startswith(beginning):
            return form
    if re.search(_WRITTEN_OUT, unverified_document):
        return "its line ends are written out; convert it by: printf '%b' \"$(cat FILE)\""
    if (label := re.search(_LABEL, unverified_document)) is not None:
        return _of_label(label[1].decode("ascii"), unverified_document, private=private)
    if unverified_document.startswith(b"\x30"):
        return _of_der(unverified_document, private=private)
    if re.match(_SSH, unverified_document):
        return "it is a key of OpenSSH; it is printed as PEM by: ssh-keygen -e -m PKCS8 -f FILE"
    return "it is JSON" if re.match(_JSON, unverified_document) else "it holds no PEM block"


def is_json(unverified_document: bytes) -> bool:
    """Tell whether a file can only be a JWK, or a set of them."""
    return re.match(_JSON, unverified_document) is not None


def _of_label(label: str, unverified_document: bytes, *, private: bool) -> str:
    if private and b"Proc-Type: 4,ENCRYPTED" in unverified_document:  # of PKCS#1, RFC 1421
        label = "ENCRYPTED PRIVATE KEY"
    form = (_IN_PLACE_OF_PRIVATE if private else _IN_PLACE_OF_PUBLIC).get(label)
    return form.format(der="") if form else f"its block {label} is damaged, or of no use here"


def _of_der(unverified_document: bytes, *, private: bool) -> str:
    document = unverified_document
    label = next((name for name, form in _DER.items() if re.match(form, document, re.DOTALL)), "")
    form = (_IN_PLACE_OF_PRIVATE if private else _IN_PLACE_OF_PUBLIC).get(label)
    if form:
        return form.format(der=" -inform DER")
    public = "" if private else "-pubin "
    return f"it is in DER; convert it by: openssl pkey {public}-inform DER -in FILE -out NEW"
