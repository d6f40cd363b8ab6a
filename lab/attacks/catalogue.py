"""The attacks of the bench, in the order of its page: what each is, and why who falls or stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from . import careless, forged, programs, stolen
from .trial import Run

Place = Literal["SERVER1", "SERVER2", "own"]


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack, in words.

    Args:
        name: In addresses, and the id of its test.
        what: What the attacker does.
        mistake: What the tutorial does, and what comes of it.
        defence: What stops it here.
        at: Who is attacked; ``own`` is the bench's own receiver.
        check: The name of the check that stops it, for ``check_of``.
        test: The test that says so for the library or for a server, below ``tests/``.
        run: Makes the attack.
        tutorial_falls: Whether it gets through at the tutorial.
    """

    name: str
    title: str
    what: str
    mistake: str
    defence: str
    at: Place
    check: str
    test: str
    run: Run
    tutorial_falls: bool = True


STOLEN = (
    Attack(
        "replay",
        "A used token is used again",
        "A token that was used is found later: in the browser's history, in a log, in a screenshot. "
        "Somebody opens its address once more.",
        "The tutorial remembers no token. Until it expires, it is as good for the thief as for Ada.",
        "Each token has a number of its own (jti). SERVER2 writes it down in the moment in which it "
        "lets Ada in, and refuses it from then on.",
        "SERVER2",
        "one_use",
        "end_to_end/test_one_use_one_browser.py::test_it_arrives_once",
        stolen.replay,
    ),
    Attack(
        "login-csrf",
        "A link signs the victim in as the attacker",
        "Mallory begins a sign-in of her own, stops before its last step, and sends that link to the "
        "victim. It is called log-in CSRF. What the victim writes from then on stands in Mallory's "
        "account.",
        "The tutorial takes every good token from every browser: the victim is Mallory now, and may "
        "not notice.",
        "A token is good in one browser only: in the one that began. That browser holds a cookie "
        "whose hash SERVER1 has signed into the token (nonce). The token is spent as well.",
        "SERVER2",
        "browser",
        "end_to_end/test_one_use_one_browser.py::test_a_token_of_another_browser_signs_nobody_in",
        stolen.login_csrf,
    ),
    Attack(
        "leaked-token",
        "A stolen token fits the attacker's own attempt",
        "Mallory begins at SERVER2, and has Ada open the address that she was to open herself. Ada's "
        "token now fits Mallory's browser, but it went to Ada's. Mallory reads it on its way, such "
        "as in a log of addresses.",
        "The tutorial asks neither for a browser nor for the first use.",
        "A genuine token in the wrong browser is spent before it is refused. When Mallory comes with "
        "it, it is used up.",
        "SERVER2",
        "one_use",
        "end_to_end/test_one_use_one_browser.py::test_a_token_that_strayed_into_another_browser_is_burnt",
        stolen.leaked_token,
    ),
    Attack(
        "hostile-target",
        "A sign-in that ends at another site",
        "A link to the real sign-in names another site as the page to end on. It is written in three "
        "ways, and browsers take each for the attacker's site.",
        "The tutorial redirects to whatever the address says (an open redirect). The other site can "
        "look like the tutorial, and ask for the password again.",
        "Only a plain path of SERVER2 itself is a target. Anything else is replaced by the notes.",
        "SERVER2",
        "check_return_to",
        "attacks/test_return_to.py::test_a_target_known_to_lead_away_is_refused",
        stolen.hostile_target,
    ),
)

