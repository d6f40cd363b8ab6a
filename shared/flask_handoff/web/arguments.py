"""Stores and the like that an application gives an extension: of the form that is asked for?"""

from __future__ import annotations

from flask_handoff.errors import ConfigurationError


def check_stores(**stores: tuple[object, type]) -> None:
    """Refuse what is no store of the kind that is needed; None is one that was left out.

    Each comes with the protocol that it has to follow. Nothing is asked of a store yet.

    Raises:
        ConfigurationError: It is a class, or has not the methods.
    """
    for argument, (store, protocol) in stores.items():
        if store is not None:
            check_store(argument, store, protocol)


def check_store(argument: str, store: object, protocol: type) -> None:
    """Refuse what is no store of this kind, None as well; see ``check_stores``."""
    kind = protocol.__name__
    remedy = (
        f"Give SQL{kind}(engine) of flask_handoff.stores.sql, with SQLAlchemy's engine (db.engine "
        f"of Flask-SQLAlchemy), or Memory{kind}() in a server of one process."
    )
    if isinstance(store, type):
        raise ConfigurationError(f"{argument} is the class {store.__name__} itself.", remedy)
    missing = [name for name in _methods(protocol) if not callable(getattr(store, name, None))]
    if missing:
        # Its text is not quoted: a database's URL may hold a password.
        raise ConfigurationError(
            f"{argument} is of the type {type(store).__name__}, which is no {kind}: it has no "
            f"{', '.join(missing)}.",
            remedy,
        )


def _methods(protocol: type) -> list[str]:
    declared = (name for base in protocol.__mro__ for name in vars(base))
    return sorted({name for name in declared if not name.startswith("_")})
