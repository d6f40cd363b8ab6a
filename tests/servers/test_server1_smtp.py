import re
from contextlib import suppress
from datetime import timedelta
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

import pytest

from server1.config.mail import TLS, SMTPConfig
from server1.mail.errors import DeliveryError, OutOfReachError, RefusedError, UncertainError
from server1.mail.smtp import SMTPServer
from tests.mail_servers import GREETING, Authority, mail_server, rude_server
from tests.ports import free_port
from tests.servers.accounts_visitor import EMAIL
from tests.stopwatch import keeps, without_waiting

PASSWORD = "a password for the mail server"
CANARY = "what-the-server-wrote-canary"
DEADLINE = timedelta(seconds=0.2)
# On a busy machine a mail may not be handed over within the first of them.
LONGER_AND_LONGER = [timedelta(seconds=seconds) for seconds in (0.3, 1.5, 6)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority, monkeypatch):
    """The authority, which this process trusts, as an operator would have it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


def letter(text="Hello.\r\n"):
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address("Büro", addr_spec="accounts@example.com")
    message["To"] = Address(addr_spec=EMAIL)
    message["Subject"] = "A letter"
    message.set_content(text)
    return message


def deliver(port, message=None, *, host="127.0.0.1", tls=TLS.NONE, login=None, deadline=None):
    username, password = login or (None, None)
    config = SMTPConfig(host, port, tls, username, password)
    SMTPServer(config, "accounts.example.com", deadline or timedelta(seconds=20)).deliver(
        message or letter()
    )


def failure(port, kind=DeliveryError, **options):
    with pytest.raises(kind) as failed:
        deliver(port, **options)
    return failed.value


def test_a_mail_arrives_as_it_was_written_for_one_recipient():
    with mail_server() as server:
        deliver(
            server.port, letter("Hello.\r\n.\r\n..two dots\r\n.a line that begins with one\r\n")
        )
    (envelope,) = server.envelopes
    assert envelope.mail_from == "accounts@example.com"
    assert envelope.rcpt_tos == [EMAIL]
    assert server.mails[0].get_content().splitlines() == [
        *("Hello.", ".", "..two dots", ".a line that begins with one")
    ]
    assert str(server.mails[0]["From"]) == "Büro <accounts@example.com>"


def test_a_mail_with_two_recipients_is_not_sent():
    message = letter()
    del message["To"]
    message["To"] = [Address(addr_spec=EMAIL), Address(addr_spec="e@y.example")]
    with mail_server() as server, pytest.raises(ValueError, match="too many values"):
        deliver(server.port, message)
    assert server.envelopes == []


@pytest.mark.parametrize("tls", [TLS.STARTTLS, TLS.TLS])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_mail_travels_over_tls_to_a_server_that_an_authority_vouches_for(trusted, tls, host):
    certificate = trusted.certificate("localhost", "127.0.0.1")
    with mail_server(certificate=certificate, tls=tls) as server:
        deliver(server.port, host=host, tls=tls)
    assert len(server.envelopes) == 1


@pytest.mark.parametrize("tls", [TLS.STARTTLS, TLS.TLS])
def test_a_server_that_nobody_vouches_for_is_told_nothing(authority, tls):
    with mail_server(certificate=authority.certificate("localhost"), tls=tls) as server:
        error = failure(server.port, OutOfReachError, host="localhost", tls=tls)
    assert str(error).startswith("the mail server's certificate is not trusted (")
    assert server.envelopes == []


@pytest.mark.parametrize("tls", [TLS.STARTTLS, TLS.TLS])
def test_a_server_with_the_certificate_of_another_is_told_nothing(trusted, tls):
    with mail_server(certificate=trusted.certificate("mail.example"), tls=tls) as server:
        error = failure(server.port, OutOfReachError, host="localhost", tls=tls)
    assert "Hostname mismatch" in str(error)
    assert server.envelopes == []


def test_where_starttls_is_cut_out_nothing_is_sent_in_plain_text(trusted):
    heard = []

    def behave(connection, _over):
        connection.sendall(GREETING)
        for reply in (b"250-rude.example\r\n250 AUTH PLAIN LOGIN\r\n", b"221 bye\r\n"):
            heard.append(connection.recv(4096))
            connection.sendall(reply)

    with rude_server(behave) as port:
        error = failure(port, OutOfReachError, tls=TLS.STARTTLS, login=("accounts", PASSWORD))
    assert str(error) == "the mail server offers no STARTTLS"
    assert commands(heard) == ["ehlo", "quit"]


def test_a_refusal_of_starttls_is_no_leave_to_go_on(trusted):
    heard = []

    def behave(connection, _over):
        connection.sendall(GREETING)
        for reply in (b"250-rude.example\r\n250 STARTTLS\r\n", b"454 not now\r\n", b"221 bye\r\n"):
            heard.append(connection.recv(4096))
            connection.sendall(reply)

    with rude_server(behave) as port:
        failure(port, OutOfReachError, tls=TLS.STARTTLS)
    assert commands(heard) == ["ehlo", "starttls", "quit"]


def commands(heard):
    return [line.decode().split()[0].lower() for line in heard]


def test_a_mail_is_handed_over_after_a_login(trusted):
    login = ("accounts", PASSWORD)
    certificate = trusted.certificate("localhost")
    with mail_server(certificate=certificate, tls="starttls", login=login) as server:
        deliver(server.port, host="localhost", tls=TLS.STARTTLS, login=login)
    assert server.logins == ["accounts"]
    assert len(server.envelopes) == 1


def test_a_wrong_password_is_the_operators_business_and_is_not_repeated(trusted):
    certificate = trusted.certificate("localhost")
    with mail_server(certificate=certificate, tls="starttls", login=("accounts", "x")) as server:
        error = failure(
            server.port,
            OutOfReachError,
            host="localhost",
            tls=TLS.STARTTLS,
            login=("accounts", PASSWORD),
        )
    assert str(error) == "the mail server refuses the user name and password (535)"
    assert PASSWORD not in repr(error.__cause__) + repr(error.__context__)


def test_a_server_without_a_login_is_not_used_where_one_is_set():
    with mail_server() as server:
        error = failure(server.port, OutOfReachError, login=("accounts", PASSWORD))
    assert str(error) == "the mail server offers no login"
    assert server.envelopes == []


def test_the_password_is_in_no_description_of_the_settings():
    config = SMTPConfig("localhost", 25, TLS.NONE, "accounts", PASSWORD)
    assert PASSWORD not in repr(config)
    assert PASSWORD not in repr(SMTPServer(config, "localhost"))


@pytest.mark.parametrize(
    ("command", "reply", "kind", "reason"),
    [
        ("RCPT", "550", RefusedError, "the mail server refuses the address (550)"),
        ("RCPT", "553", RefusedError, "the mail server refuses the address (553)"),
        ("RCPT", "450", DeliveryError, "the mail server does not take the address yet (450)"),
        ("RCPT", "421", OutOfReachError, "the mail server cannot be used (421)"),
        ("RCPT", "530", OutOfReachError, "the mail server cannot be used (530)"),
        ("MAIL", "550", OutOfReachError, "the mail server refuses the sender (550)"),
        ("MAIL", "451", OutOfReachError, "the mail server refuses the sender (451)"),
        ("DATA", "554", RefusedError, "the mail server refuses the mail (554)"),
        ("DATA", "452", DeliveryError, "the mail server does not take the mail yet (452)"),
    ],
)
def test_a_refusal_is_told_by_its_number_and_never_in_the_servers_words(
    command, reply, kind, reason
):
    with mail_server() as server:
        server.replies[command] = f"{reply} {EMAIL} {CANARY}"
        error = failure(server.port)
    assert type(error) is kind
    assert str(error) == reason
    assert server.envelopes == []


def test_nobody_listens():
    error = failure(free_port(), OutOfReachError)
    assert str(error) == "the mail server cannot be reached (ConnectionRefusedError)"


def test_there_is_no_such_host():
    error = failure(25, OutOfReachError, host="no-such-host.invalid")
    assert str(error) == "the mail server cannot be reached (gaierror)"
    error = failure(25, OutOfReachError, host="x" * 100)
    assert str(error).startswith("the mail server cannot be reached (")


def converse(*replies, then=None):
    """Return a server that answers one command after another, and at last does *then*."""

    def behave(connection, over):
        connection.sendall(GREETING)
        lines = connection.makefile("rb")
        with lines:
            for reply in replies:
                line = lines.readline()
                while reply.startswith(b"250 taken") and line not in {b".\r\n", b""}:
                    line = lines.readline()
                connection.sendall(reply)
            if then is not None:
                then(connection, over)

    return behave


def hang(_connection, over):
    over.wait(30)


def drip(connection, over):
    while not over.wait(0.05):
        connection.sendall(b"2")


def drip_lines(connection, over):
    while not over.wait(0.05):
        connection.sendall(b"250-and\r\n")


def flood(connection, _over):
    while True:
        connection.sendall(b"250-and more\r\n" * 1000)


def flood_line(connection, _over):
    while True:
        connection.sendall(b"2" * 100_000)


@pytest.mark.parametrize("then", [flood, flood_line])
def test_a_server_that_says_too_much_is_left_at_once(then):
    with rude_server(converse(then=then)) as port:
        hour = timedelta(hours=1)
        without_waiting(lambda: failure(port, OutOfReachError, deadline=hour))


OK = (b"250 OK\r\n",)
STAGES = {
    "greeting": None,
    "EHLO": (),
    "MAIL": OK,
    "RCPT": OK * 2,
    "DATA": OK * 3,
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("then", [hang, drip, drip_lines, flood, flood_line, None])
def test_a_server_that_hangs_drips_floods_or_breaks_off_holds_nobody_for_long(stage, then):
    answers = STAGES[stage]
    behave = (then or (lambda *_: None)) if answers is None else converse(*answers, then=then)
    with rude_server(behave) as port:
        error = keeps(DEADLINE, lambda: failure(port, OutOfReachError, deadline=DEADLINE), least=0)
    assert re.fullmatch(
        "the mail server (did not answer in time|says too much|broke off|cannot be .*)", str(error)
    )


def keeps_the_first_that_suffices(attempt):
    """Keep the first deadline within which the mail server gets the mail; return the outcome."""
    for deadline in LONGER_AND_LONGER:
        with suppress(OutOfReachError):
            return keeps(deadline, lambda given=deadline: attempt(given), least=0)
    raise AssertionError("the mail was never handed over")


@pytest.mark.parametrize("then", [hang, drip, None])
def test_a_mail_that_was_handed_over_but_not_acknowledged_may_arrive(then):
    def swallow(connection, over):
        while not connection.recv(65536).endswith(b"\r\n.\r\n"):
            pass
        if then is not None:
            then(connection, over)

    answers = (*OK * 3, b"354 go on\r\n")
    with rude_server(converse(*answers, then=swallow)) as port:
        error = keeps_the_first_that_suffices(
            lambda given: failure(port, UncertainError, deadline=given)
        )
    assert str(error) == "the mail server did not acknowledge the mail"


@pytest.mark.parametrize("then", [hang, drip, drip_lines, None])
def test_a_mail_that_was_taken_is_sent_however_the_server_takes_its_leave(then):
    answers = (*OK * 3, b"354 go on\r\n", b"250 taken\r\n")
    with rude_server(converse(*answers, then=then)) as port:
        keeps_the_first_that_suffices(lambda given: deliver(port, deadline=given))


@pytest.mark.parametrize(
    "greeting",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\xff\r\n", b"\r\n", b"554 go away\r\n", b"-1 x\r\n"],
)
def test_a_server_of_another_kind_is_no_mail_server(greeting):
    with rude_server(lambda connection, _over: connection.sendall(greeting)) as port:
        failure(port, OutOfReachError, deadline=DEADLINE)


def test_a_tls_handshake_that_hangs_holds_nobody_for_long(trusted):
    with rude_server(hang) as port:
        error = keeps(
            DEADLINE, lambda: failure(port, OutOfReachError, tls=TLS.TLS, deadline=DEADLINE)
        )
    assert str(error) == "the mail server did not answer in time"


def test_a_handshake_that_hangs_after_starttls_holds_nobody_for_long(trusted):
    answers = (b"250-x\r\n250 STARTTLS\r\n", b"220 go on\r\n")
    with rude_server(converse(*answers, then=hang)) as port:
        error = keeps(
            DEADLINE, lambda: failure(port, OutOfReachError, tls=TLS.STARTTLS, deadline=DEADLINE)
        )
    assert str(error) == "the mail server did not answer in time"


@pytest.mark.parametrize(
    ("host", "hello"),
    [
        ("accounts.example.com", "accounts.example.com"),
        ("localhost", "localhost"),
        ("127.0.0.1", "[127.0.0.1]"),
        ("::1", "[IPv6:::1]"),
    ],
)
def test_this_server_introduces_itself_by_its_own_name(host, hello):
    heard = []

    def behave(connection, _over):
        connection.sendall(GREETING)
        heard.append(connection.recv(4096))

    with rude_server(behave) as port, pytest.raises(OutOfReachError):
        SMTPServer(SMTPConfig("127.0.0.1", port, TLS.NONE, None, None), host).deliver(letter())
    assert heard == [f"ehlo {hello}\r\n".encode()]
