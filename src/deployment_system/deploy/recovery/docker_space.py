"""Room on the disk of the Docker engine: what this project built and nobody needs is removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deployment_system.builders.undo import ConnectEngine
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.recovery.docker_actions import DockerAction
from deployment_system.deploy.recovery.unneeded_images import (
    UnneededImage,
    shown_bytes,
    unneeded_images,
    used_bytes,
)
from deployment_system.error_handling import (
    Confidence,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    OperationType,
    RecoveryError,
    RollbackManager,
    UndoFunction,
)
from deployment_system.error_handling.counted import counted
from deployment_system.error_handling.recovery_actions import Proposal, Settings

if TYPE_CHECKING:  # docker-py is imported by who reaches an engine
    from deployment_system.builders.engine import DockerEngine

UNDO_REMOVAL = "recovery.removed_images"
"""The undo handler's name."""
SHOWN_IMAGES = 10


@dataclass(frozen=True)
class FreeDockerSpace(DockerAction):
    """Only what this project built: neither other images, nor volumes, nor the build cache, which nobody can
    tell the owner of. Images that are removed do not come back, which is said before."""

    name = "free_docker_space"
    changes = "images that this project built and nothing needs any more are removed, for good"
    checks = "they are gone; the freed bytes are told"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        if not self._found():
            return (
                "every image that this project has in the engine is needed: `docker system df` shows what "
                "else takes the room"
            )
        return None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        found = self._found()
        size = shown_bytes(sum(each.size for each in found))
        images = counted(len(found), "image")
        return Proposal(
            f"remove {images} that this project built and that no deployment, container or unfinished "
            f"transaction needs, {size} in all, from {self.url}: {_listed(found)}. They do not come back, "
            "and an older transaction that would need one cannot be taken back any more"
        )

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        with ImageDoors(self.project) as doors:
            engine = doors.engine()
            found, before = unneeded_images(self.project, engine), used_bytes(engine)
            data = {"handler": UNDO_REMOVAL, "engine": engine.url, "images": [one.image.id for one in found]}
            transaction.add_rollback_operation(OperationType.CUSTOM, "remove images for room", data)
            for one in found:
                # Name by name, and not by force: an image that somebody has begun to use stays.
                for name in one.image.tags or (one.image.id,):
                    engine.remove(name)
            freed = before - used_bytes(engine)
        return f"removed {counted(len(found), 'image')}, which freed {shown_bytes(freed)}: {_listed(found)}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`. Whether the room is enough, only the build itself can tell."""
        left = self._found()
        return f"there still are {_listed(left)}" if left else None

    def _found(self) -> list[UnneededImage]:
        with ImageDoors(self.project) as doors:
            return unneeded_images(self.project, doors.engine())


def undo_removal(connect: ConnectEngine) -> UndoFunction:
    """What is asked to bring removed images back, and says that nothing can, where they are gone."""

    def look(data: Mapping[str, Any]) -> None:
        engine: DockerEngine = connect(data["engine"])
        gone = [image for image in data["images"] if engine.image(image) is None]
        if gone:
            raise RecoveryError(
                f"removed for room, {counted(len(gone), 'image')} do not come back: what is deployed needs "
                "none of them, and `deploy` builds what it needs",
                error_code=ErrorCodes.UNDO_FAILED,
                context=ErrorContext(operation="roll back", images=gone),
            )

    return UndoFunction(look)


def _listed(found: Sequence[UnneededImage]) -> str:
    shown = [f"{each.shown} ({shown_bytes(each.size)})" for each in found[:SHOWN_IMAGES]]
    more = f" and {len(found) - SHOWN_IMAGES} more" if len(found) > SHOWN_IMAGES else ""
    return ", ".join(shown) + more
