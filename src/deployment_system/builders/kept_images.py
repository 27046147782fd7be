"""Images that must stay until nothing can ask for them back.

An image that loses its last name would be taken away by `docker image prune`, and a roll back could not bring
it back. So before a name is moved or removed, the image gets one more:

    deployment-system-kept/image:<its id>

Its name follows from its id: naming it twice is naming it once, and any process can tell what it is for. When
plans are cleaned up, `release_kept` takes these names from the images that no remaining plan speaks of.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # docker-py is imported by who reaches an engine
    from deployment_system.builders.engine import DockerEngine, Image

KEPT_REPOSITORY = "deployment-system-kept/image"


def kept_name(image_id: str) -> str:
    """The name that keeps an image."""
    return f"{KEPT_REPOSITORY}:{image_id.removeprefix('sha256:')}"


def keep(engine: "DockerEngine", image: "Image") -> None:
    """Makes an image stay. Raises DockerError."""
    engine.tag(image.id, kept_name(image.id))


def keep_before_move(engine: "DockerEngine", name: str, image_id: str | None) -> None:
    """To be called before `name` goes to another image, or to none (`image_id` None): keeps the image that
    has it, where it has no other name. Raises DockerError."""
    holder = engine.image(name)
    if holder is not None and holder.id != image_id and not set(holder.tags) - {name}:
        keep(engine, holder)


def release_kept(engine: "DockerEngine", needed: Collection[str]) -> list[str]:
    """Lets go of every kept image whose id is not needed; the ids. An image without another name goes away,
    unless a container uses it: then it stays kept until the next time. Raises DockerError."""
    released = []
    for image in engine.images():
        name = kept_name(image.id)
        if name in image.tags and image.id not in needed and not engine.is_used(image.id):
            engine.remove(name)
            released.append(image.id)
    return released


def image_ids(states: Iterable[Mapping[str, Any] | None]) -> set[str]:
    """The ids that states of the kind `docker.tag` speak of: what is needed for rolling back."""
    return {state["image"] for state in states if state and state.get("image")}
