#!/bin/bash
# Django 5.2.19: after an upgrade of Django, a sign-in on one device signs the user out on all others.
#
# Seen: a user is signed in on a laptop and on a phone, on a site with Django's default settings. The site goes from
# Django 5.1 to 5.2, and both stay signed in. Then the laptop signs in again, with the same password: the phone is
# signed out, at its next request and without a word. A page that asks a signed-in user for the password once more, and
# calls request.user.check_password(), even signs out the very browser that has just typed it correctly. Each user meets
# this once per upgrade: every feature release of Django raises the iterations of PBKDF2.
#
# Expected: both stay signed in, as with the same release twice. Django's chapter on passwords, "Password upgrading",
# has a sign-in bring the stored hash up to date, and says nothing of sessions; the default user model ends them when
# the password is changed ("Session invalidation on password change"). Nobody has changed it, and a comment in
# check_password() says that an upgraded hash shall not count as a change.
#
# Source: AbstractBaseUser.check_password() and get_session_auth_hash() of that version, read there, and run here: what
# the session is bound to is the stored text, salt and iterations included. Until then: pin the iterations in a hasher
# of one's own and raise them on a chosen day, and call update_session_auth_hash() after check_password().
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for version in 5.1.15 5.2.19; do
    python3 -m venv "$version"
    "$version/bin/pip" install --quiet --disable-pip-version-check "Django==$version"
done

cat >hashers.py <<'PYTHON'
from django.contrib.auth.hashers import PBKDF2PasswordHasher


class Pinned(PBKDF2PasswordHasher):
    iterations = 870_000
PYTHON

cat >site_with_accounts.py <<'PYTHON'
import sys
from pathlib import Path

import django
from django.conf import settings

deed, name = sys.argv[1:]
settings.configure(
    SECRET_KEY="the same in each release",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{name}.sqlite3"}},
    **({"PASSWORD_HASHERS": ["hashers.Pinned"]} if "pinned" in deed else {}),
)
django.setup()

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import path

PASSWORD = "correct horse battery staple"


def confirm(request):
    assert request.user.check_password(request.POST["password"])
    if "update" in deed:
        update_session_auth_hash(request, request.user)
    return HttpResponse("confirmed")


urlpatterns = [
    path("", lambda request: HttpResponse(request.user.get_username() or "signed out")),
    path("sign-in", LoginView.as_view(next_page="/")),
    path("confirm", confirm),
]


def sign_in():
    device = Client()
    assert device.post("/sign-in", {"username": "ann", "password": PASSWORD}).status_code == 302
    return device


def seen_by(device):
    return device.get("/").content.decode()


cookie = Path(f"{name}.cookie")
if deed == "before":
    call_command("migrate", verbosity=0)
    User.objects.create_user("ann", password=PASSWORD)
    cookie.write_text(sign_in().cookies["sessionid"].value)
else:
    phone = Client()
    phone.cookies["sessionid"] = cookie.read_text()
    before = seen_by(phone)
    if "confirm" in deed:
        assert phone.post("/confirm", {"password": PASSWORD}).content == b"confirmed"
        print(f"phone: {before}, then {seen_by(phone)}")
    else:
        laptop = sign_in()
        print(f"phone: {before}, then {seen_by(phone)}; laptop: {seen_by(laptop)}")
PYTHON

# see VERSION_AFTER DEED EXPECTED
see() {
    local name=${2// /-}-$1 seen
    5.1.15/bin/python site_with_accounts.py before "$name"
    seen=$("$1/bin/python" site_with_accounts.py "$2" "$name")
    echo "Django 5.1.15, then $1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see 5.1.15 'sign in' 'phone: ann, then ann; laptop: ann'
see 5.2.19 'sign in' 'phone: ann, then signed out; laptop: ann'
see 5.2.19 'sign in, pinned' 'phone: ann, then ann; laptop: ann'
see 5.1.15 confirm 'phone: ann, then ann'
see 5.2.19 confirm 'phone: ann, then signed out'
see 5.2.19 'confirm, update' 'phone: ann, then ann'
