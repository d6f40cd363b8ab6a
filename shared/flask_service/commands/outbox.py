"""The command line: jobs that wait, as ``flask --app … outbox …``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

import click
from flask import Flask
from flask.cli import AppGroup

from flask_service.database import database
from flask_service.outbox import outbox
from flask_service.outbox.jobs import Job, JobError, JobUnknownError, Outcome

from .command_line import echo_table, plain_refusals, to_the_minute

_HIGHEST = 2**63 - 1  # that a database can look for

outbox_group = AppGroup("outbox", help="See and send what waits in the outbox.")


def init_app(app: Flask) -> None:
    """Add the commands to an application with an outbox."""
    app.cli.add_command(outbox_group)


@outbox_group.command("list")
@plain_refusals()
def list_jobs() -> None:
    """List the jobs that wait, and those that failed."""
    with database().reading() as connection:
        found = outbox().jobs(connection)
    if not found:
        click.echo("Nothing waits.")
        return
    now = outbox().clock()
    header = ("JOB", "KIND", "TOPIC", "ABOUT", "SINCE", "TRIED", "NEXT", "WHY")
    away = {(job.kind, job.topic) for job in found if job.is_probe}
    echo_table(header, [_cells(job, away, now) for job in found])


@outbox_group.command("retry")
@click.argument("job", type=click.IntRange(1, _HIGHEST), nargs=-1)
@click.option("--all", "every", is_flag=True, help="All of them.")
@plain_refusals(JobUnknownError)
def retry_jobs(job: tuple[int, ...], every: bool) -> None:
    """Make each JOB due now, also one that failed.

    A server that runs does it within seconds; so does 'outbox send'.
    """
    if bool(job) == every:
        raise click.UsageError("Give the numbers of jobs, or --all.")
    numbers = [None] if every else job
    with database().writing() as connection:
        due = sum(outbox().retry_now(connection, number) for number in numbers)
    click.echo(f"Due now: {due}.")


@outbox_group.command("send")
@plain_refusals()
def send_jobs() -> None:
    """Do what is due, once: for a timer, where no worker runs.

    Fails when a job could not be done.
    """
    outcomes: Counter[Outcome] = Counter()
    for kind in outbox().kinds.values():
        outcomes += outbox().process_due(kind)
    retried = outcomes[Outcome.RETRY_LATER] + outcomes[Outcome.UNREACHABLE]
    failed = outcomes[Outcome.FAILED]
    click.echo(f"Sent: {outcomes[Outcome.SENT]}. Skipped: {outcomes[Outcome.SKIPPED]}.")
    if retried or failed:
        raise click.ClickException(
            f"To be tried again: {retried}. Failed: {failed}. The command outbox list says why."
        )


def _cells(job: Job, away: Collection[tuple[str, str]], now: datetime) -> tuple[str, ...]:
    kind = outbox().kinds.get(job.kind)
    try:
        about = "-" if kind is None else kind.describe(job)
    except JobError:
        about = "-"
    return (
        *(str(job.number), job.kind, job.topic, about, to_the_minute(job.enqueued_at)),
        *(str(job.attempts), _next_try(job, away, now), job.last_error or "-"),
    )


def _next_try(job: Job, away: Collection[tuple[str, str]], now: datetime) -> str:
    if job.leased_until is not None and job.leased_until > now:
        return "being sent"
    if job.failed:
        return "failed"
    if not job.is_probe and (job.kind, job.topic) in away:
        return "waits"  # until another of its topic is done
    return "now" if job.due_at <= now else to_the_minute(job.due_at)
