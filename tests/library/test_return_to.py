import pytest

from flask_handoff.errors import UnsafeReturnToError
from flask_handoff.return_to import check_return_to, target_path

BASE_URL = "https://notes.example.com"
EXCLUDED = ("/sso", "/logout")


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/notes",
        "/notes/",
        "/notes/12?sort=new&page=2",
        "/notes?",
        "/?next=//evil.example&at=https://evil.example",
        "/notes?q=what%3F%20%2F%2F%5C..%2F",
        "/a.b/..c/d../...",
        "/.well-known/change-password",
        "/~ada/it's(1)*2;a=b,c:d@e!$&+",
        "/caf%C3%A9/%F0%9F%93%9D",
        "/100%25",
        "/why%3F%23",
        "/" + "n" * 2047,
        "/notes?q=%0A%0D%00&p=%E9%FF",
        "/caf%E9/voil%E0/m%FCnchen/%FF",
        "/%ED%A0%80",
    ],
)
def test_a_plain_path_is_safe(target):
    assert check_return_to(target) == target


@pytest.mark.parametrize(
    "target",
    [
        *("", "notes", "?next=/notes", "#top", " /notes", "/notes ", "/notes\n", "/no tes"),
        *("/notes#top", "/a?b#c", '/"', "/<b>", "/{a}", "/a|b", "/a^b", "/a`b", "/[::1]"),
        "/" + "n" * 2048,
    ],
)
def test_what_is_no_path_and_query_is_unsafe(target):
    with pytest.raises(UnsafeReturnToError):
        check_return_to(target)


@pytest.mark.parametrize("target", ["/%", "/%2", "/%zz", "/%u0041", "/a?%", "/a?b=%G0", "/%%32%66"])
def test_a_broken_percent_encoding_is_unsafe(target):
    with pytest.raises(UnsafeReturnToError):
        check_return_to(target)


@pytest.mark.parametrize(
    "octets", ["%C0%AE", "%C1%9C", "%E0%80%AF", "%F0%80%80%AE", "%F8%80%80%80%AF"]
)
@pytest.mark.parametrize("target", ["/{}", "/a{}", "/{}/b", "/caf%E9{}"])
def test_an_overlong_dot_or_slash_is_unsafe(target, octets):
    for spelling in (octets, octets.lower(), octets.replace("%", "%25")):
        with pytest.raises(UnsafeReturnToError):
            check_return_to(target.format(spelling))


@pytest.mark.parametrize("segment", [".", "..", "%2e", "%2E", "%2e%2e", ".%2e", "%2E.", "%252e."])
@pytest.mark.parametrize("target", ["/{}", "/{}/a", "/a/{}", "/a/{}/b", "/a/{}?b"])
def test_a_dot_segment_is_unsafe(target, segment):
    with pytest.raises(UnsafeReturnToError):
        check_return_to(target.format(segment))


@pytest.mark.parametrize("slash", ["//", "\\", "%2f", "%2F", "%5c", "%5C", "%252f", "%25255C"])
@pytest.mark.parametrize("target", ["{}a", "/{}a", "/a{}b", "/a/{}"])
def test_a_second_slash_in_any_spelling_is_unsafe(target, slash):
    with pytest.raises(UnsafeReturnToError):
        check_return_to(target.format(slash))


@pytest.mark.parametrize("number", [*range(0x20), *range(0x7F, 0xA0)])
@pytest.mark.parametrize("target", ["/a?{}", "/a?b={}"])
def test_a_control_character_in_a_query_has_to_be_encoded(target, number):
    once = "".join(f"%{octet:02X}" for octet in chr(number).encode())
    assert check_return_to(target.format(once)) == target.format(once)
    with pytest.raises(UnsafeReturnToError):
        check_return_to(target.format(chr(number)))


@pytest.mark.parametrize("number", [*range(0x20), *range(0x7F, 0xA0)])
@pytest.mark.parametrize("target", ["{}/a", "/{}", "/a{}b"])
def test_a_control_character_in_a_path_is_unsafe(target, number):
    once = "".join(f"%{octet:02X}" for octet in chr(number).encode())
    for spelling in (chr(number), once, once.replace("%", "%25")):
        with pytest.raises(UnsafeReturnToError):
            check_return_to(target.format(spelling))


class Lying(str):
    __slots__ = ()

    def __len__(self):
        return 1


@pytest.mark.parametrize(
    "target",
    [None, b"/notes", 7, ["/notes"], object(), Lying("/notes")],
    ids=lambda target: type(target).__name__,
)
def test_what_is_no_text_is_unsafe(target):
    with pytest.raises(UnsafeReturnToError):
        check_return_to(target)
    with pytest.raises(UnsafeReturnToError):
        target_path(target, base_url=BASE_URL, excluded=EXCLUDED)


