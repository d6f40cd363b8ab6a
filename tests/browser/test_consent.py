"""A user is asked by SERVER1, and arrives where their answer goes: at a website, or at an app."""

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.browser.tab import EMAIL


class Arrival(BaseHTTPRequestHandler):
    """Whatever waits for the code."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Arrived</title><link rel=icon href=data:,>")

    def log_message(self, *_):
        pass


class OnIPv6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def listening(host):
    """Listen where a client does, and return the port."""
    kind = OnIPv6 if ":" in host else ThreadingHTTPServer
    with kind((host, 0), Arrival) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def register(pair, name, kind, redirect_uri):
    pair.server1.flask(
        *("clients", "add", name, "--kind", kind, "--redirect-uri", redirect_uri),
        *("--client-id", name),
    )


def ask(tab, client_id, redirect_uri):
    """Come from a client, and say where it is."""
    request = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": "openid profile notes:read",
        "code_challenge": "A" * 43,
        "code_challenge_method": "S256",
    }
    tab.page.goto(f"{tab.home1}authorize?{urlencode(request)}")


@pytest.mark.parametrize(
    ("name", "kind", "host", "registered"),
    [
        ("website", "web", "127.0.0.1", "http://127.0.0.1:{port}/"),
        ("terminal", "native", "127.0.0.1", "http://127.0.0.1/"),
        ("terminal6", "native", "::1", "http://[::1]/"),
    ],
)
def test_the_answer_arrives_from_either_page(tab, pair, name, kind, host, registered):
    with listening(host) as port:
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        register(pair, name, kind, registered.format(port=port))
        ask(tab, name, address)
        tab.fill_in_sign_in()
        tab.page.get_by_role("button", name="Allow", exact=True).click()
        tab.page.wait_for_url(lambda url: url.startswith(f"{address}?code="))
        tab.context.clear_cookies()
        ask(tab, name, address)
        tab.fill_in_sign_in()  # and no more is asked
        tab.page.wait_for_url(lambda url: url.startswith(f"{address}?code="))
        expect(tab.page).to_have_title("Arrived")


def test_everybody_can_read_what_they_agree_to(new_person, pair):
    tab = new_person(color_scheme="dark", viewport={"width": 360, "height": 640})
    name = "Donaudampfschiffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    with listening("127.0.0.1") as port:
        address = f"http://127.0.0.1:{port}/"
        pair.server1.flask(
            *("clients", "add", name, "--kind", "web", "--redirect-uri", address),
            *("--client-id", "company"),
        )
        ask(tab, "company", address)
        tab.fill_in_sign_in()
        tab.page.get_by_role("button", name="Do not allow").click()
        tab.page.wait_for_url(lambda url: url.startswith(f"{address}?error=access_denied"))
        ask(tab, "company", address)
        page = tab.page.get_by_role("main")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Allow {name}?")
        expect(page.get_by_role("listitem").filter(has_text="read your notes")).to_be_visible()
        expect(page).to_contain_text(EMAIL)
        assert (tab.violations(), tab.scrolls_sideways()) == ([], False)
        page.get_by_role("button", name="Allow", exact=True).click()
        expect(tab.page).to_have_title("Arrived")
        tab.page.goto(f"{tab.home1}account")
        agreed = tab.page.get_by_role("region", name="Apps and services you agreed to")
        row = agreed.get_by_role("listitem").filter(has_text=name)
        expect(row).to_contain_text("It may see your name and read your notes.")
        assert (tab.violations(), tab.scrolls_sideways()) == ([], False)
        row.get_by_role("button", name="Withdraw").click()
        expect(tab.page.get_by_role("status")).to_contain_text("Withdrawn.")
        expect(row).to_have_count(0)