FORGED = (
    Attack(
        "forged-signature",
        "Another name, the old signature",
        "Mallory has a genuine token about herself. She writes another name into it, and leaves the "
        "rest as it is.",
        "The tutorial stands here: PyJWT checks the signature, as every library does.",
        "The signature is over each character of the header and of the claims.",
        "SERVER2",
        "signature",
        "end_to_end/test_one_use_one_browser.py::test_a_forged_token_writes_nothing",
        forged.forged_signature,
        tutorial_falls=False,
    ),
    Attack(
        "alg-none",
        "“No signature needed”",
        "The header of a token names its algorithm, and one of them is none. Mallory writes none into "
        "the header, another name into the claims, and leaves the signature away.",
        "The tutorial believes what the token says about itself.",
        "SERVER2 knows one algorithm, RS256, and never asks the token. A text without a whole "
        "signature does not even have the form of a token.",
        "SERVER2",
        "form",
        "attacks/test_token_syntax.py::test_a_token_that_says_it_needs_no_signature_is_refused",
        forged.alg_none,
    ),
    Attack(
        "hs256-public-key",
        "RS256 becomes HS256: the public key as a secret",
        "With RS256 one key signs, and another one, which everybody has, verifies. With HS256 one "
        "secret does both. Mallory signs by HS256 and takes the public key for the secret.",
        "The tutorial takes the algorithm from the header, and the one key that it has. Libraries "
        "refuse that by now, so this one does it by hand, as tutorials did.",
        "RS256 is fixed in the code. An HS256 signature has 43 characters and this key's has 342, so "
        "it is refused by its form; with more of them, it would be by its header.",
        "SERVER2",
        "form",
        "attacks/test_token_syntax.py::test_the_public_key_is_no_secret_to_sign_with",
        forged.hmac_with_public_key,
    ),
    Attack(
        "embedded-key",
        "The token brings its own key",
        "The standard allows a header to hold the key itself (jwk). Mallory makes a key, signs with "
        "it, and sends it along.",
        "The tutorial verifies with the key from the token: it fits, of course.",
        "A header may hold alg, kid and typ, and nothing else. Keys come from the issuer's own "
        "address only.",
        "SERVER2",
        "header",
        "attacks/test_token_syntax.py::test_an_embedded_key_is_refused_though_its_signature_matches",
        forged.embedded_key,
    ),
    Attack(
        "other-kind",
        "A genuine token of another kind",
        "SERVER1 signs other tokens too. A program to which Ada gave access to her notes has an "
        "access token of hers. Whoever runs the program presents it as if it were her arrival.",
        "The tutorial asks for a good signature, and not what for. Who may read Ada's notes is Ada now.",
        "Each kind of token has a type in its header (typ). SERVER2's sign-in takes handoff+jwt, and "
        "this one is at+jwt.",
        "SERVER2",
        "header",
        "attacks/test_mixed_up_tokens.py::test_each_kind_is_accepted_in_its_own_place_alone",
        forged.other_kind,
    ),
    Attack(
        "unknown-key-flood",
        "A flood of keys that nobody has",
        "A receiver that does not know the key of a token fetches the issuer's keys, since there may "
        "be a new one. The attacker sends token after token, each with another made-up key.",
        "The tutorial fetches the keys for each of them: the attacker makes it attack its issuer.",
        "An unknown key causes a fetch at most once in ten seconds, and known keys are found "
        "meanwhile.",
        "own",
        "JWKSClient.key",
        "attacks/test_jwks.py::test_a_flood_that_goes_on_then_one_fetch_in_ten_seconds",
        careless.unknown_key_flood,
    ),
)

