import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flask_handoff.errors import ConfigurationError, KeyLifeCycleError
from flask_handoff.keys import (
    JWKS_MAX_AGE,
    MAXIMUM_JWKS_KEYS,
    PUBLICATION_TIME,
    RETENTION_TIME,
    KeyRing,
    RingEntry,
    activate_key,
    new_key,
    read_ring,
    retire_key,
    revoke_keys,
    stage_key,
)
from flask_handoff.keys.own.ring_file import write_ring
from flask_handoff.keys.own.watched_ring import LOOK_INTERVAL, RETRY_INTERVAL

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
STAGED = NOON + timedelta(hours=1)
ACTIVATED = STAGED + PUBLICATION_TIME
RETIRED = ACTIVATED + RETENTION_TIME


def at(instant):
    return lambda: instant


@pytest.fixture(scope="session")
def ring_of_three(tmp_path_factory):
    """One key that signs, one that is staged, and one that is staged a minute later."""
    directory = tmp_path_factory.mktemp("ring") / "keys"
    for made_at in (NOON, STAGED, STAGED + timedelta(minutes=1)):
        new_key(directory, clock=at(made_at))
    return directory


@pytest.fixture
def directory(ring_of_three, tmp_path):
    return Path(shutil.copytree(ring_of_three, tmp_path / "keys"))


@pytest.fixture
def kids(directory):
    return [entry.kid for entry in read_ring(directory)]


def entry_of(directory, kid):
    (entry,) = (entry for entry in read_ring(directory) if entry.kid == kid)
    return entry


def pem_names(directory):
    return {path.stem for path in directory.glob("*.pem")}


def published(directory):
    return [jwk["kid"] for jwk in json.loads(KeyRing.open(directory).jwks_json)["keys"]]


def test_a_staged_key_is_published_and_does_not_sign(directory, kids):
    staged = stage_key(directory, clock=at(STAGED))
    assert (staged.state, staged.created_at) == ("staged", STAGED)
    assert published(directory) == [*kids, staged.kid]
    assert KeyRing.open(directory).signing_key.kid == kids[0]


def test_without_a_key_that_signs_none_is_staged(directory, kids):
    write_ring(directory, read_ring(directory)[1:])
    with pytest.raises(KeyLifeCycleError, match="flask handoff-keys new --directory"):
        stage_key(directory)
    with pytest.raises(ConfigurationError, match="There is no key ring"):
        stage_key(directory / "elsewhere")


@pytest.mark.parametrize("make", [new_key, stage_key])
def test_no_more_keys_are_published_than_receivers_take(directory, make):
    ring = read_ring(directory)
    more = [
        RingEntry(kid=f"{number:043}", state="staged", created_at=NOON)
        for number in range(MAXIMUM_JWKS_KEYS - len(ring))
    ]
    write_ring(directory, [*ring, *more])
    with pytest.raises(KeyLifeCycleError, match="16 keys are published"):
        make(directory)
    assert len(read_ring(directory)) == MAXIMUM_JWKS_KEYS


def test_a_key_is_activated_when_every_receiver_can_have_seen_it(directory, kids):
    with pytest.raises(KeyLifeCycleError) as refusal:
        activate_key(directory, kids[1], clock=at(ACTIVATED - SECOND))
    assert refusal.value.again_at == ACTIVATED
    activate_key(directory, kids[1], clock=at(ACTIVATED))
    assert KeyRing.open(directory).signing_key.kid == kids[1]


def test_an_early_activation_is_told_the_time_that_remains(directory, kids):
    with pytest.raises(KeyLifeCycleError) as refusal:
        activate_key(directory, kids[1], clock=at(STAGED + timedelta(seconds=118.9)))
    assert str(refusal.value) == (
        f"Key {kids[1]} has been published since 2026-01-31 13:00:00 UTC: "
        "a receiver may not have seen it yet. Try again in 0:03:12, at 2026-01-31 13:05:10 UTC."
    )


