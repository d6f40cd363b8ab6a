import threading

import pytest

from server1.accounts.password_rules import (
    check_length,
    check_new_password,
    strength,
)
from server1.accounts.passwords import HashingConfig, PasswordHasher, PasswordUnusableError
from tests.stopwatch import slowdown

CHEAP = HashingConfig(memory_kib=64, concurrent=1)
ABOUT = ("Ada.Lovelace@example.com", "Ada Lovelace", "localhost:6401")


@pytest.mark.parametrize(
    "password",
    [
        "kV3-x_8q",
        "Gr\u00fc\u00dfe aus K\u00f6ln",
        "lilac " * 170,
        "null\0byte",
        "\u6d77\u8c5a\u304c\u7a7a\u3092\u98db\u3076\u3088",
    ],
)
def test_any_characters_make_a_password_and_it_is_taken_as_it_is(password):
    hasher = PasswordHasher(CHEAP)
    hasher.check(hasher.hash(check_new_password(password)), password)


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("", "The password needs at least 8 characters."),
        ("1234567", "The password needs at least 8 characters."),
        ("\u00e9\u00e9\u00e9\u00e9", "The password needs at least 8 characters."),
        ("x" * 1025, "A password has at most 1024 bytes."),
        ("\u00e9" * 513, "A password has at most 1024 bytes."),
        ("surrogate\ud800", "The password contains characters that are not Unicode text."),
        ("\udcff" * 2000, "The password contains characters that are not Unicode text."),
    ],
)
def test_a_password_of_a_length_that_cannot_be_is_refused_with_a_sentence(password, sentence):
    for check in (check_length, check_new_password):
        with pytest.raises(PasswordUnusableError) as refusal:
            check(password)
        assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    "password",
    ["password", "12345678", "qwertyuiop", "iloveyou", "Password1", "PASSWORD123", "hunter22"],
)
def test_a_password_that_is_seen_often_is_refused_in_any_case(password):
    check_length(password)
    with pytest.raises(PasswordUnusableError, match="among the first that are guessed"):
        check_new_password(password)


@pytest.mark.parametrize("password", ["aaaaaaaa", " " * 8, "abcdefgh", "trustno1trustno1"])
def test_a_repetition_or_a_row_is_refused(password):
    with pytest.raises(PasswordUnusableError, match="among the first that are guessed"):
        check_new_password(password)


@pytest.mark.parametrize(
    "password",
    [
        "ada.lovelace@example.com",
        "Ada.Lovelace",
        "ada lovelace",
        "localhost6401",
        "Ada-Lovelace1815",
        "AdaLovelace!",
    ],
)
def test_what_is_known_about_the_account_is_refused(password):
    check_new_password(password)
    with pytest.raises(PasswordUnusableError, match="among the first that are guessed"):
        check_new_password(password, ABOUT)


DECORATED = (
    "Password123! P@ssw0rd1234 iloveyou2024 Qwerty12345! Welcome2026! Summer2026! Admin@123"
    " !!Password $ecret2024 Pa$$word2026! Pass-word-2024 2026Summer! Lovelace1815! Example2026!"
    " Password-Password Summer2026!!!! p\u00e1ssword123 LovelaceLovelace7"
)


@pytest.mark.parametrize("password", DECORATED.split())
def test_digits_and_signs_around_a_common_word_hide_nothing(password):
    with pytest.raises(PasswordUnusableError, match="among the first that are guessed"):
        check_new_password(password, ABOUT)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "ladder mango violet",
        "Das Wetter ist heute gut",
        "summer84739201746183",
        "kV3-x_8q",
    ],
)
def test_a_password_that_is_hard_to_guess_is_taken(password):
    assert check_new_password(password, ABOUT) == password


@pytest.mark.parametrize(
    "password",
    [
        "#6%7@+11!#9&/237+0{@&%(0[$77|&2(54|<" * 2,
        "4@8({[<369&#!1/|0$5+7%2" * 4,
        "4@({1!|$5" * 8,
        "4836179052" * 8,
        "\u0130" * 72,
        "a" * 1024,
    ],
)
def test_no_password_takes_much_longer_to_judge_than_any_other(password):
    usual = "a password of 72 characters, all of which are looked at one after the other"[:72]
    strength(usual, ABOUT)  # the lists are read once
    judging = (lambda: strength(password, ABOUT)), (lambda: strength(usual, ABOUT))
    assert slowdown(*judging, bound=20) < 20


def test_signs_in_the_place_of_letters_do_not_hide_a_common_password():
    with pytest.raises(PasswordUnusableError, match="among the first that are guessed"):
        check_new_password("p@$$w0rd")
    assert strength("{[(<@4!1|$5+7%8369") == "strong"


def test_the_strength_is_told_in_a_word():
    passwords = ["kitchen7", "mk4kitchen", "kV3-x_8qpS", "kV3-x_8qpS_t"]
    assert [strength(password) for password in passwords] == ["weak", "fair", "good", "strong"]


def test_what_is_known_about_one_account_is_not_held_against_another():
    outcomes = []

    def choose(about):
        for _ in range(20):
            outcomes.append((about, strength("montgomery scott plays", about)))

    people = [("Montgomery Scott plays",), ()]
    threads = [threading.Thread(target=choose, args=(about,)) for about in people * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(outcomes)) == 2
