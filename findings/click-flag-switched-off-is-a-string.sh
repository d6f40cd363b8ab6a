#!/bin/bash
# Click 8.5.1: a flag with a value of its own that the environment switches off is the string "False".
#
# Seen: a command has @click.option("--log", flag_value="notes.log", envvar="NOTES_LOG"), and writes a log if log is
# set. NOTES_LOG=1 writes notes.log, as --log does. NOTES_LOG=0, like false, no and off, does not switch the log off:
# log is the string "False", which is true, and a file of that name appears. With type=click.Choice the command ends
# with a usage error that complains of a False which nobody has typed, and with type=click.Path in a TypeError. A word
# that Click cannot read, such as NOTES_LOG=none, does give None, and so does an empty variable.
#
# Expected: None. Click's chapter "Options" says under "Values from Environment Variables" that false, 0, no, off, f and
# n deactivate a flag, and that the value of a flag that is not activated is None unless told otherwise.
#
# Source: Option.value_from_envvar() of that version, read there, and run here: it returns the boolean False, which then
# goes through the type of the option, here that of a string. Click 8.2.1 took every word for a yes, 0 as well; 8.3.0
# changed that to what is seen here. It matters to whatever is switched off by its environment, as in a container. Until
# then: type=click.UNPROCESSED, with which the value is the boolean.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check click==8.5.1

cat >notes.py <<'PYTHON'
import os
from pathlib import Path

import click

types = {
    "no type": None,
    "Choice": click.Choice(["notes.log", "all.log"]),
    "Path": click.Path(),
    "UNPROCESSED": click.UNPROCESSED,
}


@click.command()
@click.option("--log", flag_value="notes.log", envvar="NOTES_LOG", type=types[os.environ["TYPE"]])
def notes(log):
    if log:
        Path(log).write_text("started")
    click.echo(f"log is {log!r}, files: {' '.join(os.listdir()) or 'none'}")


try:
    notes(standalone_mode=False)
except click.UsageError as error:
    print(error.message)
except TypeError:
    print("TypeError")
PYTHON

# see TYPE NOTES_LOG EXPECTED [ARGUMENT]
see() {
    local seen
    rm -rf here && mkdir here
    seen=$(cd here && TYPE=$1 NOTES_LOG=$2 ../venv/bin/python ../notes.py "${@:4}")
    echo "$1, NOTES_LOG=$2${4:+, $4}: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see 'no type' '' "log is 'notes.log', files: notes.log" --log
see 'no type' '' 'log is None, files: none'
see 'no type' 1 "log is 'notes.log', files: notes.log"
for off in 0 false no off; do
    see 'no type' "$off" "log is 'False', files: False"
done
see 'no type' none 'log is None, files: none'
see Choice 0 "False is not one of 'notes.log', 'all.log'."
see Path 0 TypeError
see UNPROCESSED 0 'log is False, files: none'
see UNPROCESSED 1 "log is 'notes.log', files: notes.log"
