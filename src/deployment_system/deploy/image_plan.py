"""Which images have to be built, pushed or named anew: the declared ones beside what is there."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

from deployment_system.builders.image_names import parse_image_name
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.images import DesiredImage
from deployment_system.deploy.plan import Action

REPOSITORIES_AT_ONCE = 8
"""Questions to registries on their way at once: a fraction of what a browser would ask."""


@dataclass(frozen=True, slots=True)
class ImageChange:
    """One image's step from what is to what is declared."""

    action: Action
    image: DesiredImage
    digest: str | None = None
    """Under which the registry has it already."""
    misplaced: tuple[str, ...] = ()
    """Of its further names those that mean another image, or none."""

    @property
    def name(self) -> str:
        """`REPOSITORY:TAG` by its content."""
        return self.image.name

    @property
    def reference(self) -> str:
        """What a deployment starts from: pinned by its digest, once a registry has it."""
        return f"{self.image.repository}@{self.digest}" if self.digest else self.image.name

    def to_dict(self) -> dict[str, Any]:
        """As the JSON output of `plan` shows it."""
        fields: dict[str, Any] = {}
        if self.action is Action.CREATE:
            fields["dockerfile"] = {"before": None, "after": self.image.dockerfile.name}
        for name in self.misplaced:
            fields[f"tag {name}"] = {"before": None, "after": self.image.name}
        return {
            "action": self.action.value,
            "resource": "image",
            "name": self.name,
            "pushed": self.image.is_pushed,
            "fields": fields,
        }


def plan_images(images: Iterable[DesiredImage], doors: ImageDoors) -> list[ImageChange]:
    """Looks at the registry where images are pushed, else at the engine. Raises DockerError."""
    images = list(images)
    found = {
        **_in_registries([image for image in images if image.is_pushed], doors),
        **_in_engine([image for image in images if not image.is_pushed], doors),
    }
    changes = []
    for image in images:
        there = found[image.name]
        misplaced = tuple(name for name in image.further_names if there is None or found[name] != there)
        changed = Action.UPDATE if misplaced else Action.UNCHANGED
        action = Action.CREATE if there is None else changed
        changes.append(ImageChange(action, image, there if image.is_pushed else None, misplaced))
    return changes


def _in_registries(images: Sequence[DesiredImage], doors: ImageDoors) -> dict[str, str | None]:
    """The digest of each name, or None: repositories side by side, as each answer travels. One repository is
    asked by one thread alone: what it wants for an authorization, it says to the first request."""
    repositories: dict[str, list[str]] = {}
    for image in images:
        names = repositories.setdefault(image.repository, [])
        names += [name for name in (image.name, *image.further_names) if name not in names]
    registries = {parse_image_name(name).registry for name in repositories}
    connected = {host: doors.registry(host) for host in sorted(registries)}

    def look(names: list[str]) -> list[tuple[str, str | None]]:
        parsed = [(name, parse_image_name(name)) for name in names]
        return [(name, connected[it.registry].digest(it.path, it.tag or "latest")) for name, it in parsed]

    if not repositories:
        return {}
    with ThreadPoolExecutor(REPOSITORIES_AT_ONCE, thread_name_prefix="registry") as pool:
        return dict(chain.from_iterable(pool.map(look, repositories.values())))


def _in_engine(images: Sequence[DesiredImage], doors: ImageDoors) -> dict[str, str | None]:
    """The id of each name's image, or None: all with one request, and each that is not listed by itself."""
    if not images:
        return {}
    engine = doors.engine()
    listed = {tag: image.id for image in engine.images() for tag in image.tags}

    def image_id(name: str) -> str | None:
        if (known := listed.get(str(parse_image_name(name)))) is not None:
            return known
        image = engine.image(name)
        return None if image is None else image.id

    return {name: image_id(name) for each in images for name in (each.name, *each.further_names)}
