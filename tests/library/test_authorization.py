from datetime import timedelta

import pytest
from itsdangerous import URLSafeSerializer

from flask_handoff import SignedInUser
from flask_handoff.errors import (
    AuthorizationExpiredError,
    AuthorizationRequestError,
    AuthorizationReturnedError,
    ClientUnknownError,
    RedirectURIMismatchError,
    ResponseModeError,
    StateError,
)
from flask_handoff.issuer.authorization import (
    LONGEST_STATE,
    AuthorizationRequest,
    ReturnAddress,
)
from flask_handoff.issuer.clients import ClientRegistry
from flask_handoff.issuer.request_carrier import LIFETIME, RequestCarrier
from tests.minimal_pair import CALLBACK, CLIENT

ASKED = {
    "client_id": ["notes"],
    "redirect_uri": [CALLBACK],
    "response_type": ["id_token"],
    "response_mode": ["form_post"],
    "scope": ["openid profile notes:read"],
    "state": ["s" * 43],
    "nonce": ["a-nonce"],
}


@pytest.fixture
def clients():
    return ClientRegistry([CLIENT])


@pytest.fixture
def carrier(clients):
    return RequestCarrier([b"secret"], clients)


@pytest.fixture
def read(clients, clock):
    """Reads a whole request; a parameter changed to None is left out."""

    def read(**changed):
        given = {**ASKED, **{name: [one] for name, one in changed.items() if one is not None}}
        unverified = {name: values for name, values in given.items() if changed.get(name, 1)}
        address = ReturnAddress.read(unverified, clients)
        return AuthorizationRequest.read(unverified, address, clock())

    return read


def test_a_request_is_read_as_it_was_sent(read, clients, clock):
    request = read(prompt="login", max_age="90", login_hint="ada@example.com")
    assert request.address == ReturnAddress(
        clients.client("notes"), CALLBACK, "form_post", "s" * 43
    )
    assert request.scope == {"openid", "profile", "notes:read"}
    assert (request.nonce, request.prompts) == ("a-nonce", {"login"})
    assert request.max_age == timedelta(seconds=90)
    assert request.login_hint == "ada@example.com"
    assert request.arrived_at == clock()


def test_what_is_optional_may_be_left_out(read):
    request = read()
    assert (request.prompts, request.max_age, request.login_hint) == (set(), None, None)


def test_a_scope_may_have_more_spaces_than_it_needs(read):
    assert read(scope=" openid  profile notes:read ").scope == read().scope


@pytest.mark.parametrize("login_hint", ["h" * 256, "ada\r\nBcc: x"])
def test_a_hint_that_fills_no_form_is_left_out(read, login_hint):
    assert read(login_hint=login_hint) == read()  # and not carried either


@pytest.mark.parametrize("name", ["prompts", "max_age", "login_hint"])
def test_a_parameter_without_a_value_counts_as_absent(clients, clock, name):
    unverified = {**ASKED, name.removesuffix("s"): [""]}
    address = ReturnAddress.read(unverified, clients)
    assert not getattr(AuthorizationRequest.read(unverified, address, clock()), name)


# The return address: until it is known, an error is a page.


SECRET = "6TCKqhrZizFmgSBTEefdu8R65N1v5M2Qi1x5Rlnt89g"
ADDRESS_FAULTS = {
    "client unknown": ("client_id", "evil", ClientUnknownError),
    "client in capitals": ("client_id", "NOTES", ClientUnknownError),
    "no redirect_uri": ("redirect_uri", None, RedirectURIMismatchError),
    "another redirect_uri": ("redirect_uri", f"{CALLBACK}/x", RedirectURIMismatchError),
    "no mode": ("response_mode", None, ResponseModeError),
    "mode of the standard's default": ("response_mode", "fragment", ResponseModeError),
    "no state": ("state", None, StateError),
    "state too long": ("state", "s" * (LONGEST_STATE + 1), StateError),
}


@pytest.mark.parametrize(
    ("name", "value", "error"), ADDRESS_FAULTS.values(), ids=list(ADDRESS_FAULTS)
)
def test_a_fault_of_the_return_address_is_told_to_nobody_else(read, name, value, error):
    with pytest.raises(AuthorizationRequestError) as refused:
        read(**{name: value})
    assert refused.type is error


def test_a_redirect_uri_is_told_beside_those_that_are_registered(read):
    unverified = "https://evil.example/\r\nforged\x1b" + "x" * 5000
    with pytest.raises(RedirectURIMismatchError) as refused:
        read(redirect_uri=unverified)
    told = str(refused.value)
    assert ": https://evil.example/%0D%0Aforged%1Bx" in told
    assert f"registered: {CALLBACK}" in told
    assert told.isprintable()
    assert len(told) < 600


