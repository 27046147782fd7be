"""Do people see in the UI what was deployed; and where they do not, why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.api.prefect_ui import PrefectUi
from deployment_system.config import is_loopback, same_server
from deployment_system.deploy.links import in_cloud, ui_base, ui_url
from deployment_system.deploy.project import Project
from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    ErrorSeverity,
    PrefectAPIError,
)


@dataclass(frozen=True)
class UiView:
    """What the UI of a server shows of some deployments."""

    url: str
    """Where it is."""
    served: bool | None
    """Whether pages are served there; None: nobody can tell without logging in."""
    api_url: str | None = None
    """Whom the pages ask."""
    shown: frozenset[str] = frozenset()
    """The ids of the deployments that its list has."""
    problems: tuple[DeploymentSystemError, ...] = ()
    """What keeps people from seeing them."""
    hidden: tuple[str, ...] = field(default=())
    """The ids of those that are on the server and not in the list."""

    def shows(self, deployment_id: str | None) -> bool | None:
        """Whether a person finds it there; None: nobody can tell from here."""
        if deployment_id is None:
            return False
        if self.served is False:
            return False
        return deployment_id in self.shown if self.served else None

    def to_dict(self) -> dict[str, object]:
        """As the JSON output of `status` has it."""
        return {"url": self.url, "served": self.served, "api_url": self.api_url}


def look_at_ui(project: Project, server: PrefectServer, ids: Sequence[str]) -> UiView:
    """What the UI beside a server shows of deployments: asked as its pages ask. Raises PrefectAPIError only
    where the server itself does not answer as it must."""
    url = ui_base(server.url)
    if in_cloud(server.url):
        return UiView(url, None)
    context = ErrorContext(environment=project.environment_name, operation="look at the UI")
    try:
        with PrefectUi(url) as ui:
            settings = ui.settings()
            served = settings is not None and (not ids or ui.shows_page(ui_url(server.url, ids[0])))
    except PrefectAPIError as error:
        # The API answers, and nothing does beside it: a proxy for the API alone, say.
        return UiView(url, served=False, problems=(_not_served(url, context, error),))
    if settings is None or not served:
        return UiView(url, served=False, problems=(_not_served(url, context),))
    if same_server(settings.api_url, server.url):
        return _listed(url, settings.api_url, server, ids, context)
    return _listed_elsewhere(project, server, UiView(url, True, settings.api_url), ids, context)


def why_not_visible(
    project: Project, server: PrefectServer, flow_name: str, name: str
) -> list[DeploymentSystemError]:
    """Why people do not find a deployment in the UI, the likeliest reason first; nothing: they do find it."""
    context = ErrorContext(
        flow_name=flow_name,
        deployment_name=name,
        environment=project.environment_name,
        operation="look at the UI",
        server_url=server.url,
    )
    stored = server.deployment_named(flow_name, name)
    elsewhere = [
        warning for warning in project.warnings if warning.error_code == ErrorCodes.SERVER_URL_DIFFERS
    ]
    if stored is None:
        return [_missing(server, flow_name, name, context), *elsewhere]
    view = look_at_ui(project, server, [stored["id"]])
    reasons = list(view.problems)
    if view.hidden and not reasons:
        reasons.append(_not_listed(name, view.url, context))
    return [*reasons, *elsewhere] if reasons else []


def not_visible(view: UiView, names: Iterable[tuple[str, str | None]]) -> list[DeploymentSystemError]:
    """An error for each deployment, by name and id, that is on the server and that its UI does not list."""
    hidden = set(view.hidden)
    return [
        _not_listed(name, view.url, ErrorContext(deployment_name=name, operation="look at the UI"))
        for name, each in names
        if each in hidden
    ]


def _listed(
    url: str, api_url: str, asked: PrefectServer, ids: Sequence[str], context: ErrorContext
) -> UiView:
    shown = frozenset(item["id"] for item in asked.deployments_as_listed(ids))
    return UiView(url, True, api_url, shown, (), tuple(each for each in ids if each not in shown))


def _listed_elsewhere(
    project: Project, server: PrefectServer, view: UiView, ids: Sequence[str], context: ErrorContext
) -> UiView:
    """What another address has: it may be the same server by another name. It gets no credentials of ours."""
    asks, api_url = f"the UI at {view.url} asks {view.api_url},", str(view.api_url)
    context = context.extended(server_url=server.url, ui_api_url=api_url)
    is_near = is_loopback(urlsplit(api_url).hostname or "")
    if is_near and not is_loopback(urlsplit(server.url).hostname or ""):
        said = f"{asks} which is the machine of whoever looks at it, and not {server.url}"
        return replace(view, problems=(_differs(said, context, ErrorSeverity.HIGH),))
    try:
        with project.connect_to(api_url, timeout_seconds=5.0) as other:
            view = _listed(view.url, api_url, other, ids, context)
            # Servers make the ids of their pools themselves: one of ours is on no other.
            is_ours = bool(_pool_ids(other) & _pool_ids(server))
    except PrefectAPIError as error:
        said = f"{asks} which does not answer here as it must: {error.message}"
        # Of another machine it is perhaps a name that only browsers know.
        severity = ErrorSeverity.HIGH if is_near else ErrorSeverity.LOW
        return replace(view, problems=(_differs(said, context, severity, error),))
    if is_ours and not view.hidden:
        return view
    said = f"{asks} which is another server than was deployed to"
    return replace(view, problems=(_differs(said, context, ErrorSeverity.HIGH),))


def _pool_ids(server: PrefectServer) -> set[str]:
    return {str(pool["id"]) for pool in server.work_pools()}


def _not_served(url: str, context: ErrorContext, cause: PrefectAPIError | None = None) -> PrefectAPIError:
    return PrefectAPIError(
        f"{url} serves no UI: the links to deployments lead nowhere",
        error_code=ErrorCodes.UI_NOT_SERVED,
        context=context,
        cause=cause,
    )


def _differs(
    message: str, context: ErrorContext, severity: ErrorSeverity, cause: PrefectAPIError | None = None
) -> PrefectAPIError:
    return PrefectAPIError(
        message,
        error_code=ErrorCodes.UI_API_URL_DIFFERS,
        severity=severity,
        remediation=[
            f"Where the server is started: PREFECT_SERVER_UI_API_URL={context.extra['server_url']}, and start"
            " it again.",
            f"Or deploy to {context.extra['ui_api_url']}: `prefect_api_url` of the environment.",
        ],
        context=context,
        cause=cause,
    )


def _missing(server: PrefectServer, flow_name: str, name: str, context: ErrorContext) -> DeploymentError:
    flows = server.flows([flow_name])
    why = f"the flow {flow_name!r} has none of that name" if flows else f"there is no flow {flow_name!r}"
    return DeploymentError(
        f"the UI does not show deployment {name!r}: {why} on {server.url}",
        error_code=ErrorCodes.DEPLOYMENT_NOT_VISIBLE,
        context=context,
    )


def _not_listed(name: str, url: str, context: ErrorContext) -> DeploymentError:
    return DeploymentError(
        f"the UI at {url} does not list deployment {name!r}, which is on the server",
        error_code=ErrorCodes.DEPLOYMENT_NOT_VISIBLE,
        context=context,
    )
