import re
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

FIELDS = re.compile(
    r"handoff rejected: code=(?P<code>\S+) check=(?P<check>\S+) claim=(?P<claim>\S+)"
    r" kid=(?P<kid>\S+) jti=(?P<jti>\S+) iss=(?P<iss>\S+)"
    r" reason=(?P<reason>.+) request_id=(?P<request_id>[0-9a-f]{16})"
)


@pytest.fixture
def refused(visitor, issuer_key_ring, caplog):
    """Sends a token that was changed before it was signed; returns page and fields of the log."""

    def send(*, headers=None, forge=lambda token: token, again=False, **claims):
        answer = visitor.callback(visitor.get("/sso/login"))
        sent = {name: one for name, (one,) in parse_qs(urlsplit(answer).query).items()}
        header = jwt.get_unverified_header(sent["id_token"])
        payload = jwt.decode(sent["id_token"], options={"verify_signature": False})
        token = forge(
            jwt.encode(
                {**payload, **claims},
                issuer_key_ring.signing_key.private_key,
                algorithm="RS256",
                headers={**header, **(headers or {})},
            )
        )
        if again:
            visitor.get("/sso/callback", query_string={**sent, "id_token": token})
            visitor.client.delete_cookie("s2_session", domain="127.0.0.1")
        caplog.clear()
        page = visitor.get("/sso/callback", query_string={**sent, "id_token": token})
        (line,) = [each.getMessage() for each in caplog.records if each.name == "flask_handoff"]
        assert token not in line
        found = FIELDS.fullmatch(line)
        assert found, line
        return page, found.groupdict()

    return send


def forged(token):
    """Change one character in the middle of the signature."""
    signed, _, signature = token.rpartition(".")
    middle = "B" if signature[99] == "A" else "A"
    return f"{signed}.{signature[:99]}{middle}{signature[100:]}"


def test_the_reference_on_the_page_leads_to_the_check_that_refused(refused):
    page, line = refused(aud="another-receiver")
    assert page.status_code == 403
    assert line["request_id"] in page.text
    assert (line["code"], line["check"], line["claim"]) == ("token_claim", "audience", "aud")


def test_a_genuine_token_is_named_by_its_key_its_id_and_its_issuer(refused, issuer_key_ring):
    _page, line = refused(aud="another-receiver", jti="j" * 43)
    assert line["kid"] == issuer_key_ring.signing_key.kid
    assert line["jti"] == "j" * 43
    assert line["iss"] == "http://localhost:5001"


def test_a_token_that_is_not_genuine_leaves_none_of_its_words_in_the_log(refused, caplog):
    _page, line = refused(forge=forged, jti="a-forged-identifier-of-a-token", iss="https://forged")
    assert (line["code"], line["check"]) == ("token_signature", "signature")
    assert (line["kid"], line["jti"], line["iss"]) == ("-", "-", "-")
    assert "forged" not in caplog.text


def test_a_key_that_is_not_known_is_not_named(refused):
    _page, line = refused(headers={"kid": "a-key-that-nobody-knows"})
    assert (line["code"], line["check"]) == ("token_key_unknown", "key")
    assert line["kid"] == "-"


@pytest.mark.parametrize("value", ["a b", "a\nb", "a\x1b[31m", "x" * 300, "", "ä"])
def test_a_genuine_claim_that_is_not_fit_for_a_log_is_left_out(refused, value):
    _page, line = refused(iss=value, jti=value)
    assert (line["jti"], line["iss"]) == ("-", "-")


def test_a_second_use_names_the_token_that_was_used_before(refused):
    _page, line = refused(again=True, jti="j" * 43)
    assert (line["code"], line["check"], line["jti"]) == ("token_replayed", "one_use", "j" * 43)


def test_a_token_bound_to_another_browser_is_refused_by_the_check_of_the_browser(refused):
    _page, line = refused(nonce="of-another-browser")
    assert (line["code"], line["check"], line["claim"]) == ("token_claim", "browser", "nonce")


def test_where_no_token_was_looked_at_no_check_is_named(visitor, caplog):
    visitor.get("/sso/callback", query_string={"state": "s" * 43})
    (line,) = [each.getMessage() for each in caplog.records if each.name == "flask_handoff"]
    assert FIELDS.fullmatch(line)["check"] == "-"
