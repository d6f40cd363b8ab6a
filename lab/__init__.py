"""The demo's lab, where visitors try in their own browser what becomes of a token, and where.

It is one process with two hosts: ``lab.localhost``, the victim, whose page has a hole that is
planted, and ``attacker.localhost``, a site of somebody else. It runs in the demo only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from flask_handoff.web import answer_only_this_machine, answer_only_to, limit_bodies
from flask_service import access_log, error_pages, health, logs, security_headers
from flask_service.application import Application
from flask_service.commands import command_line
from flask_service.hops.hop import MAXIMUM

from . import attacks, current, intake, journey, places, sessions, texts
from .config import Config
from .hops import Hops

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

FOLDER = Path(__file__).parent


@command_line.plain_start()
def create_app(config: Config | None = None) -> Flask:
    """Build the victim's application, which hands requests for the attacker's host to that one.

    Raises:
        ConfigurationError: This is not the demo, or other machines could reach it.
    """
    logs.init_logs("lab")
    config = config or Config.from_environment()
    hops = Hops()
    app = _application("lab.victim", config, hops, config.base_url)
    intake.init_app(app)
    journey.init_app(app)
    other = _application("lab.attacker", config, hops, config.attacker_url)
    places.init_apps(app, other)
    attacks.init_apps(app, other, config, hops)
    sessions.init_app(app)

    answer, answer_as_attacker = app.wsgi_app, other.wsgi_app
    attacker_host = config.attacker_url.removeprefix("http://")

    def by_host(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_attacker = environ.get("HTTP_HOST", "").lower() == attacker_host
        return (answer_as_attacker if is_attacker else answer)(environ, start_response)

    app.wsgi_app = by_host  # type: ignore[method-assign]
    return app


def _application(name: str, config: Config, hops: Hops, base_url: str) -> Flask:
    app = Application(name, root_path=str(FOLDER))
    app.debug = False  # FLASK_DEBUG would let errors past our pages
    current.init_app(app, config, hops)
    app.jinja_env.globals.update(lab=config.base_url, attacker=config.attacker_url)
    texts.init_app(app)
    access_log.init_app(app)
    limit_bodies(app, MAXIMUM)
    security_headers.init_app(app, https=False)
    error_pages.init_app(app, template="error.html")
    answer_only_to(app, base_url, any_host=health.PATHS)
    if not config.serving.published_on_loopback:
        answer_only_this_machine(app)
    for path in health.PATHS:  # it depends on nothing that could be away
        app.add_url_rule(path, f"health.{path[1:]}", health.healthz)
    return app
