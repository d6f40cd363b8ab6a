"""What happens when the output of a command cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def full_disk_told(refusal: type[click.ClickException] = click.ClickException) -> Iterator[None]:
    """Turn an error of the system, such as a full disk behind the output, into a sentence."""
    try:
        yield
    except BrokenPipeError:
        raise  # whoever reads the output has seen enough: click ends without a word
    except OSError as error:
        raise refusal(f"{error}. What was asked for may be done already.") from error
