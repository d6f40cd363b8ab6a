from tests.end_to_end.raw_http import ask, get_request
from tests.pair import running


def test_with_keys_from_a_file_server2_asks_server1_for_nothing(pair, signed_in, tmp_path):
    keys = tmp_path / "jwks.json"
    keys.write_text(signed_in.get(f"{pair.server1.base_url}/.well-known/jwks.json").text)
    callback = signed_in.callback_url("/session")
    ((name, value),) = signed_in.cookies("s2_tx_").items()
    pinned = pair.replica(
        HANDOFF_PINNED_KEYS=str(keys), HANDOFF_JWKS_URI="http://127.0.0.1:1/nowhere"
    )
    with running(pinned):
        ready = ask(pinned.address, get_request(f"{pair.server2.base_url}/readyz"))
        request = get_request(callback, headers=[f"Cookie: {name}={value}"])
        arrived = ask(pinned.address, request)
    assert (ready.status, arrived.status) == (200, 303)
    assert arrived.headers["Location"] == "/session"
