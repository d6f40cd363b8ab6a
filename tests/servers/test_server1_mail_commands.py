import pytest
from sqlalchemy import text

from server1.mail.errors import DeliveryError, OutOfReachError, RefusedError
from server1.mail.queue import Letter
from tests.servers.accounts_visitor import EMAIL
from tests.servers.mail_room import MailRoom


@pytest.fixture
def room(accounts, clock):
    return MailRoom(accounts, clock)


def table(room):
    return [line.split() for line in room.accounts.run("mail", "list").output.splitlines()]


def test_nothing_waits(room):
    assert room.accounts.run("mail", "list").output == "No letter waits.\n"


def test_letters_are_listed_with_what_became_of_them(room, clock):
    for kind in (Letter.PASSWORD_CHANGED, Letter.EMAIL_CHANGED, Letter.ACCOUNT_CLOSED):
        room.enqueue(kind)
    room.enqueue(Letter.RESET_PASSWORD, "nobody@example.com")
    for trouble in (DeliveryError("greylisted (450)"), RefusedError("refused (550)")):
        room.box.trouble = trouble
        room.deliver_one()
    room.claim()
    asked = ["2026-01-01", "12:00", "UTC"]
    assert table(room) == [
        ["LETTER", "KIND", "TO", "ASKED", "FOR", "TRIED", "NEXT", "WHY"],
        [
            *("1", "password-changed", EMAIL, *asked, "1", "2026-01-01", "12:01", "UTC"),
            *("greylisted", "(450)"),
        ],
        ["2", "email-changed", EMAIL, *asked, "1", "given", "up", "refused", "(550)"],
        ["3", "account-closed", EMAIL, *asked, "1", "being", "sent", "-"],
        ["4", "reset-password", "nobody@example.com", *asked, "0", "now", "-"],
    ]


def test_what_is_due_is_sent_by_command(room):
    room.enqueue(Letter.PASSWORD_CHANGED)
    room.enqueue(Letter.RESET_PASSWORD, "nobody@example.com")
    assert room.accounts.run("mail", "send").stdout == "Sent: 1 letter.\n"
    assert room.recipients() == [EMAIL]
    assert room.accounts.run("mail", "send").stdout == "Sent: 0 letters.\n"


def test_a_command_that_could_not_send_says_so(room):
    room.enqueue(Letter.PASSWORD_CHANGED)
    room.box.trouble = OutOfReachError("down")
    result = room.accounts.try_to_run("mail", "send")
    assert result.exit_code == 1
    assert "Put off: 1 letter. Given up: 0 letters." in result.output


def test_a_letter_is_tried_again_at_once(room):
    for trouble in (DeliveryError("later"), RefusedError("refused")):
        room.enqueue(Letter.PASSWORD_CHANGED)
        room.box.trouble = trouble
        room.deliver()
    room.box.trouble = None
    assert room.accounts.run("mail", "retry", "1", "2").output == "Due now: 2 letters.\n"
    assert room.accounts.run("mail", "send").stdout == "Sent: 2 letters.\n"


def test_all_letters_are_tried_again_at_once(room):
    room.enqueue(Letter.PASSWORD_CHANGED)
    room.box.trouble = RefusedError("refused")
    room.deliver()
    assert room.accounts.run("mail", "retry", "--all").output == "Due now: 1 letter.\n"
    room.box.trouble = None
    room.deliver()
    assert room.recipients() == [EMAIL]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["retry"], "Give the numbers of letters, or --all."),
        (["retry", "1", "--all"], "Give the numbers of letters, or --all."),
        (["retry", "1"], "There is no letter 1. It may have been sent."),
        (["retry", "0"], "0 is not in the range x>=1."),
        (["retry", "x"], "'x' is not a valid integer range."),
    ],
)
def test_a_command_that_cannot_be_done_says_why(room, arguments, sentence):
    result = room.accounts.try_to_run("mail", *arguments)
    assert result.exit_code != 0
    assert sentence in result.output


def test_where_one_letter_is_gone_none_is_touched(room, clock):
    room.enqueue(Letter.PASSWORD_CHANGED)
    room.box.trouble = DeliveryError("later")
    room.deliver()
    assert room.accounts.try_to_run("mail", "retry", "1", "2").exit_code == 1
    assert room.waiting()[0].due_at > clock()


@pytest.mark.parametrize("command", [["list"], ["send"], ["retry", "--all"]])
def test_a_database_out_of_reach_is_said_in_a_sentence(room, command):
    with room.database.writing() as connection:
        connection.execute(text("DROP TABLE letters"))
    result = room.accounts.try_to_run("mail", *command)
    assert result.exit_code == 1
    assert result.output == "Error: The database is out of reach (OperationalError).\n"
