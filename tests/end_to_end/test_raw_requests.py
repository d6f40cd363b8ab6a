import pytest

from tests.end_to_end.endpoints import endpoints_of
from tests.end_to_end.raw_http import ask, head

EVIL = "evil.example"
TEN_MEGABYTES = 10 * 1024 * 1024


@pytest.fixture(scope="module", params=["server1", "server2"])
def server(request, query_pair):
    return getattr(query_pair, request.param)


@pytest.fixture(scope="module")
def endpoints(server):
    return endpoints_of(server)


@pytest.fixture
def ask_everywhere(server, endpoints):
    """Sends one request to each endpoint, and returns the answers by their addresses."""

    def send(method, *lines, host=server.host, body=b""):
        return {
            endpoint.path: ask(
                server.address,
                head(f"{method} {endpoint.path} HTTP/1.1", f"Host: {host}", *lines) + body,
            )
            for endpoint in endpoints
        }

    return send


def unlike(answers, *statuses):
    return {path: each.status for path, each in answers.items() if each.status not in statuses}


def test_every_endpoint_is_found(server, endpoints):
    paths = {endpoint.path for endpoint in endpoints}
    own = {"server1": {"/authorize", "/login"}, "server2": {"/sso/callback", "/notes/1/delete"}}
    assert paths > {"/", "/logout", "/healthz", "/static/style.css"} | own[server.name]


def test_a_request_for_another_host_is_refused_everywhere_before_any_cookie(ask_everywhere):
    for method in ("GET", "POST"):
        answers = ask_everywhere(method, "Content-Length: 0", host=EVIL)
        health = {path: answers.pop(path) for path in ("/healthz", "/readyz")}
        assert unlike(answers, 400) == {}
        assert unlike(health, 200, 405) == {}
        for answer in answers.values():
            assert "Set-Cookie" not in answer.headers
            assert EVIL not in answer.text


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [""],
        [EVIL, "{host}"],
        ["{host}", EVIL],
        ["{host}", "{host}"],
        ["{host}." + EVIL],
        ["{host}@" + EVIL],
        ["{host}, " + EVIL],
        ["a" * 64],
        ["a" * 64 + ".localhost"],
    ],
    ids=[
        *("missing", "empty", "first", "second", "twice", "longer", "behind @", "list"),
        *("long label", "long label of loopback"),
    ],
)
def test_a_host_that_is_not_ours_alone_is_refused(server, hosts):
    lines = [f"Host: {host.format(host=server.host)}" for host in hosts]
    answer = ask(server.address, head("GET / HTTP/1.1", *lines))
    assert (answer.status, "Set-Cookie" in answer.headers) == (400, False)


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "Forwarded", "X-Original-Host", "X-Host"])
def test_no_header_stands_in_for_the_host(server, header):
    value = f"host={EVIL}" if header == "Forwarded" else EVIL
    for path in ("/", "/login", "/sso/login", "/.well-known/openid-configuration"):
        answer = ask(
            server.address,
            head(f"GET {path} HTTP/1.1", f"Host: {server.host}", f"{header}: {value}"),
        )
        assert EVIL not in answer.text


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (f"http://{EVIL}/", "{host}"),
        (f"http://{EVIL}/", EVIL),
        ("{base_url}/", EVIL),
        (f"//{EVIL}/", "{host}"),
        (f"{EVIL}:80", "{host}"),
        ("*", "{host}"),
    ],
)
def test_a_request_line_that_names_another_host_leads_nowhere(server, target, host):
    filled = [text.format(host=server.host, base_url=server.base_url) for text in (target, host)]
    answer = ask(server.address, head(f"GET {filled[0]} HTTP/1.1", f"Host: {filled[1]}"))
    assert answer.status < 500
    assert EVIL not in answer.text


def test_another_name_of_this_machine_leads_to_the_right_one_with_no_cookie(server):
    other = f"[::1]:{server.port}"
    answer = ask(server.address, head("GET /logout?a=b%26c HTTP/1.1", f"Host: {other}"))
    assert answer.status == 303
    assert answer.headers["Location"] == f"{server.base_url}/logout?a=b%26c"
    assert "Set-Cookie" not in answer.headers
    posted = head("POST /logout HTTP/1.1", f"Host: {other}", "Content-Length: 0")
    assert ask(server.address, posted).status == 400


def test_a_body_of_unknown_length_is_refused_everywhere(ask_everywhere):
    answers = ask_everywhere(
        "POST",
        "Transfer-Encoding: chunked",
        "Content-Type: application/x-www-form-urlencoded",
        body=b"3\r\na=b\r\n0\r\n\r\n",
    )
    assert unlike(answers, 411) == {}


def test_ten_megabytes_are_refused_everywhere_before_they_are_sent(ask_everywhere):
    answers = ask_everywhere(
        "POST",
        f"Content-Length: {TEN_MEGABYTES}",
        "Content-Type: application/x-www-form-urlencoded",
        body=b"text=" + b"x" * 1000,
    )
    assert unlike(answers, 413) == {}


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: -1"],
        ["Content-Length: many"],
        ["Content-Length: 1", "Content-Length: 2"],
        ["Content-Length: 99999999999999999999"],
        ["Content-Length: 3", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: gzip"],
        ["Transfer-Encoding: chunked, identity"],
    ],
    ids=lambda lines: "; ".join(lines),
)
def test_a_length_that_can_be_read_in_two_ways_is_refused(server, lines):
    request = head("POST /logout HTTP/1.1", f"Host: {server.host}", *lines)
    assert ask(server.address, request + b"3\r\na=b\r\n0\r\n\r\n").status in {400, 411}


