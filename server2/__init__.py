"""SERVER2, "Notes": trusts SERVER1 to say who somebody is, and keeps their notes."""

from __future__ import annotations

from flask import Flask

from flask_handoff.claims import Clock, system_clock
from flask_handoff.stores.sql import SQLReplayStore, logout_table, replay_table
from flask_handoff.web import answer_only_this_machine, limit_bodies

from . import access_log, cli, error_pages, forgery, headers, health, notes, pages, session_cookie
from .config import Config
from .db import Database, metadata
from .handoff import handoff
from .schema import DatabaseVersionError
from .secret_key import read_secret_keys

replay_table(metadata)
logout_table(metadata)


@cli.plain_refusals()
def create_app(config: Config | None = None, *, clock: Clock = system_clock) -> Flask:
    """Build the application.

    Args:
        config: In place of the environment's and ``.env``'s.
        clock: Tells the time to sessions, rows and handoffs.

    Raises:
        ConfigurationError: A setting is wrong, or the database cannot be reached or worked with.
    """
    config = config or Config.from_environment()
    app = Flask(__name__, instance_path=str(config.instance))
    app.debug = False  # FLASK_DEBUG would let errors past our pages, and quote parameters
    app.url_map.merge_slashes = False  # a path that begins with two slashes is no page here
    app.config.update(config.handoff)
    app.config["SECRET_KEY"], *app.config["SECRET_KEY_FALLBACKS"] = read_secret_keys(
        config.instance / "secret_key"
    )
    database = Database(config.database_url, clock=clock)
    app.extensions["database"] = database

    access_log.init_app(app)
    headers.init_app(app, config)
    session_cookie.init_app(app, config)
    limit_bodies(app)
    handoff.init_app(app, replay_store=SQLReplayStore(database.engine), clock=clock)
    forgery.init_app(app, config)
    error_pages.init_app(app)
    if config.demo and not config.published_on_loopback:
        answer_only_this_machine(app)
    pages.init_app(app, config)
    app.register_blueprint(notes.blueprint)
    app.register_blueprint(health.blueprint)
    cli.init_app(app)
    _prepare(database, config)
    return app


def _prepare(database: Database, config: Config) -> None:
    context = cli.command_to_be_found()
    if context is None:
        database.prepare(upgrade=config.demo)
        return
    context.call_on_close(database.close)
    try:
        database.prepare()
    except DatabaseVersionError as refusal:
        # `database upgrade` has to be found all the same; no other command gets any further.
        database.refuse(refusal)