@pytest.mark.parametrize(
    ("unverified", "told"),
    [
        (
            f"https://app.example/?tab=notes&code={SECRET}&state=x#{SECRET}",
            ": https://app.example/?tab=notes&code=...&state=x#...;",
        ),
        (SECRET, ": a text of 43 characters;"),
    ],
    ids=["within an address", "in place of one"],
)
def test_a_redirect_uri_is_told_without_what_may_be_secret(read, unverified, told):
    with pytest.raises(RedirectURIMismatchError) as refused:
        read(redirect_uri=unverified)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("unverified", "told"),
    [
        (None, ": 'fragment', as none is named;"),
        ("a\r\nb", ": a text that is no single line, of 4 characters;"),
        (SECRET, ": a text of 43 characters;"),
    ],
)
def test_a_mode_is_told_beside_those_that_are_registered(read, unverified, told):
    with pytest.raises(ResponseModeError) as refused:
        read(response_mode=unverified)
    assert f"{told} registered: form_post, query; response types: id_token" in str(refused.value)


def test_no_client_is_a_fault_of_the_return_address(read):
    with pytest.raises(ClientUnknownError):
        read(client_id=None)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "response_mode", "state"])
def test_a_part_of_the_return_address_that_comes_twice_is_refused(clients, name):
    unverified = {**ASKED, name: [*ASKED[name], *ASKED[name]]}
    with pytest.raises(AuthorizationRequestError) as refused:
        ReturnAddress.read(unverified, clients)
    assert refused.type is AuthorizationRequestError


@pytest.mark.parametrize(
    "state", ["s" * 22, "s" * 64, "aZ09-_" * 4], ids=["shortest", "longest", "its alphabet"]
)
def test_a_state_of_the_form_of_its_policy_is_carried(read, state):
    assert read(state=state).address.state == state


@pytest.mark.parametrize(
    "state",
    [
        "",
        "s",
        "s" * 21,
        "s" * 65,
        "s" * 42 + "\x00",
        "s" * 42 + "\n",
        "s" * 42 + "=",
        "\u00df" * 30,
    ],
    ids=ascii,
)
def test_a_state_that_its_client_could_not_read_is_refused(read, state):
    with pytest.raises(StateError):
        read(state=state)


@pytest.mark.parametrize("state", [None, "s", "\u00df \r\n<>" + "s" * (LONGEST_STATE - 6)])
def test_a_foreign_client_may_send_any_state_or_none(state):
    foreign = ClientRegistry([{**CLIENT, "policy": "oidc"}])
    unverified = {**ASKED, "state": [] if state is None else [state]}
    assert ReturnAddress.read(unverified, foreign).state == state


def test_a_foreign_client_s_state_is_bounded():
    foreign = ClientRegistry([{**CLIENT, "policy": "oidc"}])
    with pytest.raises(StateError):
        ReturnAddress.read({**ASKED, "state": ["s" * (LONGEST_STATE + 1)]}, foreign)


# The rest: the client is told.


RETURNED_FAULTS = {
    "no response_type": ("response_type", None, "invalid_request"),
    "response_type code": ("response_type", "code", "unsupported_response_type"),
    "response_type of two": ("response_type", "id_token token", "unsupported_response_type"),
    "no nonce": ("nonce", None, "invalid_request"),
    "nonce with a space": ("nonce", "a b", "invalid_request"),
    "nonce too long": ("nonce", "n" * 256, "invalid_request"),
    "nonce not ASCII": ("nonce", "\u00df", "invalid_request"),
    "no scope": ("scope", None, "invalid_scope"),
    "scope without openid": ("scope", "profile", "invalid_scope"),
    "scope of another case": ("scope", "OpenID", "invalid_scope"),
    "scope with a tab": ("scope", "openid\tprofile", "invalid_scope"),
    "scope of spaces": ("scope", "  ", "invalid_scope"),
    "scope with a quote": ("scope", 'openid "', "invalid_scope"),
    "scope too long": ("scope", "openid " + "s" * 1024, "invalid_scope"),
    "prompt unknown": ("prompt", "create", "invalid_request"),
    "prompt none and more": ("prompt", "none login", "invalid_request"),
    "max_age negative": ("max_age", "-1", "invalid_request"),
    "max_age a fraction": ("max_age", "1.5", "invalid_request"),
    "max_age endless": ("max_age", "1" * 21, "invalid_request"),
    "max_age in other digits": ("max_age", "\u0663", "invalid_request"),
    "a request object": ("request", "eyJ", "request_not_supported"),
    "a request by address": ("request_uri", "https://x.example", "request_uri_not_supported"),
    "a registration": ("registration", "{}", "registration_not_supported"),
}


