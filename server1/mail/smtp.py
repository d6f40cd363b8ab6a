"""Hands mails over to a mail server, bounded in time and in bytes.

smtplib bounds the pause between two reads, never their sum, and reads a reply of any number of
lines. Here every single read counts against one deadline and one number of bytes.
"""

from __future__ import annotations

import ipaddress
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from email.message import EmailMessage
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any, cast

from server1.config.mail import TLS, SMTPConfig

from .errors import DeliveryError, OutOfReachError, RefusedError, UncertainError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

CONNECT_TIMEOUT = timedelta(seconds=10)  # for one address of the host
DEADLINE = timedelta(seconds=60)  # from the greeting to the last reply
LAST_REPLY = timedelta(seconds=5)  # of that for the last reply, once the mail is handed over
MAXIMUM_REPLIES = 64 * 1024  # bytes, all replies of one conversation together

_OCCUPIED = 421  # RFC 5321, section 4.2.1: the server is closing down
_LOGIN_WANTED = 530  # RFC 4954, section 6
_TOO_LATE = "the mail server did not answer in time"


class SMTPServer:
    """A mail server. Nothing is sent before the connection is as safe as the settings say.

    Looking up the host's name is not covered by the deadline, and each of its addresses may take
    the connect timeout.

    Args:
        host: What this server is called, in the address of its pages.
        deadline: For one mail.
    """

    def __init__(self, config: SMTPConfig, host: str, deadline: timedelta = DEADLINE) -> None:
        self._config = config
        self._hello = _hello(host)
        self._deadline = deadline

    def deliver(self, message: EmailMessage) -> None:
        """Send a mail to the one address in its ``To``.

        Raises:
            DeliveryError: It was not sent, or it is unknown whether it was.

        Source: RFC 5321, sections 3.3 and 4.3.2.
        """
        (sender,) = message["From"].addresses
        (recipient,) = message["To"].addresses
        content = message.as_bytes()
        try:
            with self._conversation() as session:
                code, _text = session.mail(sender.addr_spec)
                if not _is_good(code):
                    raise OutOfReachError(f"the mail server refuses the sender ({code})")
                code, _text = session.rcpt(recipient.addr_spec)
                if not _is_good(code):
                    raise _refusal("the address", code)
                _hand_over(session, content)
        except (OSError, ValueError) as error:  # smtplib's own errors are OSErrors
            raise OutOfReachError(_reason(error)) from None

    def check(self) -> None:
        """Do all that comes before a mail: connect, begin TLS, log in. No mail is sent.

        Raises:
            OutOfReachError: It is not possible.
        """
        try:
            with self._conversation():
                pass
        except (OSError, ValueError) as error:
            raise OutOfReachError(_reason(error)) from None

    @contextmanager
    def _conversation(self) -> Iterator[_Session]:
        session = self._connect()
        try:
            self._introduce(session)
            yield session
        finally:
            session.shorten(LAST_REPLY)
            with suppress(OutOfReachError, OSError):
                session.quit()
            session.close()

    def _connect(self) -> _Session:
        where = (self._config.host, self._config.port)
        timeout = min(CONNECT_TIMEOUT, self._deadline).total_seconds()
        # Without a name of its own smtplib asks the network for one.
        options = {"local_hostname": self._hello, "timeout": timeout}
        if self._config.tls is TLS.TLS:
            context = ssl.create_default_context()
            return _TLSSession(self._deadline, *where, context=context, **options)
        return _Session(self._deadline, *where, **options)

    def _introduce(self, session: _Session) -> None:
        session.ehlo_or_helo_if_needed()
        if self._config.tls is TLS.STARTTLS:
            # An attacker on the way can remove the offer: then nothing is sent at all.
            if not session.has_extn("starttls"):
                raise OutOfReachError("the mail server offers no STARTTLS")
            session.starttls(context=ssl.create_default_context())
            session.ehlo_or_helo_if_needed()
        if self._config.username is not None and self._config.password is not None:
            if not session.has_extn("auth"):
                raise OutOfReachError("the mail server offers no login")
            session.login(self._config.username, self._config.password)


class _Session(smtplib.SMTP):
    """A conversation that is bounded in time, and in the bytes of all replies together."""

    def __init__(self, deadline: timedelta, *where: Any, **options: Any) -> None:
        # Set first: making the connection reads a reply.
        self._ends_at = time.monotonic() + deadline.total_seconds()
        self._octets_left = MAXIMUM_REPLIES
        super().__init__(*where, **options)

    def shorten(self, deadline: timedelta) -> None:
        self._ends_at = min(self._ends_at, time.monotonic() + deadline.total_seconds())

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = BufferedReader(_Replies(self))
        try:
            return super().getreply()
        except OutOfReachError:
            self.close()
            raise

    def send(self, s: ReadableBuffer | str) -> None:
        if self.sock is not None:
            self.sock.settimeout(self._seconds_left())
        super().send(s)

    def receive_into(self, buffer: WriteableBuffer) -> int:
        connection = cast(socket.socket, self.sock)
        connection.settimeout(self._seconds_left())
        try:
            octets = connection.recv_into(buffer)
        except TimeoutError:
            raise OutOfReachError(_TOO_LATE) from None
        self._octets_left -= octets
        if self._octets_left < 0:
            raise OutOfReachError("the mail server says too much")
        return octets

    def _seconds_left(self) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise OutOfReachError(_TOO_LATE)
        return left


class _Replies(RawIOBase):
    """What a session reads its replies from."""

    def __init__(self, session: _Session) -> None:
        self._session = session

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self._session.receive_into(buffer)


class _TLSSession(_Session, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte on."""


def _hand_over(session: _Session, content: bytes) -> None:
    code, _text = session.docmd("DATA")
    if code != 354:
        raise _refusal("the mail", code)
    try:
        # RFC 5321, section 4.5.2: a line with nothing but a dot would end the mail.
        session.send(re.sub(rb"(?m)^\.", b"..", content) + b".\r\n")
        code, _text = session.getreply()
    except (OutOfReachError, OSError) as error:
        raise UncertainError("the mail server did not acknowledge the mail") from error
    if not _is_good(code):
        raise _refusal("the mail", code)


def _is_good(code: int) -> bool:
    return 200 <= code <= 299


def _refusal(what: str, code: int) -> DeliveryError:
    if code in {_OCCUPIED, _LOGIN_WANTED} or not 400 <= code <= 599:
        return OutOfReachError(f"the mail server cannot be used ({code})")
    if code >= 500:
        return RefusedError(f"the mail server refuses {what} ({code})")
    return DeliveryError(f"the mail server does not take {what} yet ({code})")


def _reason(error: Exception) -> str:
    # What the server wrote is left out: it may repeat the address, and goes to a terminal.
    match error:
        case smtplib.SMTPAuthenticationError(smtp_code=code):
            return f"the mail server refuses the user name and password ({code})"
        case smtplib.SMTPResponseException(smtp_code=code):
            return f"the mail server cannot be used ({code})"
        case ssl.SSLCertVerificationError(verify_message=fault):
            # OpenSSL's words, which repeat at most the host that the settings name.
            return f"the mail server's certificate is not trusted ({fault})"
        case smtplib.SMTPServerDisconnected():
            return "the mail server broke off"
        case TimeoutError():
            return _TOO_LATE
        case smtplib.SMTPException():
            return f"the mail server cannot be used ({type(error).__name__})"
        case _:
            return f"the mail server cannot be reached ({type(error).__name__})"


def _hello(host: str) -> str:
    # RFC 5321, section 4.1.3: an address stands in brackets.
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"
