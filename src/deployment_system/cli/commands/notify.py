"""`notify`: the routes by which people hear of outcomes, tried, and what waits on them."""

import difflib
import os
from pathlib import Path
from typing import Any

import click

from deployment_system.cli.invocation import Invocation, common_options, take_common
from deployment_system.cli.notifying import say_failures
from deployment_system.cli.output import say_errors, write_result
from deployment_system.deploy.notifying import Telling, telling_of
from deployment_system.error_handling import ConfigurationError, ErrorCodes, ErrorContext
from deployment_system.error_handling.counted import counted
from deployment_system.notifications import Event, Route
from deployment_system.notifications.message import message_of
from deployment_system.notifications.outbox import Entry


@click.group()
def notify() -> None:
    """Who is told what came of a command: routes listed and tried, what waits sent."""


@notify.command("list")
@common_options
@click.pass_obj
def list_routes(invocation: Invocation, /, **values: Any) -> int:
    """List the routes, what they want to hear of, and how many messages wait on them."""
    take_common(invocation, values)
    telling = _telling(invocation)
    with telling.open_store() as store:
        waiting = telling.notifier.waiting(store)
    routes = [_document(route, waiting) for route in telling.notifier.routes.values()]
    text = "\n".join(map(_line, routes)) or "there is no route: nobody is told of anything"
    write_result(invocation, {"routes": routes, "waiting": len(waiting)}, text)
    return 0


@notify.command("test")
@click.option("--route", "names", multiple=True, metavar="NAME", help="Only this one; repeatable.")
@common_options
@click.pass_obj
def try_routes(invocation: Invocation, /, names: tuple[str, ...], **values: Any) -> int:
    """Send a message by each route now, whatever it wants to hear of, and say what each channel answers."""
    take_common(invocation, values)
    telling = _telling(invocation)
    routes = [_route_named(telling, name) for name in names] or list(telling.notifier.routes.values())
    if not routes:
        raise _no_route("the configuration has no route")
    message = message_of(
        Event.TEST,
        telling.project,
        invocation.environment or telling.default_environment,
        (),
        telling.known,
        command="notify test",
        summary="This is what `deployment-cli notify test` sends. Nothing has happened.",
    )
    done = telling.notifier.try_routes(routes, message)
    tried = [route.name for route in routes]
    document = {
        "status": "failed" if done.errors else "sent",
        "routes": tried,
        "sent": done.sent,
        "errors": [error.to_dict() for error in done.errors],
    }
    write_result(invocation, document, f"{counted(done.sent, 'message')} sent by {', '.join(tried)}")
    say_errors(invocation, done.errors)
    return 1 if done.errors else 0


@notify.command("deliver")
@common_options
@click.pass_obj
def deliver_waiting(invocation: Invocation, /, **values: Any) -> int:
    """Send what waits and is due: after quiet hours, after a channel was away, after a process died.

    Every deploy, clean, build and recovery does so at its end; this is for a timer.
    """
    take_common(invocation, values)
    telling = _telling(invocation)
    with telling.open_store() as store:
        telling.notifier.place_of_the_dead(store)
        done = telling.notifier.deliver(store)
        left = len(telling.notifier.waiting(store))
    document = {
        "status": "failed" if done.errors else "delivered",
        "sent": done.sent,
        "waiting": left,
        "errors": [error.to_dict() for error in done.errors],
    }
    write_result(invocation, document, f"{counted(done.sent, 'message')} sent, {left} waiting")
    say_failures(invocation, done.errors)
    return 1 if done.errors else 0


def _telling(invocation: Invocation) -> Telling:
    """Raises `ProblemsFound`."""
    return telling_of(
        Path.cwd(), config_file=invocation.config_file, environ=os.environ, secrets=invocation.secrets
    )


def _route_named(telling: Telling, name: str) -> Route:
    routes = telling.notifier.routes
    if name in routes:
        return routes[name]
    near = difflib.get_close_matches(name, routes, n=1)
    raise _no_route(f"there is no route {name!r}" + (f": did you mean {near[0]!r}?" if near else ""))


def _no_route(message: str) -> ConfigurationError:
    return ConfigurationError(
        message,
        error_code=ErrorCodes.NOTIFICATION_ROUTE_UNKNOWN,
        context=ErrorContext(file_path="deployment-config.yaml", operation="notify"),
    )


def _document(route: Route, waiting: list[Entry]) -> dict[str, Any]:
    return {
        "name": route.name,
        "channels": list(route.schemes),
        "unset": list(route.unset),
        "events": [event.value for event in route.events],
        "minimum_severity": route.minimum_severity.value,
        "categories": list(route.categories),
        "codes": list(route.codes),
        "environments": list(route.environments),
        "cool_down_seconds": route.cool_down.total_seconds(),
        "quiet": route.quiet_hours is not None,
        "waiting": sum(entry.route == route.name for entry in waiting),
    }


def _line(route: dict[str, Any]) -> str:
    wanted = ", ".join(route["events"])
    of = f" of {', '.join(route['environments'])}" if route["environments"] else ""
    unset = f"\n    not used here: {', '.join(route['unset'])} is not set" if route["unset"] else ""
    waits = f"\n    {counted(route['waiting'], 'message')} waiting" if route["waiting"] else ""
    return f"{route['name']}: {', '.join(route['channels'])}\n    {wanted}{of}{unset}{waits}"
