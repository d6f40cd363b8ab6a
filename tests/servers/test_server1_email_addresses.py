import pytest
from hypothesis import given
from hypothesis import strategies as st

from server1.accounts.email_addresses import EmailAddressError, check_address, fold


@pytest.mark.parametrize(
    ("address", "folded"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada.Lovelace+notes@Example.COM", "ada.lovelace+notes@example.com"),
        ("  ada@example.com ", "ada@example.com"),
        ("o'neill@xn--bcher-kva.example", "o'neill@xn--bcher-kva.example"),
        ("a@intranet", "a@intranet"),
        ("ada@mail.test", "ada@mail.test"),
        ("ada@Office.Local", "ada@office.local"),
        ("ada@mail.home.arpa", "ada@mail.home.arpa"),
        ("x" * 64 + "@example.com", "x" * 64 + "@example.com"),
    ],
)
def test_an_address_is_unique_whatever_its_case(address, folded):
    assert fold(address) == folded
    assert check_address(address) == address.strip()


@pytest.mark.parametrize(
    "written",
    [
        "ada@EX\u00c4MPLE.com",
        "ada@exa\u0308mple.com",
        "ada@ex\u00e4mple\u3002com",
        "\t\u200bada@xn--exmple-cua.com\u00a0\n\ufeff",
    ],
)
def test_a_domain_is_one_in_whatever_form_it_is_written(written):
    assert fold(written) == check_address(written) == "ada@xn--exmple-cua.com"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@@example.com",
        "ada@example.com, eve@example.com",
        "ada@example.com;eve@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "Ada <ada@example.com>",
        '"ada"@example.com',
        "ada smith@example.com",
        "ada@exa mple.com",
        "ada@-example.com",
        "ada@example-.com",
        "ada@example..com",
        ".ada@example.com",
        "ada.@example.com",
        "a..da@example.com",
        "ada@[127.0.0.1]",
        "ada@.local",
        "ada@office..local",
        "ada@-office.local",
        "ada@1.0.0.127.in-addr.arpa",
        "ada@hidden.onion",
        "ada@mail.localhost",
        "ad\u0131a@example.com",
        "\u212aada@example.com",
        "ada@\u00e4-.com",
        "ada@\u202eexample.com",
        "ad\u00e4@ex\u00e4mple.com",
        "ada@" + "\u00e4" * 300 + ".com",
        "ada\0@example.com",
        "\ud800@example.com",
        "x" * 65 + "@example.com",
        "x@" + "y" * 64 + ".com",
        "x@" + ".".join(["y" * 60] * 5),
        "ada%",
        "=?utf-8?q?eve=40example.com=2C?=@example.com",
        "ada=?utf-8?q?a?=@example.com",
    ],
)
def test_what_is_no_plain_address_is_refused(address):
    with pytest.raises(EmailAddressError) as refusal:
        check_address(address)
    assert str(refusal.value) == "That is not an e-mail address. For example: name@example.com."


@pytest.mark.parametrize(
    "text", ["", " \u200b ", "\u212aada@example.com", "a\nb", "\0", "x" * 255, "\ud800"]
)
def test_what_no_account_can_have_is_not_looked_up(text):
    with pytest.raises(EmailAddressError):
        fold(text)


@given(st.text() | st.emails())
def test_what_is_taken_is_ascii_on_one_line_with_one_at_sign(text):
    try:
        folded = fold(check_address(text))
    except EmailAddressError:
        return
    assert folded.isascii()
    assert folded.isprintable()
    assert folded.count("@") == 1
    assert " " not in folded
    assert fold(folded) == fold(folded.upper()) == folded
