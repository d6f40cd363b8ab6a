"""SERVER2, "Notes": trusts SERVER1 to say who somebody is, and keeps their notes."""

from __future__ import annotations

from flask import Flask

from flask_handoff.claims import Clock, system_clock
from flask_handoff.front_door import answer_only_this_machine, limit_bodies
from flask_handoff.replay_sql import SQLReplayStore, logout_table, replay_table
from flask_service import access_log, csrf, logs, secret_key, security_headers, session_cookie
from flask_service.client_address import trust_proxies

from . import cli, error_pages, health, notes, pages
from .config import Config
from .db import Database, metadata
from .handoff import handoff
from .schema import DatabaseVersionError

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
    logs.init_logs("server2")
    config = config or Config.from_environment()
    app = Flask(__name__, instance_path=str(config.instance))
    app.debug = False  # FLASK_DEBUG would let errors past our pages, and quote parameters
    app.url_map.merge_slashes = False  # a path that begins with two slashes is no page here
    app.config.update(config.handoff)
    secret_key.init_app(
        app, config.instance / "secret_key", create=True, settings="SERVER2_INSTANCE"
    )
    url = config.database_url.render_as_string(hide_password=False)
    database = Database(url, clock=clock)
    app.extensions["database"] = database

    access_log.init_app(app)
    security_headers.init_app(app, https=config.https, files=("static", "pages.favicon"))
    session_cookie.init_app(
        app, name="s2_session", https=config.https, samesite=config.session_samesite
    )
    limit_bodies(app)
    handoff.init_app(app, replay_store=SQLReplayStore(database.engine), clock=clock)
    trust_proxies(app, config.serving.trusted_proxies)
    csrf.init_app(app, base_url=config.base_url, exempt="handoff_receiver")
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
