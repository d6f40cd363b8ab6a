"""Several stores are asked in one statement whether an access token was revoked."""

from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, event, text

from flask_handoff import UnverifiedToken
from flask_handoff.errors import DependencyUnavailableError, TokenRevokedError
from flask_handoff.stores import MemoryRevokedTokenStore, Revocations
from flask_handoff.stores.sql import SQLCodeStore, SQLRefreshStore, SQLRevokedTokenStore
from tests.library.test_code_stores import GRANT, NOW, ONE, keep
from tests.library.test_one_transaction import Transactions
from tests.library.test_refresh_stores import ACCESS, FAMILY, start

TOKEN = "t" * 43
ALIVE = "a" * 43


class OurOwn(SQLRevokedTokenStore):
    """Somebody's store that knows of one more."""

    def check_not_revoked(self, jwt_id):
        super().check_not_revoked(jwt_id)
        if jwt_id == "o" * 43:
            raise TokenRevokedError("by a rule of our own")


@pytest.fixture(params=["sqlite", "postgresql"])
def transactions(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'issuer.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    engine = create_engine(url)
    yield Transactions(engine)
    engine.dispose()


@pytest.fixture
def make(transactions):
    """Makes a store that is lent the same transactions as the others."""

    def make(kind):
        lent = {"transaction": transactions.begin, "reading": transactions.begin}
        store = kind(transactions.engine, **lent)
        store.create_tables()
        return store

    return make


@pytest.fixture
def stores(make):
    """Three, in each of which one token is dead."""
    codes, families, tokens = map(make, (SQLCodeStore, SQLRefreshStore, SQLRevokedTokenStore))
    keep(codes)
    codes.redeem(ONE, now=NOW)
    codes.end(subject=GRANT.subject)
    start(families)
    families.end(family_id=FAMILY.family_id)
    tokens.revoke(TOKEN, forget_at=NOW, now=NOW)
    return codes, families, tokens


def check(revocations, jwt_id):
    revocations.check_not_revoked(SimpleNamespace(jwt_id=jwt_id), UnverifiedToken(""))


@pytest.mark.parametrize(
    ("jwt_id", "reason"),
    [(GRANT.jwt_id, "the code"), (ACCESS, "the refresh tokens"), (TOKEN, "the client")],
    ids=["by its code", "with its family", "alone"],
)
def test_what_one_of_them_knows_is_dead_for_all(stores, jwt_id, reason):
    check(Revocations(*stores), ALIVE)
    for order in (stores, stores[::-1], (None, *stores)):
        with pytest.raises(TokenRevokedError, match=reason):
            check(Revocations(*order), jwt_id)


def test_those_that_share_transactions_are_asked_at_once(stores, transactions):
    statements = []
    revocations = Revocations(*stores)
    event.listen(transactions.engine, "begin", lambda _: statements.append("begins"))
    check(revocations, ALIVE)
    assert statements == ["begins"]


@pytest.mark.parametrize("table", ["codes", "refresh_families", "revoked_tokens"])
def test_where_one_table_is_out_of_reach_nobody_is_let_in(stores, transactions, table):
    with transactions.begin() as connection:
        connection.execute(text(f"DROP TABLE handoff_{table}"))
    with pytest.raises(DependencyUnavailableError):
        check(Revocations(*stores), ALIVE)


def test_a_store_with_a_check_of_its_own_is_asked_itself(stores, make):
    with pytest.raises(TokenRevokedError, match="of our own"):
        check(Revocations(*stores[:2], make(OurOwn)), "o" * 43)


@pytest.fixture(params=["in memory", "in another database"])
def elsewhere(request, tmp_path):
    if request.param == "in memory":
        yield MemoryRevokedTokenStore()
        return
    engine = create_engine(f"sqlite:///{tmp_path / 'another.sqlite3'}")
    store = SQLRevokedTokenStore(engine)
    store.create_tables()
    yield store
    engine.dispose()


def test_a_store_elsewhere_is_asked_there(stores, elsewhere):
    elsewhere.revoke(ALIVE, forget_at=NOW, now=NOW)
    for order in ((*stores, elsewhere), (elsewhere, *stores), (elsewhere,)):
        with pytest.raises(TokenRevokedError):
            check(Revocations(*order), ALIVE)
    check(Revocations(), ALIVE)
