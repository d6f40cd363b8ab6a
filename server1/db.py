"""The tables of SERVER1, each defined in the module that is about it, and their versions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import MetaData
from sqlalchemy.exc import SQLAlchemyError

from flask_handoff import DependencyUnavailableError
from flask_handoff.stores.sql import code_table, refresh_table, replay_table, revoked_token_table
from flask_service.schema import Schema

metadata = MetaData()
code_table(metadata)
refresh_table(metadata)
revoked_token_table(metadata)
replay_table(metadata)  # the JWTs by which services have authenticated
SCHEMA = Schema(metadata, Path(__file__).with_name("migrations"), "server1")


@contextmanager
def unavailable_where_it_fails() -> Iterator[None]:
    """Turn an error of the database into the library's, where it is the library that asks."""
    try:
        yield
    except SQLAlchemyError as error:
        raise DependencyUnavailableError(f"the database failed ({type(error).__name__})") from error