@pytest.mark.parametrize(
    ("name", "value", "error"), RETURNED_FAULTS.values(), ids=list(RETURNED_FAULTS)
)
def test_another_fault_is_told_to_the_client(read, name, value, error):
    with pytest.raises(AuthorizationReturnedError) as refused:
        read(**{name: value})
    assert refused.value.error == error


REPEATED = ("response_type", "nonce", "scope", "prompt", "max_age", "login_hint")


@pytest.mark.parametrize("name", REPEATED)
def test_a_parameter_that_comes_twice_is_an_invalid_request(clients, clock, name):
    unverified = {**ASKED, name: [*ASKED.get(name, ["1"]), "1"]}
    address = ReturnAddress.read(unverified, clients)
    with pytest.raises(AuthorizationReturnedError) as refused:
        AuthorizationRequest.read(unverified, address, clock())
    assert refused.value.error == "invalid_request"


# Who has to sign in.


@pytest.mark.parametrize(
    ("asked", "age", "needed"),
    [
        ({}, 10**6, False),
        ({"prompt": "none"}, 10**6, False),
        ({"prompt": "login"}, 1, True),
        ({"prompt": "login"}, 0, False),
        ({"prompt": "login"}, -30, False),
        ({"max_age": "60"}, 60, False),
        ({"max_age": "60"}, 61, True),
        ({"max_age": "0"}, 1, True),
        ({"max_age": "0"}, -1, False),
        ({"max_age": str(2**63)}, 10**6, False),
        ({"prompt": "login", "max_age": "3600"}, 1, True),
    ],
)
def test_a_sign_in_is_needed_when_the_last_one_is_too_old(read, clock, asked, age, needed):
    user = SignedInUser("ada", "sid", auth_time=clock() - timedelta(seconds=age))
    assert read(**asked).needs_sign_in(user) is needed


# Carried through the sign-in.


@pytest.mark.parametrize("asked", [{}, {"prompt": "login", "max_age": "90", "login_hint": "ada"}])
def test_a_request_comes_out_as_it_went_in(read, carrier, clock, asked):
    request = read(**asked)
    assert carrier.unpack(carrier.pack(request), clock()) == request


def test_a_request_is_carried_for_ten_minutes(read, carrier, clock):
    carried = carrier.pack(read())
    clock.tick(seconds=599)
    assert carrier.unpack(carried, clock())
    clock.tick(seconds=1)
    with pytest.raises(AuthorizationExpiredError):
        carrier.unpack(carried, clock())
    assert timedelta(minutes=10) == LIFETIME


@pytest.mark.parametrize(
    "change",
    [
        lambda carried: "",
        lambda carried: "a.b",
        lambda carried: carried[:-1],
        lambda carried: "x" + carried,
        lambda carried: carried.rpartition(".")[0],
        lambda carried: carried + " ",
        lambda carried: "\u00df" + carried,
        lambda carried: "https://evil.example.com",
    ],
)
def test_what_was_not_signed_here_is_not_continued(read, carrier, clock, change):
    with pytest.raises(AuthorizationExpiredError):
        carrier.unpack(change(carrier.pack(read())), clock())


@pytest.mark.parametrize(
    "fields", [{}, [], "text", {"address": {}, "scope": 1}, ["now", {}], [2**31, "text"], ...]
)
def test_what_another_version_signed_is_too_late(read, carrier, clock, fields):
    signer = URLSafeSerializer(b"secret", salt="flask_handoff.authorization_request")
    if fields is ...:
        fields = [*signer.loads(carrier.pack(read())), "added later"]
    with pytest.raises(AuthorizationExpiredError):
        carrier.unpack(signer.dumps(fields), clock())


def test_what_another_application_signed_is_not_continued(read, carrier, clients, clock):
    with pytest.raises(AuthorizationExpiredError):
        carrier.unpack(RequestCarrier([b"another"], clients).pack(read()), clock())


def test_an_older_secret_still_reads_and_no_longer_signs(read, clients, clock):
    before = RequestCarrier([b"old"], clients)
    both = RequestCarrier([b"old", b"new"], clients)
    assert both.unpack(before.pack(read()), clock())
    with pytest.raises(AuthorizationExpiredError):
        before.unpack(both.pack(read()), clock())


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "renamed"}, ClientUnknownError),
        ({"redirect_uris": [f"{CALLBACK}/new"]}, RedirectURIMismatchError),
        ({"response_modes": ["query"]}, ResponseModeError),
    ],
)
def test_a_carried_request_ends_with_the_registration_it_relied_on(
    read, carrier, clock, changed, error
):
    later = RequestCarrier([b"secret"], ClientRegistry([{**CLIENT, **changed}]))
    with pytest.raises(error):
        later.unpack(carrier.pack(read()), clock())
