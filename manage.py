#!/usr/bin/env python
"""The command line. `python manage.py help` lists the commands; `python manage.py up` runs the whole service."""

import os
import sys


def main() -> None:
    """Make sure that the servers which the command needs run, then hand over to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketdata_site.settings")
    os.environ.setdefault("MARKETDATA_ROLE", "command")
    from marketdata_site import environment
    from marketdata_site.embedded.errors import EmbeddedServerError

    try:
        if environment.needs_own_servers(sys.argv[1:]):
            environment.prepare_own()
        else:
            environment.prepare(
                with_servers=environment.needs_servers(sys.argv[1:]), may_start=environment.may_start_servers(sys.argv[1:])
            )
    except EmbeddedServerError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)  # 1 is what commands say of what they found

    from django.conf import settings
    from django.core.management import execute_from_command_line
    from django.db import ProgrammingError
    from psycopg.errors import UndefinedColumn, UndefinedTable

    try:
        _ = settings.INSTALLED_APPS  # the first look reads them all
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)  # as above: a variable that can't be is nothing that a command found
    try:
        execute_from_command_line(sys.argv)
    except ProgrammingError as error:
        if not isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
            raise
        said = str(error).partition("\n")[0]
        sys.exit(
            f"error: {said}: this database is empty or older than this program; `manage.py migrate` or `make run` brings it up to date"
        )


if __name__ == "__main__":
    main()
