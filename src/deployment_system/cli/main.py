"""The entry point: runs one command and turns however it ends into output and an exit status."""

import gc
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from deployment_system import __version__

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


def main() -> NoReturn:
    """The `deployment-cli` command."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        # Answered before anything is imported: editors and CI ask often.
        print(f"deployment-cli {__version__}")
        sys.exit(0)
    signal.signal(signal.SIGTERM, _end_by_signal)
    try:
        status = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python would complain again while closing the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = EXIT_FAILED
    # At its end Python would go over every object once more, to find cycles that nobody needs to be freed.
    gc.freeze()
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit status."""
    import click

    from deployment_system.cli.application import application
    from deployment_system.cli.failures import (
        interrupted,
        report_any,
        report_usage,
        terminated,
    )
    from deployment_system.cli.invocation import Invocation

    invocation = Invocation.guessed_from(arguments)
    try:
        _set_up_log()
        status = application.main(
            args=list(arguments), prog_name="deployment-cli", obj=invocation, standalone_mode=False
        )
    except click.UsageError as error:
        return report_usage(invocation, error)
    except click.exceptions.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, click.Abort):
        return interrupted(invocation)
    except SystemExit as end:
        return terminated(invocation, end)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the outermost boundary: nothing leaves as a traceback
        return report_any(invocation, error)
    return status if isinstance(status, int) else 0


def _set_up_log() -> None:
    """DEPLOYMENT_LOG_FILE, DEPLOYMENT_LOG_LEVEL and DEPLOYMENT_LOG_FORMAT; nothing is logged without one of
    the first two."""
    file, level = os.environ.get("DEPLOYMENT_LOG_FILE"), os.environ.get("DEPLOYMENT_LOG_LEVEL")
    if file or level:
        from deployment_system.error_handling import configure_logging

        usual = "json" if file and file.endswith((".json", ".jsonl")) else "text"
        format_name = os.environ.get("DEPLOYMENT_LOG_FORMAT") or usual
        configure_logging(level or "info", file=file or None, format=format_name)


def _end_by_signal(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM ends the command as an exception, so that what was begun is settled."""
    sys.exit(EXIT_TERMINATED)
