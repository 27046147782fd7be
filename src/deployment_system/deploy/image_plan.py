"""Which images have to be built, pushed or named anew: the declared ones beside what is there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from deployment_system.builders.image_names import parse_image_name
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.images import DesiredImage
from deployment_system.deploy.plan import Action


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
    changes = []
    for image in images:
        look = _in_registry(doors) if image.is_pushed else _in_engine(doors)
        there = look(image.name)
        misplaced = tuple(name for name in image.further_names if there is None or look(name) != there)
        changed = Action.UPDATE if misplaced else Action.UNCHANGED
        action = Action.CREATE if there is None else changed
        changes.append(ImageChange(action, image, there if image.is_pushed else None, misplaced))
    return changes


def _in_registry(doors: ImageDoors) -> Callable[[str], str | None]:
    def digest(name: str) -> str | None:
        parsed = parse_image_name(name)
        return doors.registry(parsed.registry).digest(parsed.path, parsed.tag or "latest")

    return digest


def _in_engine(doors: ImageDoors) -> Callable[[str], str | None]:
    def image_id(name: str) -> str | None:
        found = doors.engine().image(name)
        return None if found is None else found.id

    return image_id
