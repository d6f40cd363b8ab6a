"""SERVER1: it knows passwords, signs people in, and hands them on."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_handoff.claims import Clock, system_clock
from flask_handoff.keys import KeyRing
from flask_handoff.web import answer_only_this_machine, limit_bodies

from . import (
    access_log,
    audit_command,
    cli,
    database_command,
    error_pages,
    forgery,
    handoff_record,
    headers,
    health,
    logs,
    pages,
    session_cookie,
)
from .accounts import account, closing, login, profile, recovery, signup, verification
from .accounts.passwords import PasswordHasher
from .config import Config
from .db import Database
from .handoff import handoff
from .logouts import commands as logout_commands
from .mail import commands as mail_commands
from .mail import outbox_pages
from .mail.delivery import make_delivery
from .parts import Parts, install
from .schema import DatabaseVersionError
from .secret_key import load_secret_keys
from .signing_key import make_first_signing_key


def create_app(
    config: Config | None = None,
    *,
    key_ring: KeyRing | None = None,
    clock: Clock = system_clock,
) -> Flask:
    """Build SERVER1.

    Args:
        config: In place of the environment's and ``.env``'s.
        key_ring: As for ``HandoffIssuer.init_app``.
        clock: Tells the time.

    Raises:
        ConfigurationError: A setting or a key is wrong, or the database is out of reach.
    """
    logs.init_logs()
    with cli.plain_refusals():
        config = config or Config.from_environment()
        app = Flask(__name__)
        app.debug = False  # FLASK_DEBUG would let errors past our pages, and quote parameters
        app.url_map.merge_slashes = False  # it would redirect //host/path, and name the Host it got
        _set_secret_keys(app, config)
        app.config.update(config.handoff)
        make_first_signing_key(config)
        handoff.init_app(app, key_ring=key_ring, clock=clock)
        database = _open_database(config)
    delivery = make_delivery(config.mail, urlsplit(config.issuer).hostname or "", clock)
    install(app, Parts(config, database, PasswordHasher(config.hashing), clock, delivery))
    _add_guards(app, config)
    handoff_record.init_app(app)
    for blueprint in (
        pages.blueprint,
        login.blueprint,
        signup.blueprint,
        verification.blueprint,
        recovery.blueprint,
        account.blueprint,
        profile.blueprint,
        closing.blueprint,
        health.blueprint,
    ):
        app.register_blueprint(blueprint)
    outbox_pages.init_app(app, config)
    cli.init_app(app)
    audit_command.init_app(app)
    database_command.init_app(app)
    mail_commands.init_app(app)
    logout_commands.init_app(app)
    return app


def _set_secret_keys(app: Flask, config: Config) -> None:
    keys = load_secret_keys(config.secret_key_file, create=config.creates_secret_key)
    app.secret_key = keys.current
    app.config["SECRET_KEY_FALLBACKS"] = list(keys.fallbacks)


def _open_database(config: Config) -> Database:
    context = cli.command_to_be_found()
    if context is None:
        return Database.open(config.database_url, upgrade=config.demo)
    try:
        database = Database.open(config.database_url)
    except DatabaseVersionError as refusal:
        # `database upgrade` has to be found all the same; no other command gets any further.
        database = Database(config.database_url)
        database.refuse(refusal)
    context.call_on_close(database.close)
    return database


def _add_guards(app: Flask, config: Config) -> None:
    access_log.init_app(app)
    headers.init_app(app, config)
    session_cookie.init_app(app, config)
    limit_bodies(app)
    forgery.init_app(app, config)
    error_pages.init_app(app)
    if config.demo and not config.published_on_loopback:
        answer_only_this_machine(app)
    if config.trusted_proxies:
        # Only the client's address is taken over: host and scheme are those of HANDOFF_ISSUER.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=config.trusted_proxies, x_proto=0, x_host=0
        )