CARELESS = (
    Attack(
        "other-audience",
        "A token for another service",
        "SERVER1 hands Ada over to other services too. One of them presents the token that Ada "
        "brought there.",
        "The tutorial does not ask for whom the token was made (aud), so each service can be Ada at "
        "each other one.",
        "aud has to be this receiver's name, character by character, and nothing beside it.",
        "own",
        "audience",
        "attacks/test_token_claims.py::test_a_token_for_another_audience_is_refused",
        careless.other_audience,
    ),
    Attack(
        "expired",
        "A token of ten minutes ago",
        "A token that was never used is found, and presented when its time is over.",
        "The tutorial stands here: where a token has an end (exp), PyJWT checks it.",
        "A handoff token lives for 60 seconds, and must have an end.",
        "own",
        "time",
        "attacks/test_token_claims.py::test_a_token_outside_of_its_time_is_refused",
        careless.expired,
        tutorial_falls=False,
    ),
    Attack(
        "ten-years",
        "A token that lives for ten years",
        "An issuer signs a token that is good for ten years: by a mistake in its settings, or by its "
        "own tutorial.",
        "The tutorial accepts what has not expired. Whoever finds the token once has ten years.",
        "The receiver has a limit of its own: 120 seconds from the first moment to the last, whatever "
        "the issuer has signed.",
        "own",
        "lifetime",
        "attacks/test_token_claims.py::test_a_token_outside_of_its_time_is_refused",
        careless.ten_years,
    ),
    Attack(
        "skewed-clock",
        "Two clocks that differ",
        "No two machines show the same time. This issuer's clock is 4 seconds ahead; another token "
        "comes from an hour ahead.",
        "The tutorial allows for no difference, and turns Ada away: an issuer from the future. People "
        "then switch the check off altogether.",
        "A difference of 5 seconds is allowed, and no more.",
        "own",
        "time",
        "attacks/test_token_claims.py::test_a_token_is_accepted_up_to_its_limits",
        careless.skewed_clock,
    ),
    Attack(
        "withdrawn-key",
        "A stolen key that was withdrawn",
        "Somebody has stolen the issuer's private key and can sign anything. The issuer withdraws it, "
        "and publishes another one.",
        "The tutorial keeps each key that it has seen once. The thief goes on.",
        "Keys are forgotten after five minutes unless they are still published. The demo's SERVER2 "
        "forgets them at once when a file is touched.",
        "own",
        "key",
        "attacks/test_jwks.py::test_a_withdrawn_key_then_it_is_refused_within_the_cache_time",
        careless.withdrawn_key,
    ),
)

PROGRAMS = (
    Attack(
        "stolen-refresh-token",
        "A program's refresh token is copied",
        "A program renews its access with a refresh token, for weeks. A thief copies it and is first "
        "to renew.",
        "The tutorial exchanges old for new, and no more. Ada's program is thrown out, the thief goes "
        "on, and nobody is told why.",
        "When a token comes back that was replaced, two must hold it. SERVER1 then ends all that came "
        "from it: the thief's as well. Ada signs in once more.",
        "SERVER1",
        "newest_again",
        "library/test_refresh_tokens.py::test_a_token_used_again_ends_the_family",
        programs.stolen_refresh_token,
    ),
    Attack(
        "two-tabs",
        "Two tabs renew at one time",
        "Nobody attacks. Two tabs of one application, or two processes, renew with the same token, "
        "one right after the other.",
        "The tutorial takes the second one for a thief, or simply does not find the token. The user "
        "is thrown out.",
        "For ten seconds the token before the newest one brings the newest one again.",
        "SERVER1",
        "newest_again",
        "library/test_refresh_tokens.py::test_a_lost_answer_can_be_had_again_for_ten_seconds",
        programs.two_tabs,
    ),
    Attack(
        "mail-scanner",
        "A scanner opens the link of a mail",
        "Many mail servers open each link before the reader sees it. Here it is the link that "
        "confirms an address.",
        "At the tutorial the link itself does it: the scanner confirms an address whose owner may "
        "never have signed up, and the owner finds a link that was used.",
        "To open a link changes nothing. What counts is a button, pressed in the browser that signed "
        "up, or with the password.",
        "SERVER1",
        "verify_email",
        "servers/test_server1_verification.py::test_a_link_that_is_looked_at_confirms_nothing",
        programs.scanner,
    ),
)

GROUPS: Mapping[str, tuple[Attack, ...]] = {
    "Stolen and strayed: the token is genuine": STOLEN,
    "Forged: SERVER1 never signed it, or not for this": FORGED,
    "From a careless issuer, or a broken one": CARELESS,
    "Programs and mails": PROGRAMS,
}
"""All attacks, by what their part of the page is called."""

ATTACKS: Mapping[str, Attack] = {each.name: each for group in GROUPS.values() for each in group}
