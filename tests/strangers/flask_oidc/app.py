"""A web application on flask-oidc, as its documentation begins."""

import os

from flask import Flask, session
from flask_oidc import OpenIDConnect

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.urandom(32),
    OIDC_CLIENT_SECRETS={
        "web": {
            "issuer": os.environ["ISSUER"],
            "client_id": os.environ["CLIENT_ID"],
            "client_secret": os.environ["CLIENT_SECRET"],
        }
    },
)
oidc = OpenIDConnect(app)


@app.get("/")
@oidc.require_login
def home():
    return session["oidc_auth_profile"]


app.run(port=int(os.environ["PORT"]))
