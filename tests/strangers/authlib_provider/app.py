"""A provider on Authlib, as its documentation builds one: grants, keys and pages are the app's."""

import json
import os
from types import SimpleNamespace

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDImplicitGrant
from authlib.oidc.rpinitiated import EndSessionEndpoint
from flask import Flask, request, session
from joserfc.jwk import KeySet

ISSUER = os.environ["ISSUER"]
ADA = SimpleNamespace(id="ada", name="Ada", email="ada@example.com")
SIGN_IN = '<form method="post">Sign in? <input name="answer" value="yes"></form>'
SIGN_OUT = '<form method="post">Sign out? <input name="answer" value="yes"></form>'
with open(os.environ["KEYS"], encoding="utf-8") as file:
    keys = KeySet.import_key_set(json.load(file))


class Client(ClientMixin):
    """The one client, as it is registered."""

    def __init__(self, metadata):
        self.client_metadata = metadata

    def get_client_id(self):
        return self.client_metadata["client_id"]

    def get_allowed_scope(self, scope):
        return scope

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri in self.client_metadata["redirect_uris"]

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "none"

    def check_response_type(self, response_type):
        return response_type in self.client_metadata["response_types"]


class ImplicitGrant(OpenIDImplicitGrant):
    def exists_nonce(self, nonce, request):
        return False

    def resolve_client_private_key(self, client):
        return keys

    def get_client_claims(self, client):
        return {"iss": ISSUER}

    def generate_user_info(self, user, scope):
        return UserInfo(sub=user.id, name=user.name, email=user.email, email_verified=True)


class EndSession(EndSessionEndpoint):
    def get_server_jwks(self):
        return keys

    def is_post_logout_redirect_uri_legitimate(self, request, uri, client, logout_hint):
        return True  # of registered ones; by default only an id_token_hint leads back

    def end_session(self, end_session_request):
        session.clear()


client = Client(json.loads(os.environ["CLIENT"]))
app = Flask(__name__)
app.secret_key = os.urandom(32)
server = AuthorizationServer(app, query_client={client.get_client_id(): client}.get)
server.register_grant(ImplicitGrant)
server.register_endpoint(EndSession)


@app.route("/authorize", methods=["GET", "POST"])
def authorize():
    user = ADA if session.get("id") == ADA.id else None
    try:
        grant = server.get_consent_grant(end_user=user)
    except OAuth2Error as error:
        return server.handle_error_response(None, error)
    if request.method == "GET" and grant.prompt:
        return SIGN_IN
    if request.method == "POST":
        user = ADA if request.form["answer"] == "yes" else None
        session["id"] = user and user.id
    return server.create_authorization_response(grant_user=user, grant=grant)


@app.route("/logout", methods=["GET", "POST"])
def logout():
    try:
        asked = server.validate_endpoint_request("end_session")
    except OAuth2Error as error:
        return server.handle_error_response(None, error)
    needs_confirmation = asked.needs_confirmation  # type: ignore[attr-defined]
    if needs_confirmation and request.method == "GET":
        return SIGN_OUT
    return server.create_endpoint_response("end_session", asked) or "Signed out."


@app.get("/jwks.json")
def jwks():
    return keys.as_dict(private=False)


@app.get("/.well-known/openid-configuration")
def metadata():
    return {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "jwks_uri": f"{ISSUER}/jwks.json",
        "end_session_endpoint": f"{ISSUER}/logout",
        "response_types_supported": ["id_token"],
        "response_modes_supported": ["fragment", "form_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


app.run(port=int(os.environ["PORT"]))
