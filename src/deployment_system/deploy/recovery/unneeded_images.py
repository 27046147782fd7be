"""Images that this project built and that nothing needs any more: what may be removed to get room."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deployment_system.builders.image_names import CONTENT_LABEL, PROJECT_LABEL, content_tag, parse_image_name
from deployment_system.builders.kept_images import KEPT_REPOSITORY, image_ids
from deployment_system.builders.undo import TAG
from deployment_system.deploy.containers import IMAGE_VARIABLE
from deployment_system.deploy.project import Project
from deployment_system.error_handling import DockerError, OperationStatus
from deployment_system.error_handling.store import Store, open_store

if TYPE_CHECKING:  # docker-py is imported by who reaches an engine
    from deployment_system.builders.engine import DockerEngine, Image

_SETTLED = (OperationStatus.COMPLETED, OperationStatus.ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class UnneededImage:
    """One of them, with what would be freed by removing it alone."""

    image: "Image"
    size: int
    """Bytes that it shares with no other image."""

    @property
    def shown(self) -> str:
        """Its name, or its id where it has none of its own."""
        names = [tag for tag in self.image.tags if not tag.startswith(KEPT_REPOSITORY)]
        return names[0] if names else self.image.id.removeprefix("sha256:")[:12]


def unneeded_images(project: Project, engine: "DockerEngine") -> list[UnneededImage]:
    """The images that this project built and that neither a deployment on the server, nor a container, nor
    the journal needs, and no name but that of their content: a version, or what another environment calls
    its own, stays. Raises DockerError, PrefectAPIError and the store's errors: what cannot be known is not
    taken for unneeded."""
    sizes = _own_sizes(engine)
    named, needed = _named_on_server(project), _needed_by_journal(project)
    return [
        UnneededImage(image, sizes.get(image.id, 0))
        for image in engine.images({PROJECT_LABEL: project.owner.project})
        if image.id not in needed
        and not named & {*image.tags, *image.digests, image.id}
        and all(_is_of_content(tag, image) for tag in image.tags)
        and not engine.is_used(image.id)
    ]


def used_bytes(engine: "DockerEngine") -> int:
    """What all images of an engine take on its disk."""
    return int(_usage(engine).get("LayersSize") or 0)


def shown_bytes(size: int) -> str:
    """As people read it."""
    return f"{size / 1_000_000:.1f} MB" if size < 1_000_000_000 else f"{size / 1_000_000_000:.2f} GB"


def _usage(engine: "DockerEngine") -> Mapping[str, Any]:
    found: Mapping[str, Any] = engine.call(lambda client: client.df())
    return found


def _own_sizes(engine: "DockerEngine") -> dict[str, int]:
    return {
        item["Id"]: max(0, int(item.get("Size") or 0) - max(0, int(item.get("SharedSize") or 0)))
        for item in _usage(engine).get("Images") or ()
    }


def _is_of_content(tag: str, image: "Image") -> bool:
    """Whether a name only says what is in the image, or that it is kept for the journal."""
    content = content_tag(image.labels.get(CONTENT_LABEL, ""))
    return tag.startswith(f"{KEPT_REPOSITORY}:") or (bool(content) and tag.rpartition(":")[2] == content)


def _named_on_server(project: Project) -> set[str]:
    """Every image that a deployment starts from, or a work pool where nothing else is said: also those of
    other projects."""
    with project.connect() as server:
        said = [(stored.get("job_variables") or {}).get(IMAGE_VARIABLE) for stored in server.deployments()]
        said += [_default_of(pool) for pool in server.work_pools()]
    return {known for name in said if isinstance(name, str) for known in (name, _as_listed(name))}


def _default_of(pool: Mapping[str, Any]) -> Any:
    variables = (pool.get("base_job_template") or {}).get("variables") or {}
    return ((variables.get("properties") or {}).get(IMAGE_VARIABLE) or {}).get("default")


def _as_listed(name: str) -> str:
    """As an engine lists it; another's text that is no name stays as it is."""
    try:
        return str(parse_image_name(name))
    except DockerError:
        return name


def _needed_by_journal(project: Project) -> set[str]:
    """What unfinished transactions speak of, and of each environment the last one that was committed: it can
    still be taken back."""
    if not project.has_state:
        return set()
    with open_store(project.state_target) as store:
        return set(_spoken_of(store))


def _spoken_of(store: Store) -> Iterator[str]:
    last_seen: set[str | None] = {None}  # a recovery is of no environment
    for plan in sorted(store.journal.plans(), key=lambda plan: plan.created_at, reverse=True):
        ids = image_ids(
            state
            for operation in store.journal.operations(plan.plan_id)
            if operation.kind == TAG
            for state in (operation.before, operation.after)
        )
        if plan.status not in _SETTLED:
            yield from ids
        elif plan.status is OperationStatus.COMPLETED and ids and plan.scope not in last_seen:
            last_seen.add(plan.scope)
            yield from ids
