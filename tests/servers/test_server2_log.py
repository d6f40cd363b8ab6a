import logging
import re

import pytest

from server2.access_log import OneLineFormatter


def lines(caplog):
    formatter = OneLineFormatter()
    return [formatter.format(each) for each in caplog.records if each.name == "server2.access"]


def test_a_request_is_one_line_with_its_reference(visitor, caplog):
    visitor.get("/healthz")
    (line,) = lines(caplog)
    assert re.fullmatch(
        r"20\d\d-\d\d-\d\dT\S+ INFO server2.access "
        r"127.0.0.1 GET /healthz 200 \d+\.\dms request_id=[0-9a-f]{16}",
        line,
    )


def test_no_query_no_cookie_and_no_token_is_logged(visitor, caplog):
    landing = visitor.callback(visitor.get("/sso/login"))
    visitor.get(landing)
    visitor.get("/notes?before=31415")
    visitor.get(landing + "x")
    written = caplog.text + "".join(lines(caplog))
    assert "GET /sso/callback 303" in written
    for secret in ("eyJ", "31415", "id_token", visitor.cookies()["s2_session"]):
        assert secret not in written


@pytest.mark.parametrize("path", ["/{}", "/notes/{}", "/sso/callback/id_token={}", "/a/{}/b"])
def test_a_token_or_a_cookie_that_was_pasted_into_a_path_is_not_logged(visitor, caplog, path):
    landing = visitor.callback(visitor.get("/sso/login"))
    visitor.get(landing)
    token = landing.split("id_token=")[1].split("&")[0]
    for secret in (token, visitor.cookies()["s2_session"]):
        visitor.get(path.format(secret))
        line = lines(caplog)[-1]
        assert " 404 " in line
        assert not [part for part in secret.split(".") if len(part) > 31 and part[:20] in line]


@pytest.mark.parametrize(
    "path", ["/a%0aINFO server2.access forged", "/%1b[31mred", "/%E2%80%AEdrow", "/" + "x" * 5000]
)
def test_a_path_forges_no_line_and_colours_no_terminal(visitor, caplog, path):
    visitor.get(path)
    (line,) = lines(caplog)
    assert line.isprintable()
    assert line.isascii()
    assert len(line) < 400


def test_a_forged_method_is_cut_and_escaped(visitor, caplog):
    visitor.client.open("/", method="GET\x1b[31m" + "X" * 99, base_url=visitor.base_url)
    (line,) = lines(caplog)
    assert "GET%1B%5B31" in line
    assert len(line) < 200


def test_whatever_a_message_holds_it_stays_one_line():
    record = logging.LogRecord("server2", logging.INFO, "", 0, "a\nb\x1b[0m\u2028c", None, None)
    assert OneLineFormatter().format(record).endswith(r" a\nb\x1b[0m\u2028c")
