"""Can the routes of notifications be used here: looked at without sending anything."""

from collections.abc import Iterator

from deployment_system.deploy.doctor import Check
from deployment_system.deploy.notifying import routes_of
from deployment_system.deploy.project import Project
from deployment_system.notifications import Channel, Failure, Route
from deployment_system.notifications.channels import url_problem
from deployment_system.notifications.notifier import error_of, unset_error


def notification_checks(project: Project) -> Iterator[Check]:
    """One for each route that is for the active environment."""
    for route in routes_of(project.configuration):
        if not route.environments or project.environment_name in route.environments:
            yield _check(route)


def _check(route: Route) -> Check:
    name = f"notifications to {route.name}"
    if route.unset:
        error = unset_error(route)
        return Check(name, error.message, error)
    for number, url in enumerate(route.urls):
        if (problem := url_problem(url)) is not None:
            error = error_of(Failure(Channel(route.name, number, url), *problem))
            return Check(name, error.message, error)
    return Check(name, f"{', '.join(route.schemes)}; `notify test --route {route.name}` sends")
