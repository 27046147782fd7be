"""Images of one content as a resource that can be put back: what a build leaves that died before it gave its
image a name. Names are another resource, see `undo`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployment_system.builders.image_names import CONTENT_LABEL
from deployment_system.builders.undo import ConnectEngine
from deployment_system.error_handling import UndoHandler

if TYPE_CHECKING:
    from deployment_system.builders.engine import DockerEngine, Image

IMAGE = "docker.image"

State = Mapping[str, Any]


def image_reference(engine_url: str, content: str) -> dict[str, str]:
    """What the journal knows the images of a content by."""
    return {"engine": engine_url, "content": content}


class ImageUndo(UndoHandler):
    """Nameless images that carry a content's label. One that has a name belongs to whoever gave it, and one
    that a container uses stays as long as that does."""

    def __init__(self, connect: ConnectEngine) -> None:
        self._connect = connect

    def observe(self, reference: Mapping[str, Any]) -> State | None:
        """The ids of the nameless ones; None: there are none."""
        found = sorted(image.id for image in self._nameless(self._connect(reference["engine"]), reference))
        return {"images": found} if found else None

    def restore(self, reference: Mapping[str, Any], state: State | None, found: State | None) -> None:
        """Removes those that were not there before."""
        engine = self._connect(reference["engine"])
        there_before = set(state["images"]) if state else set()
        for image in self._nameless(engine, reference):
            if image.id not in there_before:
                engine.remove(image.id)

    def made_by(self, found: State | None, before: State | None, after: State | None) -> bool:
        """What carries the label of a content was built from it; by whom makes no difference."""
        return True

    def _nameless(self, engine: "DockerEngine", reference: Mapping[str, Any]) -> "list[Image]":
        images = engine.images({CONTENT_LABEL: reference["content"]})
        return [image for image in images if not image.tags and not engine.is_used(image.id)]