def test_head_changes_nothing_and_is_no_error(ask_everywhere):
    answers = ask_everywhere("HEAD")
    assert unlike(answers, 200, 303, 401, 403, 404, 405) == {}
    assert [answer.body for answer in answers.values() if answer.body] == []
    handoff = {"/authorize", "/sso/login", "/sso/callback", "/sso/finish"} & answers.keys()
    assert {answers[path].status for path in handoff} == {405}
    assert not any("tx_" in str(answer.headers) for answer in answers.values())


@pytest.mark.parametrize("method", ["TRACE", "PUT", "PATCH", "DELETE", "CONNECT", "INVENTED"])
def test_another_method_is_refused_and_the_good_ones_are_told(ask_everywhere, endpoints, method):
    answers = ask_everywhere(method, "X-Canary: caw")
    others = [endpoint for endpoint in endpoints if method not in endpoint.methods]
    assert unlike({endpoint.path: answers[endpoint.path] for endpoint in others}, 405) == {}
    for endpoint in others:
        answer = answers[endpoint.path]
        assert endpoint.methods <= set(answer.headers["Allow"].split(", "))
        assert b"caw" not in answer.body


@pytest.mark.parametrize(
    "headers",
    [
        ["Cookie: s1_session=\xff\xfe; s2_session=\xff\xfe"],
        ['Cookie: s1_session="open; s2_session="open'],
        ["Cookie: =; ;; s1_session; s2_session=;=s1_session"],
        ["Cookie: " + "s2_tx_" + "x" * 43 + "=" + "y" * 8000],
        ["Cookie: s2_tx_../..=x; s2_tx_\x80=x; s2_tx_=x"],
        ["User-Agent: \xff<script>", "Accept-Language: \xff", "Referer: http://[", "Origin: \xff"],
        ["Content-Type: multipart/form-data", "Content-Length: 0"],
        ["Content-Type: application/x-www-form-urlencoded; charset=utf-7", "Content-Length: 0"],
        ["Content-Type: ;;=\xff", "Content-Length: 0"],
        ["Range: bytes=9-1", "If-Modified-Since: never", "If-None-Match: \xff"],
        ["If-Modified-Since: Mon, 01 Jan 99999999999999 00:00:00 GMT"],
        ["If-Modified-Since: Mon, 01 Jan 2024 00:00:00 +99999999999999999999"],
        ["Range: bytes=0-0", "If-Range: Mon, 01 Jan 99999999999999 00:00:00 GMT"],
        ["X-Forwarded-For: \xff, ,", "X-Forwarded-Proto: javascript"],
        ["Authorization: Bearer \xff", "Authorization: Basic !"],
        [f"X-{number}: y" for number in range(90)],
    ],
    ids=lambda headers: headers[0][:40].encode("unicode_escape").decode(),
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_header_is_an_error_of_ours(ask_everywhere, method, headers):
    answers = ask_everywhere(method, *headers)
    assert {path: each.status for path, each in answers.items() if each.status >= 500} == {}
    assert not any(b"<script>" in answer.body for answer in answers.values())


@pytest.mark.parametrize(
    "body",
    [
        b"--x",
        b"--x\r\n\r\n\r\n--x--",
        b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--",
        b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n\xff\xed\xa0\x80\r\n--x--',
        b'--x\r\nContent-Disposition: form-data; name="text"; filename="a"\r\n\r\na\r\n--x--',
        b'--x\r\nContent-Disposition: form-data; name="text"; filename="\xff"\r\n\r\n\r\n--x--',
        b'--x\r\nContent-Disposition: form-data; name="text"\r\n' + b"X: y\r\n" * 500,
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 100 + b"--x--",
        b"--x\r\nContent-Disposition: form-data; name*=utf-7''+A \r\n\r\na\r\n--x--",
    ],
    ids=range(9),
)
def test_no_multipart_body_is_an_error_of_ours(ask_everywhere, body):
    answers = ask_everywhere(
        "POST",
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {len(body)}",
        body=body,
    )
    assert {path: each.status for path, each in answers.items() if each.status >= 500} == {}


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../config.py", "/static/..%2fconfig.py", "/static/%2e%2e/%2e%2e/etc/passwd"),
        *("/static/%00", "/static/", "/static//etc/passwd", "/static/..%5c..%5cconfig.py"),
        *("/notes/0/delete", "/notes/-1/delete", "/notes/%D9%A1/delete", "/notes/1%00/delete"),
        *(f"/notes/{'9' * 30}/delete", f"/notes/{'9' * 5000}/delete", "/notes/1e9/delete"),
        *("/%ff%fe", "/%ed%a0%80", "/a%0d%0aSet-Cookie:%20a=b", "/%", "/%zz", "/;", "/{{7*7}}"),
        *("/console", "/?__debugger__=yes&cmd=resource&f=style.css", "/.env", "/.git/config"),
        "/" + "a/" * 15_000,
    ],
    ids=lambda path: path[:40],
)
def test_no_path_is_an_error_of_ours_or_shows_a_file(server, path):
    for method in ("GET", "POST"):
        request = head(f"{method} {path} HTTP/1.1", f"Host: {server.host}", "Content-Length: 0")
        answer = ask(server.address, request)
        assert answer.status in {200, 400, 403, 404, 405}
        assert b"root:" not in answer.body
        assert b"import" not in answer.body
        assert "a=b" not in answer.headers.get("Set-Cookie", "")


def test_no_server_names_its_parts(ask_everywhere):
    for answer in ask_everywhere("GET").values():
        assert "Werkzeug" not in str(answer.headers)
        assert "Python" not in str(answer.headers)
