from flask_service.logs import OneLineFormatter


def lines(caplog):
    formatter = OneLineFormatter()
    return [formatter.format(each) for each in caplog.records if each.name == "server2.access"]


def test_no_query_no_cookie_and_no_token_is_logged(visitor, caplog):
    landing = visitor.callback(visitor.get("/sso/login"))
    visitor.get(landing)
    visitor.get("/notes?before=31415")
    visitor.get(landing + "x")
    written = caplog.text + "".join(lines(caplog))
    assert "GET /sso/callback 303" in written
    for secret in ("eyJ", "31415", "id_token", visitor.cookies()["s2_session"]):
        assert secret not in written