def test_an_activation_that_is_days_off_is_told_the_date(directory, kids):
    with pytest.raises(KeyLifeCycleError, match=r"in 1 day, 1:05:10, at 2026-01-31 13:05:10 UTC"):
        activate_key(directory, kids[1], clock=at(STAGED - timedelta(days=1, hours=1)))


def test_the_former_key_stays_published_and_is_known_as_replaced(directory, kids):
    activate_key(directory, kids[1], clock=at(ACTIVATED))
    former, signer = entry_of(directory, kids[0]), entry_of(directory, kids[1])
    assert (former.state, former.activated_at, former.replaced_at) == ("active", NOON, ACTIVATED)
    assert (signer.state, signer.activated_at, signer.replaced_at) == ("active", ACTIVATED, None)
    assert published(directory) == kids


def test_the_key_that_was_activated_last_signs_whatever_the_clock_says(directory, kids):
    much_later = ACTIVATED + timedelta(days=1)
    activate_key(directory, kids[2], clock=at(much_later))
    activate_key(directory, kids[1], clock=at(much_later))
    assert KeyRing.open(directory).signing_key.kid == kids[1]
    another = stage_key(directory, clock=at(NOON))
    activate_key(directory, another.kid, clock=at(ACTIVATED))
    assert KeyRing.open(directory).signing_key.kid == another.kid


def test_only_a_staged_key_is_activated(directory, kids):
    with pytest.raises(KeyLifeCycleError, match="is active, not staged"):
        activate_key(directory, kids[0])
    retire_key(directory, kids[1])
    with pytest.raises(KeyLifeCycleError, match="is retired, not staged"):
        activate_key(directory, kids[1])


def test_where_no_key_signs_a_staged_one_need_not_wait(directory, kids):
    write_ring(directory, read_ring(directory)[1:])
    activate_key(directory, kids[1], clock=at(STAGED))
    assert KeyRing.open(directory).signing_key.kid == kids[1]


def test_a_key_is_retired_when_nobody_needs_it_any_more(directory, kids):
    activate_key(directory, kids[1], clock=at(ACTIVATED))
    with pytest.raises(
        KeyLifeCycleError, match=r"Try again in 0:00:01, at 2026-01-31 13:20:25 UTC"
    ) as refusal:
        retire_key(directory, kids[0], clock=at(RETIRED - SECOND))
    assert refusal.value.again_at == RETIRED
    retire_key(directory, kids[0], clock=at(RETIRED))
    entry = entry_of(directory, kids[0])
    assert (entry.state, entry.activated_at, entry.removed_at) == ("retired", NOON, RETIRED)
    assert published(directory) == kids[1:]
    assert pem_names(directory) == set(kids[1:])


def test_the_key_that_signs_is_never_retired(directory, kids):
    with pytest.raises(KeyLifeCycleError, match="activate another one first") as refusal:
        retire_key(directory, kids[0], clock=at(NOON + timedelta(days=365)))
    assert refusal.value.again_at is None
    assert published(directory) == kids


def test_a_key_that_never_signed_may_be_retired_at_once(directory, kids):
    retire_key(directory, kids[1], clock=at(STAGED))
    assert published(directory) == [kids[0], kids[2]]


@pytest.mark.parametrize("step", [retire_key, lambda directory, kid: revoke_keys(directory, [kid])])
def test_a_key_is_withdrawn_only_once(directory, kids, step):
    retire_key(directory, kids[1])
    with pytest.raises(KeyLifeCycleError, match="is retired already"):
        step(directory, kids[1])
    revoke_keys(directory, [kids[2]])
    with pytest.raises(KeyLifeCycleError, match="is revoked already"):
        step(directory, kids[2])


@pytest.mark.parametrize(
    "step", [activate_key, retire_key, lambda directory, kid: revoke_keys(directory, [kid])]
)
def test_a_name_that_no_key_has_is_refused(directory, step):
    with pytest.raises(KeyLifeCycleError, match="There is no key 'x' in the ring"):
        step(directory, "x")
    with pytest.raises(ConfigurationError, match="There is no key ring"):
        step(directory / "elsewhere", "x")


