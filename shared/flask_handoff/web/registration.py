"""An extension's endpoints enter an application: they take no place that is somebody else's."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Flask
from werkzeug.routing import Rule

from flask_handoff.errors import ConfigurationError


def register_endpoints(app: Flask, blueprint: Blueprint) -> None:
    """Register an extension's blueprint, once, and only where its names and URLs are free.

    Flask-WTF's ``CSRFProtect`` leaves it alone: the attempt, or what a client proves, protects it.

    Raises:
        ConfigurationError: The application has such a blueprint, endpoint or URL already. Where it
            gets the URL later, each of its requests fails by this error.
    """
    name = blueprint.name
    taken = name in app.blueprints or any(
        endpoint.startswith(f"{name}.") for endpoint in app.view_functions
    )
    if taken:
        raise ConfigurationError(
            f"The application has a blueprint or endpoints named {name} already.",
            "Call init_app once for each application, and give your own another name.",
        )
    app.register_blueprint(blueprint)

    def complete() -> None:
        _check_urls(app, name)
        _exempt_from_csrf_tokens(app, blueprint)

    complete()
    when_complete(app, complete)


def when_complete(app: Flask, check: Callable[[], None]) -> None:
    """Call *check* before the first request, when the application has all its routes.

    What it raises, each request raises, until it passes.
    """

    def run() -> None:
        check()
        # A new list: the old one is being walked through.
        functions = app.before_request_funcs
        functions[None] = [each for each in functions[None] if each is not run]

    app.before_request_funcs.setdefault(None, []).append(run)


def check_page(app: Flask, argument: str, endpoint: str) -> None:
    """Refuse an endpoint that is no page of the application; for ``when_complete``.

    Raises:
        ConfigurationError: The application has none of this name that answers a GET, or its URL
            has a part that nobody fills in.
    """
    if app.url_build_error_handlers:  # they may know pages of another application
        return
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint == endpoint]
    if not any("GET" in (rule.methods or ()) for rule in rules):
        raise ConfigurationError(
            f"{argument}: the application has no page with the endpoint {endpoint!r}.",
            "Give the name that url_for takes: that of the view, with the blueprint's and a dot "
            "before it.",
        )
    if not app.url_default_functions and all(map(_needs_value, rules)):
        raise ConfigurationError(
            f"{argument}: the URL of {endpoint!r} has a part that has to be filled in.",
            "Give a page without one, or fill it in with app.url_defaults.",
        )


def _exempt_from_csrf_tokens(app: Flask, blueprint: Blueprint) -> None:
    protection = app.extensions.get("csrf")
    # Other extensions have taken this name as well, with an exempt of another kind.
    if protection is not None and type(protection).__module__.startswith("flask_wtf."):
        protection.exempt(blueprint)


def _needs_value(rule: Rule) -> bool:
    return not rule.arguments <= (rule.defaults or {}).keys()


def _check_urls(app: Flask, blueprint: str) -> None:
    rules = list(app.url_map.iter_rules())
    ours = {_place(rule): rule for rule in rules if rule.endpoint.startswith(f"{blueprint}.")}
    for rule in rules:
        own = ours.get(_place(rule))
        if own is None or rule.endpoint == own.endpoint:
            continue
        if _methods(rule) & _methods(own):
            raise ConfigurationError(
                f"The application has {rule.rule} already: its endpoint is {rule.endpoint}.",
                "Give HANDOFF_URL_PREFIX a path that nothing else lies below, such as /oidc.",
            )


def _methods(rule: Rule) -> set[str]:
    return (rule.methods or set()) - {"HEAD", "OPTIONS"}  # which Flask adds


def _place(rule: Rule) -> tuple[str, str | None, str | None]:
    return rule.rule, rule.host, rule.subdomain
