"""A web application on Flask-Dance, which knows OAuth 2.0 alone: who it is, userinfo tells."""

import os

from flask import Flask, redirect, url_for
from flask_dance.consumer import OAuth2ConsumerBlueprint

app = Flask(__name__)
app.secret_key = os.urandom(32)
accounts = OAuth2ConsumerBlueprint(
    "accounts",
    __name__,
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    scope=["openid", "profile", "email"],
    base_url=os.environ["ISSUER"],
    authorization_url=f"{os.environ['ISSUER']}/authorize",
    token_url=f"{os.environ['ISSUER']}/token",
)
app.register_blueprint(accounts, url_prefix="/login")


@app.get("/")
def home():
    if not accounts.session.authorized:
        return redirect(url_for("accounts.login"))
    answer = accounts.session.get("/userinfo")
    answer.raise_for_status()
    return answer.json()


app.run(port=int(os.environ["PORT"]))
