"""The tables of SERVER1, each defined in the module that is about it, and their versions."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import MetaData
from sqlalchemy.exc import SQLAlchemyError

from flask_handoff import DependencyUnavailableError
from flask_handoff.stores.sql import code_table, refresh_table, replay_table, revoked_token_table
from flask_service.database.schema import Schema
from flask_service.repeated_forms import sent_forms_table

metadata = MetaData()
code_table(metadata)
refresh_table(metadata)
revoked_token_table(metadata)
replay_table(metadata)  # the JWTs by which services have authenticated
SENT_FORMS = sent_forms_table(metadata)
SCHEMA = Schema(metadata, Path(__file__).with_name("migrations"), "server1")


class _Unavailable(AbstractContextManager[None]):  # a generator would cost twice as much
    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, SQLAlchemyError):
            problem = f"the database failed ({type(error).__name__})"
            raise DependencyUnavailableError(problem) from error


_UNAVAILABLE = _Unavailable()


def unavailable_where_it_fails() -> AbstractContextManager[None]:
    """Turn an error of the database into the library's, where it is the library that asks."""
    return _UNAVAILABLE
