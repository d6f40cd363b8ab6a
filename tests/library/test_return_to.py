import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_handoff.errors import UnsafeReturnToError
from flask_handoff.return_to import LONGEST_TARGET, check_return_to, target_path

BASE_URL = "https://notes.example.com"
EXCLUDED = ("/sso", "/logout")


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/notes",
        "/notes/",
        "/notes?page=2&sort=-date",
        "/notes?next=//elsewhere.example.com/",
        "/a/b/c;v=1/@me:x",
        "/caf%C3%A9",
        "/notes?q=%2F%2e%2e",
        "/..notes/.hidden/a..b",
        "/" + "n" * (LONGEST_TARGET - 1),
    ],
)
def test_a_plain_path_comes_back_as_it_went_in(target):
    assert check_return_to(target) == target


@pytest.mark.parametrize(
    "target", ["", "notes", "?x=1", "#top", " /notes", "/notes ", "/notes#top"]
)
def test_what_is_no_path_is_refused(target):
    with pytest.raises(UnsafeReturnToError):
        check_return_to(target)


def test_a_longer_target_is_refused():
    with pytest.raises(UnsafeReturnToError):
        check_return_to("/" + "n" * LONGEST_TARGET)


@pytest.mark.parametrize("target", [None, 7, b"/notes", ["/notes"]])
def test_what_is_no_text_is_refused(target):
    with pytest.raises(UnsafeReturnToError):
        check_return_to(target)


def test_a_text_that_answers_for_itself_is_refused():
    class Liar(str):
        def __str__(self):
            return "//evil.example"

    with pytest.raises(UnsafeReturnToError):
        check_return_to(Liar("/notes"))


def test_the_error_does_not_repeat_what_came():
    with pytest.raises(UnsafeReturnToError) as refusal:
        check_return_to("//evil.example/secret")
    assert "evil" not in str(refusal.value)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/notes", "/notes"),
        (BASE_URL, "/"),
        (f"{BASE_URL}/", "/"),
        (f"{BASE_URL}/notes?page=2", "/notes?page=2"),
        ("/ssoish", "/ssoish"),
        ("/notes/sso", "/notes/sso"),
    ],
)
def test_a_target_may_begin_with_the_sites_own_base_url(target, path):
    assert target_path(target, base_url=BASE_URL, excluded=EXCLUDED) == path


@pytest.mark.parametrize(
    "target",
    [
        f"{BASE_URL}.evil.example/notes",
        f"{BASE_URL}@evil.example/",
        f"{BASE_URL}:444/notes",
        f"{BASE_URL}//evil.example",
        "http://notes.example.com/notes",
        "HTTPS://NOTES.EXAMPLE.COM/notes",
        "//notes.example.com/notes",
    ],
)
def test_another_base_url_is_refused(target):
    with pytest.raises(UnsafeReturnToError):
        target_path(target, base_url=BASE_URL, excluded=EXCLUDED)


@pytest.mark.parametrize(
    "target",
    [
        "/sso",
        "/sso/login",
        "/sso/callback?id_token=x",
        "/%73so/login",
        "/%2573so/login",
        "/logout",
        "/logout/",
        "/log%6Fut",
        f"{BASE_URL}/sso/login",
    ],
)
def test_a_place_that_begins_again_or_signs_out_is_refused(target):
    with pytest.raises(UnsafeReturnToError):
        target_path(target, base_url=BASE_URL, excluded=EXCLUDED)


@given(st.text(alphabet="/\\.%2fF5cCeE0:@?#a \t\r\n\x00", max_size=24))
def test_what_is_accepted_is_made_of_harmless_characters(unverified_target):
    try:
        target = check_return_to("/" + unverified_target)
    except UnsafeReturnToError:
        return
    path = target.partition("?")[0]
    assert "//" not in path
    assert not set(target) & set("\\# \t\r\n\x00")
