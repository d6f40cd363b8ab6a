"""Services at SERVER1: registered by an operator, each with a key of its own."""

import json
import re
import stat
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import select, text

from flask_handoff.issuer.clients.assertions import ASSERTION_TYPE
from flask_handoff.keys import VerificationKey, thumbprint
from server1.audit import Event
from server1.clients.registry import clients
from tests.servers.accounts_visitor import Visitor, running_accounts
from tests.servers.audit_log import rows
from tests.servers.statements import noted
from tests.servers.test_handoff_cost import CALLS_ARE_KNOWN, calls_of

MOST_CALLS = 1_390  # of functions in Python and in C, for a token
API = "https://orders.example"
SHORT = 1024  # bits
ADD = ("clients", "add", "Report", "--service", "--scope", "orders:read", "--client-id", "report")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where the operator types commands."""
    folder = tmp_path / "operator"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def add_api(accounts):
    accounts.run(
        *("clients", "add", "Orders", "--kind", "receiver", "--client-id", "orders"),
        *("--resource", API, "--scope", "orders:read", "--scope", "orders:write"),
    )


@pytest.fixture
def with_api(accounts):
    add_api(accounts)
    return accounts


@pytest.fixture
def with_api_on(accounts_on):
    add_api(accounts_on)
    return accounts_on


def table(accounts):
    with accounts.database.reading() as connection:
        query = select(clients).where(clients.c.client_id == "report")
        return connection.execute(query).all()


def assertion(service, clock, **changed):
    now = clock()
    claims = {
        "iss": service["client_id"],
        "sub": service["client_id"],
        "aud": service["issuer"],
        "exp": int((now + timedelta(minutes=1)).timestamp()),
        "jti": str(uuid.uuid4()),
        **changed,
    }
    return jwt.encode(
        claims, service["private_key"], algorithm="RS256", headers={"kid": service["key_id"]}
    )


def ask(accounts, signed, path="/token", **changed):
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
        **changed,
    }
    return accounts.app.test_client().post(path, data=form, base_url=accounts.issuer)


def works(accounts, service, clock):
    answer = ask(accounts, assertion(service, clock))
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


def read(path):
    return json.loads(path.read_text())


def listed(accounts):
    lines = accounts.run("clients", "list").output.splitlines()
    return {line.split()[0]: re.split(r"\s{2,}", line) for line in lines[1:]}


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


# Adding.


def test_a_service_whose_library_knows_one_audience_alone(with_api_on, folder, clock):
    accounts = with_api_on
    output = accounts.run(*ADD, "--allow-token-endpoint-audience").output
    service = read(folder / "report.json")
    assert f"audience (aud)  {service['token_uri']}" in output
    for audience in (service["token_uri"], [service["token_uri"]], service["issuer"]):
        assert ask(accounts, assertion(service, clock, aud=audience)).status_code == 200
    assert ask(accounts, assertion(service, clock, aud="http://other")).status_code == 401
    assert listed(accounts)["report"][4] == "key, aud /token"
    accounts.run("clients", "rotate", "report", "--key-file", "next.json")
    after = read(folder / "next.json")
    assert ask(accounts, assertion(after, clock, aud=after["token_uri"])).status_code == 200


def test_no_service_names_the_token_endpoint_unless_it_may(with_api, folder, clock):
    with_api.run(*ADD)
    service = read(folder / "report.json")
    refused = ask(with_api, assertion(service, clock, aud=service["token_uri"]))
    assert (refused.status_code, refused.json["error"]) == (401, "invalid_client")


def test_its_key_file_names_the_token_endpoint_where_it_lies(
    made_environment, clock, kept_applications, folder
):
    below = {**made_environment, "HANDOFF_URL_PREFIX": "/oidc"}
    with running_accounts(below, clock, kept_applications) as accounts:
        add_api(accounts)
        accounts.run(*ADD, "--allow-token-endpoint-audience")
        service = read(folder / "report.json")
        assert service["token_uri"] == f"{accounts.issuer}/oidc/token"
        for audience, status in ((service["token_uri"], 200), (f"{accounts.issuer}/token", 401)):
            signed = assertion(service, clock, aud=audience)
            assert ask(accounts, signed, path="/oidc/token").status_code == status


def test_the_audience_of_a_client_that_signs_nothing_is_refused(accounts):
    result = accounts.try_to_run(
        *("clients", "add", "Wiki", "--kind", "web", "--redirect-uri", "https://wiki.example/in"),
        "--allow-token-endpoint-audience",
    )
    assert result.exit_code == 2
    assert "is for those that sign with a key" in result.output


def test_a_service_gets_a_key_file_and_with_it_a_token(with_api_on, folder, clock):
    accounts = with_api_on
    result = accounts.run(*ADD)
    path = folder / "report.json"
    service = read(path)
    assert service.keys() == {
        *("type", "issuer", "token_uri", "client_id", "key_id", "private_key")
    }
    assert (service["type"], service["issuer"]) == ("service", accounts.issuer)
    assert service["token_uri"] == f"{accounts.issuer}/token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "Its private key is in report.json, and nowhere else." in result.output
    for line in (
        "client_id       report",
        f"key ID (kid)    {service['key_id']}",
        f"audience (aud)  {accounts.issuer}",
        "authentication  private_key_jwt, RS256",
        "scope           orders:read",
    ):
        assert line in result.output
    answer = ask(accounts, assertion(service, clock))
    claims = jwt.decode(answer.json["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["client_id"]) == ("report", "report")
    assert (claims["aud"], claims["scope"]) == (API, "orders:read")
    assert "sid" not in claims
    assert "refresh_token" not in answer.json


def test_the_private_half_is_kept_nowhere_at_server1(with_api, folder):
    result = with_api.run(*ADD)
    secret = read(folder / "report.json")["private_key"]
    (row,) = table(with_api)
    body = "".join(secret.splitlines()[1:-1])
    assert json.loads(row.public_jwk).keys() == {"kty", "n", "e", "kid", "use", "alg"}
    for kept in (str(row), str(rows(with_api)), result.output):
        assert body[:40] not in kept.replace("\\n", "")
        assert "PRIVATE" not in kept


def test_a_service_may_keep_its_own_key(with_api, folder, clock):
    key = rsa.generate_private_key(65537, 2048)
    (folder / "public.pem").write_bytes(public_pem(key))
    jwk = {**VerificationKey.from_public_key(key.public_key()).to_jwk(), "kid": "mine"}
    (folder / "public.json").write_text(json.dumps(jwk))
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    service = {"issuer": with_api.issuer, "private_key": pem}
    named = []
    for client_id, file in (("pem", "public.pem"), ("jwk", "public.json")):
        result = with_api.run(*ADD[:-1], client_id, "--public-key", file)
        named.append(re.search(r"\(kid\) +(\S+)", result.output)[1])
        assert works(with_api, {**service, "client_id": client_id, "key_id": named[-1]}, clock)
    assert named == [thumbprint(key.public_key()), "mine"]
    assert sorted(each.name for each in folder.iterdir()) == ["public.json", "public.pem"]


def test_no_file_is_overwritten(with_api, folder):
    for name in ("report.json", "else.json"):
        (folder / name).write_text("kept")
        refused = with_api.try_to_run(*ADD, "--key-file", name)
        assert refused.exit_code == 1
        assert f"{name} cannot be written: File exists." in refused.output
        assert (folder / name).read_text() == "kept"
    assert table(with_api) == []


def test_a_link_that_leads_elsewhere_is_not_followed(with_api, folder):
    (folder / "report.json").symlink_to(folder / "target")
    assert with_api.try_to_run(*ADD).exit_code == 1
    assert not (folder / "target").exists()


REFUSED = {
    "no scope": (("--service",), "Give --scope"),
    "a scope about users": (("--service", "--scope", "openid"), "Give --scope"),
    "a scope nobody knows": (("--service", "--scope", "x"), "No API that is registered knows"),
    "a redirect URI": (("--service", "--redirect-uri", "https://x.example/"), "no address"),
    "a resource": (("--service", "--resource", "https://x.example"), "no address"),
    "first-party": (("--service", "--first-party"), "no address"),
    "two kinds": (("--service", "--kind", "web"), "--kind or --service, not both"),
    "no kind": ((), "Give --kind, or --service."),
    "a key for a website": (
        ("--kind", "web", "--key-file", "x.json"),
        "are for a --service or a receiver",
    ),
    "another client's name": (
        ("--service", "--scope", "orders:read", "--client-id", "orders"),
        "Another client has this client_id: 'orders'.",
    ),
    "a name that is none": (
        ("--service", "--scope", "orders:read", "--client-id", "a b"),
        "client_id",
    ),
}


@pytest.mark.parametrize(("options", "sentence"), REFUSED.values(), ids=list(REFUSED))
def test_wrong_input_is_refused_and_leaves_nothing(with_api, folder, options, sentence):
    before = len(rows(with_api))
    name = () if "--client-id" in options else ("--client-id", "report")
    refused = with_api.try_to_run("clients", "add", "Report", *options, *name)
    assert refused.exit_code != 0
    assert sentence in refused.output
    assert "Traceback" not in refused.output
    assert list(folder.iterdir()) == []
    assert table(with_api) == []
    assert len(rows(with_api)) == before


def test_a_public_key_that_cannot_be_used_is_refused(with_api, folder):
    good = rsa.generate_private_key(65537, 2048)
    files = {
        "missing": None,
        "private": good.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        "elliptic": public_pem(ec.generate_private_key(ec.SECP256R1())),
        "short": public_pem(rsa.generate_private_key(65537, SHORT)),
        "two": public_pem(good) * 2,
        "nothing": b"",
        "a set": b'{"keys": []}',
        "a secret": b'{"kty": "oct", "k": "AAAA", "kid": "x"}',
    }
    for name, content in files.items():
        if content is not None:
            (folder / name).write_bytes(content)
        refused = with_api.try_to_run(*ADD, "--public-key", name)
        assert refused.exit_code == 1, name
        assert f"{name} cannot be" in refused.output
    assert table(with_api) == []


def test_no_service_has_the_subject_of_an_account(with_api, folder, clock):
    subject = with_api.find().subject
    refused = with_api.try_to_run(*ADD[:-1], subject)
    assert "An account has this client_id for its subject" in refused.output
    assert list(folder.iterdir()) == []
    with_api.run(*ADD)
    with with_api.database.writing() as connection:  # whatever went wrong
        connection.execute(text("UPDATE users SET subject = 'report'"))
    answer = ask(with_api, assertion(read(folder / "report.json"), clock))
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_scope")


# What it may do.


def test_it_gets_no_more_than_was_granted(with_api, folder, clock):
    with_api.run(*ADD)
    service = read(folder / "report.json")
    answer = ask(with_api, assertion(service, clock), scope="orders:read orders:write")
    assert answer.json["scope"] == "orders:read"
    for scope in ("orders:write", "openid", "notes:read"):
        answer = ask(with_api, assertion(service, clock), scope=scope)
        assert (answer.status_code, answer.json["error"]) == (400, "invalid_scope")


def test_what_it_may_do_can_be_changed(with_api, folder, clock):
    with_api.run(*ADD)
    service = read(folder / "report.json")
    assert listed(with_api)["report"][-1] == "scope orders:read"
    with_api.run("clients", "grant", "report", "--scope", "orders:write orders:read")
    assert listed(with_api)["report"][-1] == "scope orders:read orders:write"
    with_api.run("clients", "grant", "report", "--scope", "orders:write")
    assert listed(with_api)["report"][-1] == "scope orders:write"
    assert ask(with_api, assertion(service, clock)).json["scope"] == "orders:write"
    *_, changed = rows(with_api, Event.GRANT_CHANGED)
    assert (changed.client_id, changed.subject) == ("report", None)
    assert changed.detail == "itself: orders:write"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("report",), "Give --scope"),
        (("report", "--scope", "email"), "Give --scope"),
        (("report", "--scope", "x"), "No API that is registered knows this: 'x'."),
        (("orders", "--scope", "orders:read"), "Orders is no service"),
        (
            ("nobody", "--scope", "orders:read"),
            "The database has no client of this name: 'nobody'.",
        ),
    ],
)
def test_what_cannot_be_granted_changes_nothing(with_api, arguments, sentence):
    with_api.run(*ADD)
    refused = with_api.try_to_run("clients", "grant", *arguments)
    assert (refused.exit_code, sentence in refused.output) == (1, True)
    assert table(with_api)[0].granted_scope == "orders:read"


def test_other_kinds_of_clients_do_not_act_for_themselves(with_api):
    result = with_api.run(
        *("clients", "add", "Wiki", "--kind", "web", "--client-id", "wiki"),
        *("--redirect-uri", "https://wiki.example/callback"),
    )
    secret = re.search(r"client_secret:? +(\S+)", result.output)[1]
    answer = with_api.app.test_client().post(
        "/token",
        data={"grant_type": "client_credentials", "scope": "orders:read"},
        auth=("wiki", secret),
        base_url=with_api.issuer,
    )
    assert (answer.status_code, answer.json["error"]) == (400, "unauthorized_client")


def test_nobody_signs_in_at_a_service(with_api):
    with_api.run(*ADD)
    visitor = Visitor(with_api)
    visitor.sign_in()
    assert "Report" not in visitor.get("/").text
    answer = visitor.authorize(
        client_id="report", redirect_uri="https://x.example/", response_type="code"
    )
    assert answer.status_code == 400


def test_an_assertion_is_good_once_on_either_database(with_api_on, folder, clock):
    with_api_on.run(*ADD)
    signed = assertion(read(folder / "report.json"), clock)
    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(lambda _: ask(with_api_on, signed).status_code, range(16)))
    assert statuses == [200, *[401] * 15]


@pytest.mark.parametrize("table", ["audit", "handoff_replay", "users"])
def test_where_a_table_is_out_of_reach_nothing_is_issued_or_spent(with_api, folder, clock, table):
    with_api.run(*ADD)
    signed = assertion(read(folder / "report.json"), clock)
    for names, status in (((table, "elsewhere"), 503), (("elsewhere", table), 200)):
        with with_api.database.writing() as connection:
            connection.execute(text("ALTER TABLE {} RENAME TO {}".format(*names)))
        assert ask(with_api, signed).status_code == status
    assert ask(with_api, signed).status_code == 401
    assert len([row for row in rows(with_api) if row.event == Event.TOKENS_ISSUED]) == 1


def test_a_token_takes_one_look_and_one_writing_transaction(with_api, folder, clock):
    with_api.run(*ADD)
    service, costs = read(folder / "report.json"), []
    with noted(with_api.database) as statements:
        for _ in range(3):
            statements.clear()
            assert works(with_api, service, clock)
            costs.append([each.split("\n")[0].split(" ")[0] for each in statements])
    cheapest = min(costs, key=len)  # the first prepares its connections, one of ten sweeps the log
    client, claim, answer = ["SELECT"], ["INSERT", "DELETE"], ["SELECT"] * 3 + ["INSERT"]
    assert cheapest == ["BEGIN", *client, "COMMIT", "BEGIN", *claim, *answer, "COMMIT"]


@CALLS_ARE_KNOWN
def test_a_token_takes_no_more_calls_than_before(with_api, folder, clock):
    with_api.run(*ADD)
    service = read(folder / "report.json")
    signed = [assertion(service, clock) for _ in range(3)]
    assert calls_of(with_api.app, lambda: ask(with_api, signed.pop())) <= MOST_CALLS


# Rotation.


def test_a_new_key_leaves_the_former_one_a_day(with_api_on, folder, clock):
    accounts = with_api_on
    accounts.run(*ADD)
    result = accounts.run("clients", "rotate", "report", "--key-file", "new.json")
    first, second = read(folder / "report.json"), read(folder / "new.json")
    assert f"New key {second['key_id']}." in result.output
    assert "The former key works until 2026-01-02 12:00 UTC." in result.output
    assert "two keys until 2026-01-02 12:00 UTC" in listed(accounts)["report"]
    clock.tick(hours=23, minutes=59)
    assert works(accounts, first, clock)
    assert works(accounts, second, clock)
    clock.tick(minutes=1)
    assert not works(accounts, first, clock)
    assert works(accounts, second, clock)
    assert listed(accounts)["report"][2:5] == ["service", "enabled", "key"]


def test_a_leaked_key_is_revoked_at_once(with_api, folder, clock):
    with_api.run(*ADD)
    (folder / "report.json").rename(folder / "leaked.json")
    result = with_api.run("clients", "rotate", "report", "--at-once")
    assert "The former key is revoked." in result.output
    assert not works(with_api, read(folder / "leaked.json"), clock)
    assert works(with_api, read(folder / "report.json"), clock)


def test_a_key_is_replaced_by_another_one_only(with_api, folder):
    key = rsa.generate_private_key(65537, 2048)
    (folder / "public.pem").write_bytes(public_pem(key))
    with_api.run(*ADD, "--public-key", "public.pem")
    refused = with_api.try_to_run("clients", "rotate", "report", "--public-key", "public.pem")
    assert "Report has a key of this name already" in refused.output
    with_api.run("clients", "rotate", "report")
    refused = with_api.try_to_run("clients", "rotate", "report", "--public-key", "public.pem")
    assert "Report has a key of this name already" in refused.output


def test_only_services_have_keys_to_rotate(with_api, folder):
    with_api.run(
        *("clients", "add", "Wiki", "--kind", "web", "--client-id", "wiki"),
        *("--redirect-uri", "https://wiki.example/callback"),
    )
    refused = with_api.try_to_run("clients", "rotate", "wiki", "--key-file", "x.json")
    assert "Wiki has no key." in refused.output
    refused = with_api.try_to_run("clients", "rotate", "nobody", "--key-file", "x.json")
    assert "The database has no client of this name: 'nobody'." in refused.output
    assert list(folder.iterdir()) == []


def test_a_disabled_service_gets_no_tokens(with_api, folder, clock):
    with_api.run(*ADD)
    service = read(folder / "report.json")
    with_api.run("clients", "disable", "report")
    assert not works(with_api, service, clock)
    with_api.run("clients", "enable", "report")
    assert works(with_api, service, clock)


# What is recorded.


def test_what_happens_to_a_service_is_recorded(with_api, folder, clock):
    with_api.run(*ADD)
    first = read(folder / "report.json")
    ask(with_api, assertion(first, clock))
    ask(with_api, assertion(first, clock, aud="https://other.example"))
    with_api.run("clients", "rotate", "report", "--key-file", "a.json")
    with_api.run("clients", "rotate", "report", "--key-file", "b.json", "--at-once")
    keys = [read(folder / name)["key_id"] for name in ("a.json", "b.json")]
    refused = "client_assertion: client_assertion of report, check audience: "
    found = [(row.event, row.client_id, row.subject, row.detail) for row in rows(with_api)]
    found = [each for each in found if each[1] != "orders" and each[2] is None]
    assert found == [
        (Event.CLIENT_ADDED, "report", None, "service, Report, scope orders:read"),
        (Event.TOKENS_ISSUED, "report", None, f"itself, for {API}, scope orders:read"),
        (
            *(Event.TOKENS_REFUSED, None, None),
            refused + f"claim \"aud\" (audience): expected '{with_api.issuer}', "
            "and nothing beside it",
        ),
        (Event.CLIENT_KEY_ROTATED, "report", None, f"{keys[0]}, the former key works for a day"),
        (Event.CLIENT_KEY_ROTATED, "report", None, f"{keys[1]}, the former key is revoked"),
    ]
