"""How mail leaves: the settings, checked once when the server starts."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from email.headerregistry import Address
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from flask_handoff import ConfigurationError, is_loopback, shown
from flask_service.human_text import is_one_line, trimmed
from flask_service.settings import SettingReader
from server1.accounts.email_addresses import EmailAddressError, check_address

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_SENDER = re.compile(r'(?:(?P<name>[^<>"\\]{1,100}?) *<(?P<boxed>[^<>]+)>)|(?P<bare>[^<>]+)')


class TLS(StrEnum):
    """How the connection to the mail server is protected."""

    STARTTLS = "starttls"  # begun in plain text, and ended where TLS is not offered
    TLS = "tls"  # from the first byte on
    NONE = "none"  # for a mail server on this machine


_LONGEST_PASSWORD = 4096  # characters: a device or a pipe may never end
_PORTS = {TLS.STARTTLS: 587, TLS.TLS: 465, TLS.NONE: 25}


@dataclass(frozen=True, slots=True)
class SMTPConfig:
    """Where mail is handed over, and as whom."""

    host: str
    port: int
    tls: TLS
    username: str | None
    password: str | None = field(repr=False)


class MailConfig(NamedTuple):
    """How mail leaves.

    Args:
        sender: Of the mails.
        smtp: The mail server; None: mails become files.
        outbox: The directory of these files.
    """

    sender: Address
    smtp: SMTPConfig | None
    outbox: Path


def read_mail_config(read: SettingReader, instance: Path) -> MailConfig:
    """Read and check the settings of mail.

    Raises:
        ConfigurationError: One is wrong, or another that it needs is missing. The text contains no
            password.
    """
    return MailConfig(sender=_sender(read), smtp=_smtp(read), outbox=instance / "outbox")


def _sender(read: SettingReader) -> Address:
    text = read.text("SERVER1_MAIL_FROM")
    if not text:
        if read.text("SERVER1_SMTP_HOST"):
            raise ConfigurationError(
                "SERVER1_MAIL_FROM is missing.",
                "It is the sender of mails, for example: Accounts <accounts@example.com>",
            )
        return Address(addr_spec="no-reply@localhost")
    found = _SENDER.fullmatch(text)
    name, boxed, bare = found.groups("") if found else ("", "", "")
    try:
        address = check_address(boxed or bare)
    except EmailAddressError:
        raise ConfigurationError(
            f"SERVER1_MAIL_FROM: {shown(text)} is not one e-mail address.",
            "For example: accounts@example.com or: Accounts <accounts@example.com>",
        ) from None
    return Address(display_name=trimmed(name), addr_spec=address)


def _smtp(read: SettingReader) -> SMTPConfig | None:
    host = read.text("SERVER1_SMTP_HOST")
    username, password = _credentials(read)
    if not host:
        for name in ("PORT", "USERNAME", "PASSWORD", "PASSWORD_FILE"):
            if read.text(f"SERVER1_SMTP_{name}"):
                raise ConfigurationError(
                    f"SERVER1_SMTP_{name} is set, but SERVER1_SMTP_HOST is not.",
                    "Set SERVER1_SMTP_HOST to the mail server, or remove both.",
                )
        return None
    if not _is_host(host):
        raise ConfigurationError(
            f"SERVER1_SMTP_HOST: {shown(host)} is no host.",
            "Use a name or an address, without a port.",
        )
    tls = TLS(read.choice("SERVER1_SMTP_TLS", list(TLS)))
    if tls is TLS.NONE and not is_loopback(host):
        raise ConfigurationError(
            "SERVER1_SMTP_TLS is none, and SERVER1_SMTP_HOST is another machine: an attacker on"
            " the way could read the links in mails, and set anybody's password.",
            "Use starttls or tls.",
        )
    return SMTPConfig(host, read.port("SERVER1_SMTP_PORT", _PORTS[tls]), tls, username, password)


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _HOST.fullmatch(host) is not None
    return True


def _credentials(read: SettingReader) -> tuple[str | None, str | None]:
    username = read.text("SERVER1_SMTP_USERNAME")
    password = read.secret("SERVER1_SMTP_PASSWORD")
    password_file = read.text("SERVER1_SMTP_PASSWORD_FILE")
    if password and password_file:
        raise ConfigurationError(
            "SERVER1_SMTP_PASSWORD and SERVER1_SMTP_PASSWORD_FILE are both set.", "Use one of them."
        )
    if password_file:
        password = _read_password(Path(password_file))
    if bool(username) != bool(password):
        raise ConfigurationError(
            "SERVER1_SMTP_USERNAME and its password are set one without the other.",
            "Set both, or neither for a mail server that asks for none.",
        )
    if not (username.isascii() and password.isascii()):
        raise ConfigurationError(
            "The user name or the password for the mail server is not ASCII.",
            "Choose others: mail servers do not agree on what further characters mean.",
        )
    return username or None, password or None


def _read_password(path: Path) -> str:
    # Without a slash it may be the password itself, in the setting next to its own.
    text = str(path)
    named = shown(path) if "/" in text else f"a text of {len(text)} characters"
    try:
        with path.open(encoding="utf-8-sig") as file:
            password = file.read(_LONGEST_PASSWORD + 2).removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"SERVER1_SMTP_PASSWORD_FILE: {named} cannot be read ({type(error).__name__}).",
            "It is a file with one line, the password.",
        ) from None
    if not 0 < len(password) <= _LONGEST_PASSWORD or not is_one_line(password):
        raise ConfigurationError(
            f"SERVER1_SMTP_PASSWORD_FILE: {named} does not hold one line of text.",
            "It is a file with one line, the password.",
        )
    return password
