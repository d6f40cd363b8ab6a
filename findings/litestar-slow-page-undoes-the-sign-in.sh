#!/bin/bash
# Litestar 2.25.0: a page that is still loading undoes the sign-in that happens meanwhile, without touching the session.
#
# Seen: a browser has asked for a report that takes its time, or polls in the background, and somebody signs in. Then
# the report arrives, and on the next page nobody is signed in; what was put into a cart meanwhile goes in the same way.
# The handler of the report never looked at the session. So it is with sessions on the server, and with those in a
# cookie once there is anything in them. On the server it is not the only effect: renew_on_access=False, the default, is
# like True, as the time to live starts afresh with each request; and each visitor without a cookie, a health check as
# well, is given a session, and the store keeps an empty one for a fortnight.
#
# Expected: a session that did not change is left alone. Its reference has renew_on_access renew the time to live when a
# session is accessed, so that without it there is none, and has a null cookie set for a session that is empty. In
# Django 5.2.19 (server) and Starlette 1.10.0 (cookie), with the same three pages, ann stays signed in, and who only
# looks gets no session. Where a framework offers to save each time, as Django does and express-session with resave,
# it is an option, and the README of the latter warns of just this race.
#
# Source: SessionMiddleware in litestar/middleware/session/base.py and store_in_message() in server_side.py and
# client_side.py of that version, read there, and run here: with the first message of each answer the session that was
# loaded is written again, whatever was stored meanwhile. It bites where requests of one browser overlap, thus with any
# polling, and the loss is gone when it is looked for. Until then: a backend that compares, as below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    litestar==2.25.0 cryptography==50.0.2 httpx==0.28.1 \
    Django==5.2.19 starlette==1.10.0 itsdangerous==2.2.0

cat >pages.py <<'PYTHON'
import asyncio
import copy
import sys

import httpx

kind, way = sys.argv[1:]
loading, loaded = asyncio.Event(), asyncio.Event()


async def load():
    loading.set()
    await loaded.wait()


def litestar():
    from litestar import Litestar, Request, get, post
    from litestar.middleware.session.client_side import CookieBackendConfig
    from litestar.middleware.session.server_side import ServerSideSessionBackend, ServerSideSessionConfig
    from litestar.stores.memory import MemoryStore

    @get("/")
    async def index(request: Request) -> str:
        return request.session.get("user", "nobody")

    @get("/report")
    async def report() -> str:
        await load()
        return "the report"

    @post("/language")
    async def language(request: Request) -> None:
        request.session["language"] = "en"

    @post("/sign-in")
    async def sign_in(request: Request) -> None:
        request.session["user"] = "ann"

    class Comparing(ServerSideSessionBackend):
        async def load_from_connection(self, connection):
            session = await super().load_from_connection(connection)
            connection.scope["loaded session"] = copy.deepcopy(session)
            return session

        async def store_in_message(self, scope_session, message, connection):
            if scope_session != connection.scope["loaded session"]:
                await super().store_in_message(scope_session, message, connection)

    class ComparingConfig(ServerSideSessionConfig):
        _backend_class = Comparing

    config = {
        "Litestar, server": lambda: ServerSideSessionConfig(max_age=1000),
        "Litestar, server, renewing": lambda: ServerSideSessionConfig(max_age=1000, renew_on_access=True),
        "Litestar, server, comparing": lambda: ComparingConfig(max_age=1000),
        "Litestar, cookie": lambda: CookieBackendConfig(secret=b"of this script a"),
    }[kind]()
    store = MemoryStore()
    app = Litestar([index, report, language, sign_in], middleware=[config.middleware], stores={"sessions": store})
    return app, store


def starlette():
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.sessions import SessionMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def index(request):
        return PlainTextResponse(request.session.get("user", "nobody"))

    async def report(request):
        await load()
        return PlainTextResponse("the report")

    async def language(request):
        request.session["language"] = "en"
        return PlainTextResponse("")

    async def sign_in(request):
        request.session["user"] = "ann"
        return PlainTextResponse("")

    routes = [
        Route("/", index),
        Route("/report", report),
        Route("/language", language, methods=["POST"]),
        Route("/sign-in", sign_in, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(SessionMiddleware, secret_key="of this script")]), None


def django():
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpResponse
    from django.urls import path

    async def index(request):
        return HttpResponse(await request.session.aget("user", "nobody"))

    async def report(request):
        await load()
        return HttpResponse("the report")

    async def language(request):
        await request.session.aset("language", "en")
        return HttpResponse()

    async def sign_in(request):
        await request.session.aset("user", "ann")
        return HttpResponse()

    settings.configure(
        ROOT_URLCONF=type("urls", (), {}),
        SECRET_KEY="of this script",
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        SESSION_ENGINE="django.contrib.sessions.backends.cache",
    )
    settings.ROOT_URLCONF.urlpatterns = [
        path("", index),
        path("report", report),
        path("language", language),
        path("sign-in", sign_in),
    ]
    return get_asgi_application(), None


async def main():
    app, store = {"Litestar": litestar, "Starlette": starlette, "Django": django}[kind.split(",")[0]]()

    def browser():
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notes.example")

    client = browser()
    if way == "visitors":
        visits = [await browser().get("/") for _ in range(3)]
        print(sum("set-cookie" in visit.headers for visit in visits), "of 3 given a cookie")
        return
    await client.post("/language")
    if way == "time to live":
        await client.post("/sign-in")
        number = client.cookies["session"]
        await store.set(number, await store.get(number), expires_in=100)
        user = (await client.get("/")).text
        print(f"{user}, {'of 1000' if await store.expires_in(number) > 100 else 'of 100'} seconds")
        return
    report = asyncio.create_task(client.get("/report"))
    await loading.wait()
    await client.post("/sign-in")
    seen = [(await client.get("/")).text]
    loaded.set()
    await report
    seen.append((await client.get("/")).text)
    print(", then ".join(seen))


asyncio.run(main())
PYTHON

# see KIND WAY EXPECTED
see() {
    local seen
    seen=$(timeout 20 venv/bin/python -W ignore pages.py "$1" "$2" 2>errors.txt) || { cat errors.txt; exit 1; }
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see 'Django, server' report 'ann, then ann'
see 'Litestar, server' report 'ann, then nobody'
see 'Litestar, server, comparing' report 'ann, then ann'
see 'Starlette, cookie' report 'ann, then ann'
see 'Litestar, cookie' report 'ann, then nobody'
see 'Litestar, server, renewing' 'time to live' 'ann, of 1000 seconds'
see 'Litestar, server' 'time to live' 'ann, of 1000 seconds'
see 'Litestar, server, comparing' 'time to live' 'ann, of 100 seconds'
see 'Django, server' visitors '0 of 3 given a cookie'
see 'Litestar, server' visitors '3 of 3 given a cookie'
see 'Litestar, server, comparing' visitors '0 of 3 given a cookie'
see 'Litestar, cookie' visitors '0 of 3 given a cookie'
