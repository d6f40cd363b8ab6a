"""An outbox of two kinds, in a database of its own, that knows no server."""

from contextlib import closing, contextmanager
from datetime import timedelta
from typing import NamedTuple

from flask import Flask
from sqlalchemy import MetaData

from flask_service.commands import outbox as outbox_commands
from flask_service.database import Database
from flask_service.database.schema import Schema
from flask_service.outbox import Outbox
from flask_service.outbox.job_rows import outbox_table
from flask_service.outbox.jobs import JobError, JobKind, Outcome, RetryPolicy

POLICY = RetryPolicy(
    first_delay=timedelta(minutes=1),
    longest_delay=timedelta(hours=6),
    tried_for=timedelta(days=3),
    lease=timedelta(minutes=2),
)


class Note(NamedTuple):
    text: str
    more: str | None = None


class RefusedError(JobError):
    permanent = True


class SmallOutbox:
    """Kind ``note`` knows the topics a and b; kind ``call`` does one job of a topic at a time.

    What a job does is set by *acts*: a function for each topic, which may raise.
    """

    def __init__(self, database, clock):
        self.database, self.clock = database, clock
        self.acts, self.done = {}, []
        self.app = Flask("small")
        grace = timedelta(0)
        self.note = JobKind("note", POLICY, self.run, self.describe, topics={"a", "b"}, grace=grace)
        self.call = self.note._replace(name="call", topics=None, one_per_topic=True, threads=3)
        self.table = database.schema.metadata.tables["outbox"]
        self.outbox = Outbox(self.table, [self.note, self.call], database, self.tell)
        database.init_app(self.app)
        self.outbox.init_app(self.app)
        outbox_commands.init_app(self.app)

    def tell(self):
        return self.clock()

    def run(self, job):
        note = job.read(Note)
        self.acts.get(job.topic, lambda _job: None)(job)
        self.done.append(note.text)
        return Outcome.SENT

    def describe(self, job):
        return job.read(Note).text

    def enqueue(self, topic="a", text="hello", kind="note"):
        with self.database.writing() as connection:
            self.outbox.enqueue(connection, kind, topic, Note(text), self.clock())

    def claim(self, kind=None):
        return self.outbox.claim(kind or self.note)

    def settle(self, job, result, kind=None):
        return self.outbox.settle(kind or self.note, job, result)

    def remove(self, job):
        self.settle(job, Outcome.SENT)

    def retry_later(self, job, reason="no answer"):
        self.settle(job, JobError(reason))

    def mark_failed(self, job, reason="refused"):
        self.settle(job, RefusedError(reason))

    def retry_now(self, *number):
        with self.database.writing() as connection:
            return self.outbox.retry_now(connection, *number)

    def process_one(self, kind=None):
        return self.outbox.process_one(kind or self.note)

    def process_due(self, kind=None):
        return self.outbox.process_due(kind or self.note)

    def jobs(self):
        with self.database.reading() as connection:
            return self.outbox.jobs(connection)

    def change(self, **values):
        with self.database.writing() as connection:
            connection.execute(self.table.update().values(**values))

    def command(self, *arguments):
        return self.app.test_cli_runner().invoke(args=["outbox", *arguments])


def raises(error):
    def act(_job):
        raise error

    return act


@contextmanager
def small_outbox(url, folder, clock):
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_tables.py").touch()
    metadata = MetaData()
    outbox_table(metadata)
    with closing(Database(url, Schema(metadata, folder / "migrations", "small"))) as database:
        database.prepare()
        yield SmallOutbox(database, clock)
