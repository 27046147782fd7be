"""Names of images as resources that can be put back: in an engine, and in a registry.

States are JSON values and bytes, so that a journal can keep them and another process can restore them. The id
of an image that is yet to be built is not known beforehand; what it is made of is. So an intended state may
name the content alone, and is the same as the image of that content: a process that was killed between the
build and its note is recognised.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from deployment_system.builders.image_names import CONTENT_LABEL, ImageName, parse_image_name
from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext, UndoHandler

if TYPE_CHECKING:  # docker-py is imported by who reaches an engine
    from deployment_system.builders.engine import DockerEngine, Image
    from deployment_system.builders.registry import Registry

TAG = "docker.tag"
REGISTRY_TAG = "docker.registry_tag"

State = Mapping[str, Any]
ConnectEngine = Callable[[str], "DockerEngine"]
"""From an engine's URL to the engine. Whoever supplies it closes it."""
ConnectRegistry = Callable[[str], "Registry"]
"""From a registry's host to the registry, with the credentials that this process has for it. Whoever supplies
it closes it."""


def tag_reference(engine_url: str, name: str) -> dict[str, str]:
    """What the journal knows a name in an engine by. Raises DOCKER_TAG_INVALID."""
    return {"engine": engine_url, "name": str(parse_image_name(name))}


def tag_state(content: str, image_id: str | None = None) -> State:
    """A name that is to point to the image of this content; its id where it is known."""
    return {"image": image_id, "content": content}


def registry_tag_reference(name: str) -> dict[str, str]:
    """What the journal knows a pushed name by. Raises DOCKER_TAG_INVALID."""
    parsed: ImageName = parse_image_name(name)
    return {"registry": parsed.registry, "repository": parsed.path, "tag": parsed.tag or "latest"}


def registry_tag_state(image_id: str) -> State:
    """A tag in a registry that is to point to an image of the engine: what it will be called there is known
    only after it was pushed."""
    return {"digest": None, "image": image_id, "media_type": None, "manifest": None}


class TagUndo(UndoHandler):
    """Names of images in an engine. Whoever moves or removes a name keeps the image first, see `kept_images`:
    without it an image may be gone before it is asked back, which is DOCKER_IMAGE_NOT_FOUND."""

    def __init__(self, connect: ConnectEngine) -> None:
        self._connect = connect

    def observe(self, reference: Mapping[str, Any]) -> State | None:
        """The image that has the name."""
        image = self._connect(reference["engine"]).image(reference["name"])
        return None if image is None else _state_of(image)

    def restore(self, reference: Mapping[str, Any], state: State | None, found: State | None) -> None:
        """Gives the name to the image again; or takes it away, and the image with its last name, unless a
        container uses that: then it is kept without the name."""
        from deployment_system.builders.kept_images import keep, keep_before_move

        engine, name = self._connect(reference["engine"]), reference["name"]
        if state is not None:
            keep_before_move(engine, name, state["image"])
            engine.tag(state["image"], name)
            return
        try:
            engine.remove(name)
        except DockerError as error:
            image = engine.image(name)
            if error.error_code != ErrorCodes.DOCKER_IMAGE_IN_USE or image is None:
                raise
            keep(engine, image)
            engine.remove(name)

    def same(self, one: State, other: State) -> bool:
        """Whether both are one image; where an id is not known yet, whether both are of one content."""
        if one["image"] is not None and other["image"] is not None:
            return bool(one["image"] == other["image"])
        return one["content"] is not None and one["content"] == other["content"]


class RegistryTagUndo(UndoHandler):
    """Tags in registries.

    Some registries remove nothing. A new tag then stays, and does no harm: nothing refers to it any more. It
    counts as taken back, its name is in `left_behind`, and `leftover` tells the report of it.
    """

    def __init__(self, connect: ConnectRegistry) -> None:
        self._connect = connect
        self._left: dict[str, None] = {}

    @property
    def left_behind(self) -> list[str]:
        """The names of pushed images that the registries did not let us remove."""
        return list(self._left)

    def observe(self, reference: Mapping[str, Any]) -> State | None:
        """The manifest that the tag points to, whole: it can be put back as long as its layers are there."""
        if _name(reference) in self._left:
            return None
        registry = self._connect(reference["registry"])
        manifest = registry.manifest(reference["repository"], reference["tag"])
        if manifest is None:
            return None
        return {
            "digest": manifest.digest,
            "image": manifest.image_id,
            "media_type": manifest.media_type,
            "manifest": manifest.content,
        }

    def restore(self, reference: Mapping[str, Any], state: State | None, found: State | None) -> None:
        """Puts the old manifest back under the tag, or removes the tag and no other one."""
        from deployment_system.builders.registry import Manifest

        registry = self._connect(reference["registry"])
        repository, tag = reference["repository"], reference["tag"]
        if state is not None:
            manifest = Manifest(state["digest"], state["media_type"], state["manifest"])
            registry.put_manifest(repository, tag, manifest)
        elif not registry.remove_tag(repository, tag):
            self._left[_name(reference)] = None

    def leftover(self, reference: Mapping[str, Any]) -> DockerError | None:
        """The name, where the registry did not let us remove it."""
        name = _name(reference)
        if name not in self._left:
            return None
        return DockerError(
            f"{name} stays in its registry, which lets nothing be removed; no deployment refers to it",
            error_code=ErrorCodes.DOCKER_IMAGE_LEFT_BEHIND,
            context=ErrorContext(operation="roll back", image=name, registry=reference["registry"]),
        )

    def same(self, one: State, other: State) -> bool:
        """Whether both are one manifest; where a digest is not known yet, whether both are one image. An
        engine with containerd's store calls an image by the digest that it has in the registry."""
        if one["digest"] is not None and other["digest"] is not None:
            return bool(one["digest"] == other["digest"])
        intended, found = (one, other) if one["digest"] is None else (other, one)
        return intended["image"] is not None and intended["image"] in (found["image"], found["digest"])

    def made_by(self, found: State | None, before: State | None, after: State | None) -> bool:
        """Also a copy of the same image with another digest: what `remove_tag` leaves when it is killed in
        the middle."""
        if found is None or after is None:
            return found is after
        return self.same(found, after) or (after["image"] is not None and found["image"] == after["image"])


def _name(reference: Mapping[str, Any]) -> str:
    return str(ImageName(reference["registry"], reference["repository"], reference["tag"]))


def _state_of(image: "Image") -> State:
    return {"image": image.id, "content": image.labels.get(CONTENT_LABEL)}
