"""Images built, pushed and named, inside a transaction: what is to be undone is written down before."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from deployment_system.builders.image_names import PROJECT_LABEL, parse_image_name
from deployment_system.builders.kept_images import KEPT_REPOSITORY, keep_before_move
from deployment_system.builders.preflight import check_flow_in_image
from deployment_system.deploy.crew import Crew
from deployment_system.deploy.deployments import DesiredDeployment
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.image_journal import ImageJournal
from deployment_system.deploy.image_plan import ImageChange
from deployment_system.deploy.images import DesiredImage, build_request
from deployment_system.deploy.plan import Action
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.deploy.project import Project
from deployment_system.error_handling import DockerError, ErrorCodes, ErrorContext, RollbackManager
from deployment_system.monitoring.names import IMAGE_SECONDS

BUILDS_SIDE_BY_SIDE = 4
"""A build mostly waits for a package index, so that more of them than cores still pay."""

OnLine = Callable[[str], object]

if TYPE_CHECKING:
    from deployment_system.builders.engine import Image


@dataclass(frozen=True)
class ImageMaker:
    """Makes the images of one plan. Methods raise DockerError."""

    project: Project
    doors: ImageDoors
    journal: RollbackManager
    progress: Progress = no_progress
    on_line: OnLine | None = None
    """Told each line of a build and a push."""
    side_by_side: int = BUILDS_SIDE_BY_SIDE

    @property
    def images(self) -> ImageJournal:
        """Where each effect is written down first."""
        return ImageJournal(self.doors, self.journal)

    def make(self, changes: Sequence[ImageChange], *, push: bool = True) -> None:
        """Builds what is new, pushes it where images are pushed, and lets the further names follow."""
        to_do = [change for change in changes if change.action is not Action.UNCHANGED]
        if not to_do:
            return
        crew = Crew(self.side_by_side)

        def make_one(change: ImageChange) -> None:
            if change.action is Action.CREATE:
                image_id = self._build(change.image, crew)
                if push and change.image.is_pushed:
                    self._push(change.image, image_id, crew)
            else:
                self._name_anew(change)

        self.progress("build", 0, len(to_do), "")
        # The first one alone: what all of them start with is then built, and the others find it.
        made = chain(crew.run(to_do[:1], make_one), crew.run(to_do[1:], make_one))
        for done, change in enumerate(made, start=1):
            self.progress("build", done, len(to_do), change.name)
        self.images.release_what_nobody_needs()

    def remove(self, images: "Sequence[Image]") -> None:
        """Takes every name from these images. They are kept, without a name of ours, until the plan is
        forgotten: so they can be brought back."""
        engine = self.doors.engine()
        for done, image in enumerate(images, start=1):
            for name in image.tags:
                self.images.before_removal(name)
                keep_before_move(engine, name, None)
                engine.remove(name)
            self.progress("remove images", done, len(images), ", ".join(image.tags))
        self.images.release_what_nobody_needs()

    def check(self, desired: Sequence[DesiredDeployment]) -> None:
        """Imports the entrypoint of each container deployment in its image, as a worker would. Raises
        DOCKER_PREFLIGHT_FAILED."""
        in_images = [(item, item.image) for item in desired if item.image is not None]
        for done, (item, image) in enumerate(in_images):
            self.progress("preflight", done, len(in_images), item.name)
            check_flow_in_image(self.doors.engine(), image.name, str(item.fields["entrypoint"]))

    # -- one image ----------------------------------------------------------------------------------

    def _build(self, image: DesiredImage, crew: Crew) -> str:
        """The id of the image."""
        content = image.content.content
        self.images.before_build(content, image.name)

        def before_tag(name: str, image_id: str) -> None:
            crew.check()
            self.images.before_tag(content, name, image_id)

        builder = self.doors.builder(self._heard(crew), self.project.state.build_logs)
        began = time.monotonic()
        result = builder.build(build_request(image, self.project.root), before_tag=before_tag)
        took = time.monotonic() - began
        self.project.collected.seconds(IMAGE_SECONDS, took, environment=self.project.environment_name)
        return result.image_id

    def _push(self, image: DesiredImage, image_id: str, crew: Crew) -> None:
        for name in (image.name, *image.further_names):
            crew.check()
            self.images.before_push(name, image_id)
            credentials = self.doors.credentials(parse_image_name(name).registry)
            self.doors.engine().push(name, credentials, on_line=self._heard(crew))

    def _name_anew(self, change: ImageChange) -> None:
        """Lets further names follow an image that is there already, where it is: no engine is needed for a
        registry, and no registry for an engine."""
        if change.image.is_pushed:
            self._name_in_registry(change)
            return
        image = self.doors.engine().image(change.name)
        if image is None:
            raise _gone(change.name)
        content = change.image.content.content
        for name in change.misplaced:
            self.doors.builder().move_tag(name, image.id, partial(self.images.before_tag, content))

    def _name_in_registry(self, change: ImageChange) -> None:
        source = parse_image_name(change.name)
        registry = self.doors.registry(source.registry)
        manifest = registry.manifest(source.path, str(source.tag))
        if manifest is None:
            raise _gone(change.name)
        for name in change.misplaced:
            target = parse_image_name(name)
            self.images.before_registry_tag(name, str(manifest.image_id), manifest.digest)
            registry.put_manifest(target.path, str(target.tag), manifest)

    def _heard(self, crew: Crew) -> OnLine:
        def hear(line: str) -> None:
            crew.check()
            if self.on_line is not None:
                self.on_line(line)

        return hear


def _gone(name: str) -> DockerError:
    return DockerError(
        f"the image {name} was there a moment ago, and is gone",
        error_code=ErrorCodes.DOCKER_IMAGE_NOT_FOUND,
        context=ErrorContext(image=name, operation="name an image"),
    )


def removable_images(project: Project, doors: ImageDoors) -> "list[Image]":
    """The images that this project built, without those that another of its environments names: their names
    of this environment alone go. What only keeps an old image is left to the plans."""
    others = set(project.configuration.environments) - {project.environment_name}
    found = doors.engine().images({PROJECT_LABEL: project.owner.project})
    removable = []
    for image in found:
        ours = tuple(tag for tag in image.tags if not tag.startswith(KEPT_REPOSITORY))
        if {tag.rpartition(":")[2] for tag in ours} & others:
            ours = tuple(tag for tag in ours if tag.rpartition(":")[2] == project.environment_name)
        if ours:
            removable.append(replace(image, tags=ours))
    return removable
