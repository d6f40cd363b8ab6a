"""SERVER2, "Notes": trusts SERVER1 to say who somebody is, and keeps their notes."""

from __future__ import annotations

from flask import Flask

from flask_handoff.claims import Clock, system_clock
from flask_handoff.stores.sql import SQLReplayStore
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
from flask_service.commands import command_line
from flask_service.commands import database as database_commands
from flask_service.database import Database
from flask_service.repeated_forms import Repeats

from . import accounts, api, cli, error_pages, lab_notices, notes, pages, sessions
from .config import Config
from .db import REVOCATIONS, SCHEMA, SENT_FORMS
from .handoff import handoff, handoff_state


@command_line.plain_start()
def create_app(config: Config | None = None, *, clock: Clock = system_clock) -> Flask:
    """Build the application, by default as the environment and ``.env`` say.

    The clock tells the time to sessions, rows and handoffs.

    Raises:
        ConfigurationError: A setting is wrong, or the database cannot be reached or worked with.
    """
    logs.init_logs("server2")
    config = config or Config.from_environment()
    app = Application(__name__, instance_path=str(config.instance))
    app.debug = False  # FLASK_DEBUG would let errors past our pages, and quote parameters
    app.url_map.merge_slashes = False  # a path that begins with two slashes is no page here
    app.config.update(config.handoff)
    secret_key.init_app(
        app, config.instance / "secret_key", create=True, settings="SERVER2_INSTANCE"
    )
    app.extensions["clock"] = clock
    database = Database(config.database_url, SCHEMA, pool=config.database_pool)
    database.init_app(app)

    access_log.init_app(app)
    limit_bodies(app)
    answer_only_to(app, config.base_url, any_host=health.PATHS)
    store = SQLReplayStore(database.engine, transaction=database.writing)
    handoff.init_app(app, replay_store=store, clock=clock)
    api.init_app(app, store, clock)
    _add_guards(app, config, clock)
    pages.init_app(app, config)
    lab_notices.init_app(app, config.lab)
    app.register_blueprint(notes.blueprint)
    tables = [accounts.accounts, notes.notes, sessions.sessions, SENT_FORMS, REVOCATIONS]
    health.init_app(app, tables=tables, others=handoff_state)
    cli.init_app(app, demo=config.demo)
    database_commands.init_app(app, upgrade=config.demo)
    return app


def _add_guards(app: Flask, config: Config, clock: Clock) -> None:
    trust_proxies(app, config.serving.trusted_proxies)
    https = config.base_url.startswith("https://")
    security_headers.init_app(app, https=https, files=("static", "pages.favicon"))
    sessions.init_app(app, trust_after_start=config.trust_after_start)
    session_cookie.init_app(app, name="s2_session", https=https, samesite=config.session_samesite)
    # No form opens a session here, so that there is none to open again.
    repeats = Repeats(SENT_FORMS, clock, lambda: None, lambda _reference: None)
    others = ["handoff_receiver", "handoff_api", "api"]
    csrf.init_app(app, base_url=config.base_url, exempt=others, repeats=repeats)
    error_pages.init_app(app)
    if config.demo and not config.serving.published_on_loopback:
        answer_only_this_machine(app)
    if config.lab is not None:
        from flask_service.hops import recorder  # outside the demo it is not even loaded

        recorder.init_app(
            app,
            server="SERVER2",
            base_url=config.base_url,
            lab=config.lab,
            explain=handoff.explain,
            explained_at=[("GET", "/sso/callback"), ("POST", "/sso/finish")],
        )
