from flask_service.database import database_of

LOST = {"server1": "grants", "server2": "notes"}
READY = {
    "server1": {"database": "ok"},
    "server2": {
        "database": "ok",
        "replay_store": "ok",
        "keys": "ok",
        "clock_difference_seconds": None,
    },
}


def test_a_server_that_lives_says_so(server, app):
    answer = server.get(app, "/healthz")
    assert (answer.status_code, answer.text, answer.mimetype) == (200, "ok\n", "text/plain")
    assert "Set-Cookie" not in answer.headers


def test_a_server_that_can_work_says_so(server, app):
    answer = server.get(app, "/readyz")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json == READY[server.name]


def test_a_server_that_lost_a_table_lives_but_cannot_work(server, app, capsys):
    with database_of(app).writing() as connection:
        connection.exec_driver_sql(f"DROP TABLE {LOST[server.name]}")
    answer = server.get(app, "/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json == {**READY[server.name], "database": "unavailable"}
    assert f"no such table: {LOST[server.name]} request_id=" in capsys.readouterr().err
    assert server.get(app, "/healthz").status_code == 200


def test_a_supervisor_may_ask_under_any_name(server):
    client = server.build().test_client()
    for path, status in (("/readyz", 200), ("/healthz", 200), ("/", 400), ("/logout", 400)):
        assert client.get(path, base_url="http://10.0.0.7:5000").status_code == status
