"""Attacks with genuine tokens: used again, used by somebody else, or led to another browser."""

from __future__ import annotations

from .trial import Trial


def replay(trial: Trial) -> None:
    """Use a token that was used: read in a history, a log or over a shoulder."""
    people, ada, thief = trial.people, trial.ada(), trial.stranger()
    handoff = people.hand_over(ada)
    trial.show("Ada's token, as it is in the address", handoff.token)
    ada.get(handoff.url, "Ada arrives: the token is used for the first time")
    thief.get(handoff.url, "The thief opens the same address in a browser of their own")
    stands = people.is_in(ada) and not people.is_in(thief)

    trial.lets_in(handoff.token, "Ada arrives with her token")
    falls = trial.lets_in(handoff.token, "The thief opens the same address")
    trial.end(ours=stands, tutorial=not falls)


def login_csrf(trial: Trial) -> None:
    """Let the victim's browser arrive with the attacker's own good token."""
    people, mallory, victim = trial.people, trial.mallory(), trial.stranger()
    handoff = people.hand_over(mallory)
    trial.show("Mallory's own token: nothing in it is forged", handoff.token)
    victim.get(handoff.url, "The victim follows Mallory's link, in the victim's browser")
    stands = not people.is_in(victim)
    page = trial.enter_tutorial(handoff.token, "The victim follows Mallory's link")
    trial.end(ours=stands, tutorial="for Mallory" not in page)


def leaked_token(trial: Trial) -> None:
    """Have the victim's token bound to the attacker's attempt, and read it on its way."""
    people, ada, mallory = trial.people, trial.ada(), trial.stranger()
    request = people.begin(mallory, "Mallory begins at SERVER2: state and nonce are hers")
    handoff = people.answer(
        ada, request, "Ada, who is signed in at SERVER1, follows Mallory's link"
    )
    trial.show("Ada's token, with Mallory's nonce in it", handoff.token)
    ada.get(handoff.url, "Ada's browser goes on to SERVER2, which never saw it begin")
    mallory.get(handoff.url, "Mallory has read that address, and opens it where she began")
    stands = not people.is_in(mallory) and not people.is_in(ada)

    trial.lets_in(handoff.token, "Ada's browser goes on to the tutorial")
    falls = trial.lets_in(handoff.token, "Mallory opens the address that she has read")
    trial.end(ours=stands, tutorial=not falls)


def hostile_target(trial: Trial) -> None:
    """Begin a sign-in whose end is another site."""
    people, evil = trial.people, trial.attacker_url.removeprefix("http:")
    ends, token = [], ""
    for target in (f"http:{evil}/", f"{evil}/", f"/\\{evil[2:]}/"):
        ada = trial.ada()
        handoff = people.hand_over(ada, target_link_uri=target)
        token = handoff.token
        note = f"Ada arrives by a link that is to end at {target}"
        ends.append(ada.get(handoff.url, note).location)
    browser = trial.at_tutorial()
    url = f"{trial.tutorial_url}/callback?token={token}&next=http:{evil}/"
    led = browser.get(url, "Ada arrives by a link that is to end at the attacker's site").location
    trial.end(
        ours=set(ends) == {f"{people.server2}/notes"},
        tutorial=not led.startswith(trial.attacker_url),
    )
