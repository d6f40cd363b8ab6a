"""SERVER1's tables: users, clients, codes and tokens, by Authlib's own mixins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from authlib.integrations.sqla_oauth2 import (
    OAuth2AuthorizationCodeMixin,
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_query_client_func,
)
from sqlalchemy import ForeignKey, create_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    mapped_column,
    relationship,
    scoped_session,
    sessionmaker,
)

engine = create_engine(f"sqlite:///{Path(os.environ['PEER_DATABASE'])}")
db = scoped_session(sessionmaker(engine))


class Table(DeclarativeBase):
    pass


class User(Table):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]

    def get_user_id(self) -> int:
        return self.id


class Client(Table, OAuth2ClientMixin):
    __tablename__ = "client"
    id: Mapped[int] = mapped_column(primary_key=True)


query_client = create_query_client_func(db, Client)


class AuthorizationCode(Table, OAuth2AuthorizationCodeMixin):
    __tablename__ = "code"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    user: Mapped[User] = relationship()


class Token(Table, OAuth2TokenMixin):
    __tablename__ = "token"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))  # None: a service's own
    user: Mapped[User | None] = relationship()

    def get_user(self) -> User | None:
        return self.user

    def get_client(self) -> Any:
        return query_client(self.client_id)


class Assertion(Table):
    """The JWTs by which services have authenticated, each good once."""

    __tablename__ = "assertion"
    jti: Mapped[str] = mapped_column(primary_key=True)


def prepare() -> None:
    """Make the tables, the user, the client, and a service."""
    Table.metadata.create_all(engine)
    client = Client(client_id="server2", client_secret=os.environ["PEER_SECRET"])
    client.set_client_metadata(
        {
            "client_name": "Notes",
            "scope": "openid profile email offline_access notes:read",
            "redirect_uris": [f"{os.environ['PEER_SERVER2']}/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_basic",
        }
    )
    service = Client(client_id="service", client_secret="")
    service.set_client_metadata(
        {
            "client_name": "Service",
            "scope": "notes:read",
            "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "client_assertion_jwt",  # as Authlib calls it
        }
    )
    db.add_all([client, service, User(id=1, name="Ada", email="ada@example.com")])
    db.commit()
    db.remove()