def test_a_revoked_key_is_gone_at_once_and_the_staged_one_known_longest_signs(directory, kids):
    assert revoke_keys(directory, [kids[0]], clock=at(STAGED)).kid == kids[1]
    assert KeyRing.open(directory).signing_key.kid == kids[1]
    assert published(directory) == kids[1:]
    assert pem_names(directory) == set(kids[1:])
    entry = entry_of(directory, kids[0])
    assert (entry.state, entry.activated_at, entry.removed_at) == ("revoked", NOON, STAGED)


def test_when_all_keys_are_revoked_a_new_one_signs(directory, kids):
    signer = revoke_keys(directory, kids, bits=3072, clock=at(STAGED))
    assert signer.kid not in kids
    signing_key = KeyRing.open(directory).signing_key
    assert (signing_key.kid, signer.activated_at) == (signer.kid, STAGED)
    assert signing_key.private_key.key_size == 3072
    assert published(directory) == [signing_key.kid]
    assert pem_names(directory) == {signing_key.kid}


def test_a_key_that_was_replaced_never_signs_again(directory, kids):
    activate_key(directory, kids[1], clock=at(ACTIVATED))
    signer = revoke_keys(directory, kids[1:], clock=at(ACTIVATED))
    assert signer.kid not in kids
    assert published(directory) == [kids[0], signer.kid]


def test_to_revoke_a_key_that_does_not_sign_changes_nothing_else(directory, kids):
    assert revoke_keys(directory, [kids[1], kids[1]]).kid == kids[0]
    assert published(directory) == [kids[0], kids[2]]


def test_of_several_keys_to_revoke_none_is_when_one_name_is_wrong(directory, kids):
    with pytest.raises(KeyLifeCycleError):
        revoke_keys(directory, [kids[0], "x"])
    assert published(directory) == kids


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_text("spoilt")])
def test_a_key_whose_file_is_lost_or_spoilt_can_be_revoked(directory, kids, spoil):
    spoil(directory / f"{kids[0]}.pem")
    revoke_keys(directory, [kids[0]])
    assert KeyRing.open(directory).signing_key.kid == kids[1]


def test_a_file_that_a_crash_has_left_behind_goes_with_the_next_step(directory, kids):
    retire_key(directory, kids[1])
    left_behind = directory / f"{kids[1]}.pem"
    shutil.copy(directory / f"{kids[0]}.pem", left_behind)
    stage_key(directory)
    assert not left_behind.exists()


def test_a_file_that_cannot_be_deleted_is_named(directory, kids):
    path = directory / f"{kids[1]}.pem"
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigurationError, match=f"{path} cannot be deleted"):
        retire_key(directory, kids[1])


def test_withdrawn_keys_stay_in_the_list(directory, kids):
    retire_key(directory, kids[1])
    revoke_keys(directory, [kids[0]])
    assert [(entry.kid, entry.state) for entry in read_ring(directory)] == [
        (kids[0], "revoked"),
        (kids[1], "retired"),
        (kids[2], "active"),
    ]


def test_what_the_owner_could_not_read_is_not_written(directory, kids):
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory to another user")
    os.chown(directory, 65534, -1)
    for step in (
        new_key,
        stage_key,
        lambda directory: activate_key(directory, kids[1]),
        lambda directory: retire_key(directory, kids[1]),
        lambda directory: revoke_keys(directory, kids),
    ):
        with pytest.raises(ConfigurationError, match="belongs to another user"):
            step(directory)
    assert pem_names(directory) == set(kids)


def test_the_waiting_times_cover_caches_tokens_and_running_issuers():
    assert timedelta(seconds=300) == JWKS_MAX_AGE
    pick_up_time = PUBLICATION_TIME - JWKS_MAX_AGE
    assert pick_up_time >= timedelta(seconds=LOOK_INTERVAL + RETRY_INTERVAL)
    assert pick_up_time + timedelta(seconds=600 + 5) + JWKS_MAX_AGE == RETENTION_TIME
