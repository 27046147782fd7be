"""What is done to images, written down before it is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployment_system.builders.kept_images import image_ids, release_kept
from deployment_system.builders.undo import (
    REGISTRY_TAG,
    TAG,
    registry_tag_reference,
    registry_tag_state,
    tag_reference,
    tag_state,
)
from deployment_system.builders.undo_image import IMAGE, image_reference
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.error_handling import Intent, OperationType, RollbackManager

State = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ImageJournal:
    """Each method looks at what is there and writes down what is about to happen. Raises DockerError where
    engine or registry cannot be asked."""

    doors: ImageDoors
    journal: RollbackManager

    def before_build(self, content: str, name: str) -> None:
        """An image of this content is about to be built."""
        reference = image_reference(self.doors.engine().url, content)
        self._prepare(IMAGE, reference, {}, f"build image {name}", OperationType.DOCKER_IMAGE_BUILD)

    def before_tag(self, content: str, name: str, image_id: str) -> None:
        """A name in the engine is about to go to an image."""
        reference = tag_reference(self.doors.engine().url, name)
        state = tag_state(content, image_id)
        self._prepare(TAG, reference, state, f"name image {name}", OperationType.DOCKER_IMAGE_TAG)

    def before_removal(self, name: str) -> None:
        """A name is about to be taken from the engine."""
        reference = tag_reference(self.doors.engine().url, name)
        self._prepare(TAG, reference, None, f"remove image {name}", OperationType.DOCKER_IMAGE_REMOVE)

    def before_push(self, name: str, image_id: str) -> None:
        """A name is about to be brought to its registry."""
        state = registry_tag_state(image_id)
        what = f"push image {name}"
        self._prepare(
            REGISTRY_TAG, registry_tag_reference(name), state, what, OperationType.DOCKER_IMAGE_PUSH
        )

    def before_registry_tag(self, name: str, image_id: str, digest: str) -> None:
        """A name is about to go to a manifest that its registry has already."""
        state = {**registry_tag_state(image_id), "digest": digest}
        what = f"name image {name} in its registry"
        self._prepare(REGISTRY_TAG, registry_tag_reference(name), state, what, OperationType.DOCKER_IMAGE_TAG)

    def release_what_nobody_needs(self) -> None:
        """Images were kept for plans that are forgotten by now."""
        needed: set[str] = set()
        for plan in self.journal.rollback_plans.values():
            tags = [operation for operation in plan.operations if operation.kind == TAG]
            needed |= image_ids(state for each in tags for state in (each.before, each.after))
        release_kept(self.doors.engine(), needed)

    def _prepare(
        self,
        kind: str,
        reference: Mapping[str, Any],
        after: State | None,
        what: str,
        operation_type: OperationType,
    ) -> None:
        before = self.doors.undo_handlers()[kind].observe(reference)
        self.journal.prepare([Intent(kind, reference, before, after, what, operation_type)])
