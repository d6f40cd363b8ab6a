#!/bin/bash
# Flask-Session 0.8.0 on SQLAlchemy: what a failed view had not committed is committed with the session.
#
# Seen: an application gives its Flask-SQLAlchemy object to Flask-Session, as SESSION_SQLALCHEMY asks. A view adds a
# row, and fails before it commits: by an exception, or by abort(409) because a later check says no. The answer is 500
# or 409, and the row is in the database. The sessions are rows of the same db.session; Flask saves the session of
# every answer, also of one to an error, before the context is torn down; and Flask-Session then calls
# db.session.commit(), for all that is pending. With SESSION_REFRESH_EACH_REQUEST, which is Flask's default, it does so
# for each visitor who has anything in the session. For one who has nothing, there is nothing to save, and the row is
# gone. So the same failure keeps its half for those who are signed in, and undoes it for those who are not.
#
# Expected: what is not committed is given up. Flask-SQLAlchemy's quick start tells its users that they have to commit
# and that it removes the session itself; Flask-Session's reference of SESSION_SQLALCHEMY speaks of no commit.
#
# Source: SqlAlchemySessionInterface._upsert_session() of that version and Flask.process_response() of 3.1.3, read
# there, and run here. Until then: db.session.rollback() in an after_request function, as those run before the session
# is saved. It matters to whoever counts on a transaction being all or nothing.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    Flask-Session==0.8.0 Flask-SQLAlchemy==3.1.1 SQLAlchemy==2.1.9 Flask==3.1.3 Werkzeug==3.1.9

cat >views.py <<'PYTHON'
import os
import sys
import tempfile

from flask import Flask, abort, session
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy

visitor, way, remedy = sys.argv[1:]
folder = tempfile.mkdtemp(dir=os.getcwd())
app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder}/notes.sqlite3"
app.config["SESSION_TYPE"] = "sqlalchemy"
app.config["SESSION_SQLALCHEMY"] = db = SQLAlchemy(app)
app.logger.disabled = True


class Note(db.Model):
    id = db.Column(db.Integer, primary_key=True)


Session(app)


@app.get("/sign-in")
def sign_in():
    session["name"] = "ada"
    return "welcome"


@app.get("/exception")
def fail():
    db.session.add(Note())
    raise RuntimeError


@app.get("/abort")
def refuse():
    db.session.add(Note())
    abort(409)


if remedy == "rollback":

    @app.after_request
    def give_up(response):
        db.session.rollback()
        return response


with app.app_context():
    db.create_all()
browser = app.test_client()
if visitor == "signed-in":
    browser.get("/sign-in")
status = browser.get(f"/{way}").status_code
with app.app_context():
    print(f"{status}, notes: {db.session.query(Note).count()}")
PYTHON

# see VISITOR WAY REMEDY EXPECTED
see() {
    local seen
    seen=$(venv/bin/python -W ignore views.py "$1" "$2" "$3")
    echo "$1, $2, $3: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

see nobody exception as-is '500, notes: 0'
see nobody abort as-is '409, notes: 0'
see signed-in exception as-is '500, notes: 1'
see signed-in abort as-is '409, notes: 1'
see signed-in exception rollback '500, notes: 0'
see signed-in abort rollback '409, notes: 0'
