"""SERVER1: it knows passwords, signs users in, and issues handoffs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from flask import Flask

from flask_handoff.claims import Clock, system_clock
from flask_handoff.keys import IssuerKeys
from flask_handoff.stores.sql import SQLReplayStore, SQLRevokedTokenStore
from flask_handoff.web import answer_only_this_machine, answer_only_to, limit_bodies
from flask_service import (
    access_log,
    csrf,
    health,
    logs,
    secret_key,
    security_headers,
    session_cookie,
)
from flask_service.application import Application
from flask_service.client_address import trust_proxies
from flask_service.commands import database as database_commands
from flask_service.commands.command_line import plain_start
from flask_service.database import Database
from flask_service.repeated_forms import Repeats

from . import audit, clock, commands, handoff_record, outbox, pages, signed_in
from . import config as settings
from .accounts import app_access, codes, passwords
from .clients.registry import RegisteredClients
from .config import Config
from .db import SCHEMA, SENT_FORMS, metadata
from .demo import make_first_signing_key
from .handoff import handoff, handoff_state


def create_app(
    config: Config | None = None,
    *,
    keys: IssuerKeys | None = None,
    clock: Clock = system_clock,
    sleep: Callable[[float], object] = time.sleep,
) -> Flask:
    """Build SERVER1.

    Args:
        config: In place of the environment's and ``.env``'s.
        keys: As for ``HandoffIssuer.init_app``.
        clock, sleep: Tell the time, and wait for it.

    Raises:
        ConfigurationError: A setting or a key is wrong, or the database is out of reach.
    """
    logs.init_logs("server1")
    with plain_start():
        config = config or Config.from_environment()
        app = Application(__name__)
        app.debug = False  # FLASK_DEBUG would let errors past our pages, and quote parameters
        app.url_map.merge_slashes = False  # it would redirect //host/path, and name the Host it got
        secret_key.init_app(
            app,
            config.secret_key_file,
            create=config.creates_secret_key,
            settings="SERVER1_INSTANCE or SERVER1_SECRET_KEY_FILE",
        )
        app.config.update(config.handoff)
        if keys is None:
            make_first_signing_key(config)
        database = Database(config.database_url, SCHEMA, pool=config.database_pool)
        database.init_app(app)
        _add_handoff(app, database, keys, clock=clock, sleep=sleep)
        database_commands.init_app(app, upgrade=config.demo)
    _add_rooms(app, config, clock)
    _add_guards(app, config)
    handoff_record.init_app(app)
    pages.init_app(app, config)
    commands.init_app(app, config)
    health.init_app(app, tables=metadata.sorted_tables, others=handoff_state)
    return app


def _add_handoff(
    app: Flask, database: Database, keys: IssuerKeys | None, **time: Callable[..., Any]
) -> None:
    lent = {"transaction": database.writing, "reading": database.reading}
    refresh_tokens = app_access.AccessStore(database.engine, **lent)
    app_access.init_app(app, refresh_tokens)
    code_store = codes.AccountCodeStore(database.engine, **lent)
    revoked_tokens = SQLRevokedTokenStore(database.engine, **lent)
    codes.init_app(app, code_store, revoked_tokens)
    handoff.init_app(
        app,
        keys=keys,
        clients=RegisteredClients(),
        codes=code_store,
        refresh_tokens=refresh_tokens,
        revoked_tokens=revoked_tokens,
        replay_store=SQLReplayStore(database.engine, **lent),
        **time,
    )


def _add_rooms(app: Flask, config: Config, tell_time: Clock) -> None:
    settings.init_app(app, config)
    clock.init_app(app, tell_time)
    audit.init_app(app, kept=config.audit_kept)
    passwords.init_app(app, config.hashing)
    outbox.init_app(app, config, tell_time)


def _add_guards(app: Flask, config: Config) -> None:
    access_log.init_app(app)
    limit_bodies(app)
    answer_only_to(app, config.issuer, any_host=health.PATHS)
    https = config.issuer.startswith("https://")
    security_headers.init_app(app, https=https)
    session_cookie.init_app(app, name="s1_session", https=https)
    repeats = Repeats(SENT_FORMS, clock.now, signed_in.session_reference, signed_in.reopen_session)
    csrf.init_app(app, base_url=config.issuer, exempt=["handoff_issuer"], repeats=repeats)
    if config.demo and not config.serving.published_on_loopback:
        answer_only_this_machine(app)
    trust_proxies(app, config.serving.trusted_proxies)
    if config.lab is not None:
        from flask_service.hops import recorder  # outside the demo it is not even loaded

        recorder.init_app(app, server="SERVER1", base_url=config.issuer, lab=config.lab)
