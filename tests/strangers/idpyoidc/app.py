"""A provider on idpyoidc, after the Flask application among its examples."""

import json
import os
from pathlib import Path

from flask import Flask, make_response, redirect, request
from idpyoidc.message.oauth2 import ResponseMessage
from idpyoidc.message.oidc import AuthorizationRequest
from idpyoidc.server import Server
from idpyoidc.server.configure import OPConfiguration
from idpyoidc.server.oidc.session import Session

ISSUER, CLIENT = os.environ["ISSUER"], json.loads(os.environ["CLIENT"])
SIGN_IN = """
<form method="post" action="{{ action }}">
  <input type="hidden" name="token" value="{{ token }}">
  <input name="username"><input name="password" type="password"><input name="answer" value="yes">
</form>
"""
SIGN_OUT = """
<form method="post" action="/rp_logout">
  <input type="hidden" name="sjwt" value="{sjwt}">
</form>
"""


class EndSession(Session):  # type: ignore[misc]
    def client_authentication(self, request, http_info=None, **arguments):
        return {}  # its own fails, with a KeyError, wherever a browser sends no bearer token


END_SESSION = {
    "path": "session",
    "class": EndSession,
    "kwargs": {
        "logout_verify_url": "/verify_logout",
        "post_logout_uri_path": "post_logout",
        "signing_alg": "RS256",
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    },
}
Path("templates").mkdir(exist_ok=True)
Path("templates/user_pass.jinja2").write_text(SIGN_IN, encoding="utf-8")
configuration = OPConfiguration(
    {
        "issuer": ISSUER,
        "key_conf": {
            "private_path": os.environ["KEYS"],
            "key_defs": [],
            "read_only": True,
            "uri_path": "static/jwks.json",
        },
        "cookie_handler": {
            "class": "idpyoidc.server.cookie_handler.CookieHandler",
            "kwargs": {
                "keys": {
                    "key_defs": [
                        {"type": "OCT", "use": ["enc"], "kid": "enc"},
                        {"type": "OCT", "use": ["sig"], "kid": "sig"},
                    ]
                }
            },
        },
        # The default names a file of keys for other tokens, and cannot do without it.
        "token_handler_args": {
            "id_token": {
                "class": "idpyoidc.server.token.id_token.IDToken",
                "kwargs": {"add_claims_by_scope": True},
            }
        },
        "authentication": {
            "user": {
                "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:InternetProtocolPassword",
                "class": "idpyoidc.server.user_authn.user.UserPassJinja2",
                "kwargs": {
                    "verify_endpoint": "/verify/user",
                    "template": "user_pass.jinja2",
                    "db": {"class": dict, "kwargs": {"ada": "a password"}},
                },
            }
        },
        "userinfo": {
            "class": "idpyoidc.server.user_info.UserInfo",
            "kwargs": {
                "db": {"ada": {"name": "Ada", "email": "ada@example.com", "email_verified": True}}
            },
        },
    }
)
configuration.endpoint["end_session"] = END_SESSION
server = Server(configuration)
context = server.context
context.cdb[CLIENT["client_id"]] = {
    **CLIENT,
    "redirect_uris": [(uri, None) for uri in CLIENT["redirect_uris"]],
    "post_logout_redirect_uris": [(uri, None) for uri in CLIENT["post_logout_redirect_uris"]],
    "response_types_supported": CLIENT["response_types"],
}
app = Flask(__name__)


def cookies_on(response, cookies):
    for cookie in cookies:
        name, value, expires = cookie["name"], cookie["value"], cookie.get("expires")
        response.set_cookie(name, value, expires=expires, samesite="Lax")
    return response


def respond(endpoint, asked, **arguments):
    info = endpoint.do_response(request=asked, **arguments)
    if info.get("response_placement", endpoint.response_placement) == "url":
        response = redirect(info["response"])
    else:
        response = make_response(info["response"], info.get("response_code", 200))
        response.headers.update(info["http_headers"])
    return cookies_on(response, info.get("cookie", []))


def served(name):
    endpoint = server.get_endpoint(name)
    cookies = [{"name": name, "value": value} for name, value in request.cookies.items()]
    http_info = {"method": request.method, "url": request.url, "headers": {}, "cookie": cookies}
    try:
        asked = endpoint.parse_request(request.args.to_dict(), http_info=http_info)
        if isinstance(asked, ResponseMessage) and "error" in asked:
            return asked.to_dict(), 400
        arguments = endpoint.process_request(asked, http_info=http_info)
    except Exception as error:
        return {"error": "invalid_request", "error_description": str(error)}, 400
    if "redirect_location" in arguments:
        return redirect(arguments["redirect_location"])
    if "http_response" in arguments:
        return arguments["http_response"]
    return respond(endpoint, asked, **arguments)


@app.get("/.well-known/openid-configuration")
def provider_info():
    return served("provider_config")


@app.get("/static/jwks.json")
def jwks():
    return context.keyjar.export_jwks()


@app.get("/authorization")
def authorization():
    return served("authorization")


@app.get("/session")
def end_session():
    return served("session")


@app.post("/verify/user")
def verify_user():
    endpoint = server.get_endpoint("authorization")
    method = context.authn_broker.get_method_by_id("user")
    begun = method.unpack_token(request.form["token"])
    asked = AuthorizationRequest().from_urlencoded(begun["query"])
    if request.form["answer"] != "yes":
        reason = "They said:\n" + "no, " * 99
        denied = endpoint.error_by_response_mode({}, asked, "access_denied", reason)
        return respond(endpoint, asked, **denied)
    user = method.verify(**request.form.to_dict())
    acr, issued_at = begun["authn_class_ref"], begun["iat"]
    session_id = endpoint.create_session(asked, user, acr, issued_at, method)
    return respond(endpoint, asked, **endpoint.authz_part2(asked, session_id))


@app.get("/verify_logout")
def verify_logout():
    return SIGN_OUT.format(sjwt=request.args["sjwt"])


@app.post("/rp_logout")
def rp_logout():
    endpoint = server.get_endpoint("session")
    info = endpoint.unpack_signed_jwt(request.form["sjwt"])
    endpoint.do_verified_logout(alla="logout" in request.form, **info)
    return cookies_on(redirect(info["redirect_uri"]), endpoint.kill_cookies())


@app.get("/post_logout")
def post_logout():
    return "Signed out."


app.run(port=int(os.environ["PORT"]))
