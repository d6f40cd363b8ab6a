#!/bin/bash
# Flask-CORS 6.0.5: a cache gives a page of an allowed origin the answer that was meant for somebody else.
#
# Seen: an API answers with "Cache-Control: public, max-age=300" from behind a CDN, and CORS(app, origins=...) names who
# may read it: a regular expression, or a list. The answers to allowed origins carry "Vary: Origin". The answer to an
# origin that is not on the list does not, nor does, with a regular expression or always_send=False, the answer to a
# request without Origin: an image, a link, a monitor, curl. If one of these comes first, the cache holds an answer
# without Access-Control-Allow-Origin and with no word that it is for some only, and gives it to the next page: its
# browser reports a CORS error, for five minutes. Whoever looks into it with curl finds the API's own answer in order.
# With one origin alone no answer at all has Vary, and a request from any other does the same.
#
# Expected: Vary on all of them. The Fetch standard, section "CORS protocol and HTTP caches", wants it in each answer as
# soon as one of them depends on Origin, those to other requests included, and tells this very story. Flask-CORS's own
# text on vary_header has it tell caches that the headers are dynamic. In corydolphin/flask-cors#293, open since 2021,
# it is said that always_send covers this: it does for a request without Origin and a list of plain origins, and is why
# that pair is well below. django-cors-headers 4.9.0 has Vary on all.
#
# Source: get_cors_headers() in flask_cors/core.py of that version, read there, and run here: where no origin is to be
# allowed it returns before it comes to Vary. Until then: response.vary.add("Origin") in an after_request, as below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    Flask-CORS==6.0.5 Flask==3.1.3 hishel==2.0.0 httpx==0.28.1 Django==5.2.19 django-cors-headers==4.9.0

cat >ask.py <<'PYTHON'
import sqlite3
import sys

import httpx
from hishel import CacheOptions, SqliteStorage
from hishel.httpx import CacheTransport

library, kind, first = sys.argv[1:]
ALLOWED = {
    "expression": [r"https://.*\.notes\.example"],
    "list": ["https://a.notes.example", "https://b.notes.example"],
    "one": ["https://b.notes.example"],
}[kind]


def with_flask():
    from flask import Flask
    from flask_cors import CORS

    app = Flask(__name__)

    @app.get("/notes")
    def notes():
        return "notes", {"Cache-Control": "public, max-age=300"}

    if library == "Flask-CORS with own Vary":

        @app.after_request
        def vary(response):
            response.vary.add("Origin")
            return response

    CORS(app, origins=ALLOWED, always_send=library != "Flask-CORS without always_send")
    return app


def with_django():
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.urls import path

    settings.configure(
        ALLOWED_HOSTS=["api.example"],
        CORS_ALLOWED_ORIGIN_REGEXES=ALLOWED if kind == "expression" else [],
        CORS_ALLOWED_ORIGINS=ALLOWED if kind != "expression" else [],
        INSTALLED_APPS=["corsheaders"],
        MIDDLEWARE=["corsheaders.middleware.CorsMiddleware"],
        ROOT_URLCONF=__name__,
    )
    global urlpatterns
    urlpatterns = [path("notes", lambda _: HttpResponse("notes", headers={"Cache-Control": "public, max-age=300"}))]
    return get_wsgi_application()


application = with_django() if library == "django-cors-headers" else with_flask()
cache = httpx.Client(
    transport=CacheTransport(
        httpx.WSGITransport(application),
        storage=SqliteStorage(connection=sqlite3.connect(":memory:", check_same_thread=False)),
        rfc=CacheOptions(shared=True),
    ),
    base_url="https://api.example",
)
for origin in first, "https://b.notes.example":
    answer = cache.get("/notes", headers={"Origin": origin} if origin != "none" else {})
stored = "stored" if answer.extensions["caching"]["from_cache"] else "fetched"
readable = answer.headers.get("Access-Control-Allow-Origin") == "https://b.notes.example"
print(f"{stored}, {'can be read' if readable else 'CORS error'}")
PYTHON

# see LIBRARY ORIGINS FIRST EXPECTED: after a request from FIRST (or without Origin), what b.notes.example gets
see() {
    local seen
    seen=$(venv/bin/python ask.py "$1" "$2" "$3")
    echo "$1, $2, after $3: $seen"
    [ "$seen" = "$4" ] || { echo "expected: $4"; exit 1; }
}

other=https://other.example
see Flask-CORS expression https://a.notes.example 'fetched, can be read'
see Flask-CORS expression none 'stored, CORS error'
see Flask-CORS expression $other 'stored, CORS error'
see Flask-CORS list none 'fetched, can be read'
see Flask-CORS list $other 'stored, CORS error'
see Flask-CORS one $other 'stored, CORS error'
see 'Flask-CORS without always_send' list none 'stored, CORS error'
see 'Flask-CORS with own Vary' expression none 'fetched, can be read'
see 'Flask-CORS with own Vary' one $other 'fetched, can be read'
see django-cors-headers expression none 'fetched, can be read'
see django-cors-headers list $other 'fetched, can be read'
see django-cors-headers one $other 'fetched, can be read'