def test_the_error_does_not_repeat_the_target():
    with pytest.raises(UnsafeReturnToError) as refused:
        check_return_to("//evil.example/")
    assert "evil" not in str(refused.value)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/notes?a=b", "/notes?a=b"),
        (f"{BASE_URL}/notes?a=b", "/notes?a=b"),
        (f"{BASE_URL}/", "/"),
        (BASE_URL, "/"),
        (f"{BASE_URL}/{'n' * 511}", "/" + "n" * 511),
        ("HTTPS://NOTES.Example.com/Notes", "/Notes"),
        ("https://notes.example.com:443/notes?a=B", "/notes?a=B"),
        ("Https://Notes.Example.Com:443", "/"),
        ("/a b[1]?c={d}#e", "/a%20b%5B1%5D?c=%7Bd%7D"),
        ("/notes?next=/sso/login", "/notes?next=/sso/login"),
        ("/ssold", "/ssold"),
        ("/logouts/1", "/logouts/1"),
        ("/notes/sso", "/notes/sso"),
    ],
)
def test_a_page_of_this_site_is_told_by_its_path(target, path):
    assert target_path(target, base_url=BASE_URL, excluded=EXCLUDED) == path


@pytest.mark.parametrize(
    "base_url",
    ["http://[::1]:80", "HTTP://[::1]", "http://localhost/app", "http://LOCALHOST:80/app"],
)
def test_a_base_url_may_be_written_in_another_way_too(base_url):
    target = f"{base_url.lower().replace(':80', '')}/Notes"
    path = "/app/Notes" if "app" in base_url else "/Notes"
    assert target_path(target, base_url=base_url, excluded=()) == path
    with pytest.raises(UnsafeReturnToError):
        target_path("http://localhost/APP/Notes", base_url=base_url, excluded=())


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "http://notes.example.com/",
        f"{BASE_URL}.evil.example/",
        f"{BASE_URL}@evil.example/",
        f"{BASE_URL}:444/",
        f"{BASE_URL}?a=b",
        f"{BASE_URL}//evil.example",
        f"{BASE_URL}/\\evil.example",
        f"{BASE_URL}/../notes",
        f"{BASE_URL}{BASE_URL}/notes",
        f" {BASE_URL}/notes",
        "//notes.example.com/notes",
        "",
        *("HTTPS://NOTES.EXAMPLE.COM.EVIL.EXAMPLE/", "HTTPS://NOTES.EXAMPLE.COM@evil.example/"),
        *("HTTPS://EVIL.EXAMPLE/", "HTTP://notes.example.com/", "http://notes.example.com:443/"),
        *("https://notes.example.com:80/", "https://notes.example.com:4430/"),
        *("https://notes.example.com:443.evil.example/", "https://notes.example.com:443@evil/"),
        *("https://notes.example.com:443?a=b", "https://notes.example.com:443//evil.example"),
        *("https://notes.example.com:0443/", "https://notes.example.com:/", "HTTPS:/notes"),
        *("https://notes.example.com:443/\\evil.example", "https://notes.example.com\\.evil/"),
        *("https://notes.example.com./", "https://note\u017f.example.com/", "HTTPS:notes"),
        *("https://%6Eotes.example.com/", "https://a@notes.example.com/"),
        *("https://notes.example.com:443/../notes", "HTTPS://NOTES.EXAMPLE.COM/SSO/../sso/login"),
        *(
            "https://notes.example.com:443HTTPS://NOTES.EXAMPLE.COM/",
            "\thttps://NOTES.example.com/",
        ),
    ],
)
def test_another_site_or_no_plain_path_is_unsafe(target):
    with pytest.raises(UnsafeReturnToError):
        target_path(target, base_url=BASE_URL, excluded=EXCLUDED)


@pytest.mark.parametrize(
    "target",
    [
        *("/sso", "/sso/", "/sso/login", "/sso?a=b", "/sso/callback?id_token=a", "/logout"),
        *("/logout/", "/logout?a", "/%73so", "/s%73%6F/login", "/%6Cogout", "/%256Cogout"),
    ],
)
@pytest.mark.parametrize("base", ["", BASE_URL, "HTTPS://Notes.Example.Com:443"])
def test_a_place_that_begins_again_or_signs_out_is_excluded(base, target):
    with pytest.raises(UnsafeReturnToError):
        target_path(base + target, base_url=BASE_URL, excluded=EXCLUDED)
