"""Remedies in Dockerfiles: a wrong word, a file that has another name, or that is not there at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployment_system.builders.dockerfile import Dockerfile
from deployment_system.builders.dockerfile_generation import generate_dockerfile
from deployment_system.builders.dockerfile_places import read_dockerfile
from deployment_system.builders.kept_images import KEPT_REPOSITORY
from deployment_system.config import CONFIGURATION_FILE
from deployment_system.deploy.assess import Options, assess
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.project import Project, open_project
from deployment_system.deploy.recovery.changed_files import changed_text, diff_of, read_text
from deployment_system.deploy.recovery.dockerfile_fixes import (
    instruction_at,
    near_image,
    with_instruction,
    with_word,
)
from deployment_system.deploy.recovery.server_actions import ServerAction
from deployment_system.error_handling import (
    Confidence,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    OperationType,
    RecoveryError,
    RollbackManager,
)
from deployment_system.error_handling.recovery_actions import Proposal, RecoveryAction, Settings


@dataclass(frozen=True)
class Edit:
    """What a file would become."""

    file: Path
    text: str
    what: str
    """In words, as they follow "would"."""


@dataclass(frozen=True)
class EditAction(ServerAction):
    """A change of one file that is shown as a diff; afterwards the repository is checked as a whole."""

    environ: Mapping[str, str]

    confidence = Confidence.PROBABLE
    checks = "our own checks of Dockerfile and build context find it no more"

    def edit(self, error: DeploymentSystemError) -> Edit | str:
        """What would be changed; or why nothing can be."""
        raise NotImplementedError

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        edit = self.edit(error)
        return edit if isinstance(edit, str) else None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        edit = self._edit(error)
        return Proposal(edit.what, diff_of(self._shown(edit), read_text(edit.file), edit.text))

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        edit = self._edit(error)
        kind = OperationType.FILE_MODIFY if edit.file.exists() else OperationType.FILE_CREATE
        changed_text(edit.file, edit.text, transaction, kind)
        return f"changed {self._shown(edit)}: {edit.what}"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`. Everything is read anew."""
        project = self.project
        try:
            again = open_project(project.root, environment=project.environment_name, environ=self.environ)
        except ProblemsFound as problems:
            return problems.errors[0].message
        place = (error.error_code, error.context.file_path, error.context.line_number)
        for found in assess(again, options=Options(types="docker")).errors:
            if (found.error_code, found.context.file_path, found.context.line_number) == place:
                return found.message
        return None

    def _edit(self, error: DeploymentSystemError) -> Edit:
        edit = self.edit(error)
        if isinstance(edit, str):
            raise RecoveryError(
                edit, error_code=ErrorCodes.RECOVERY_FAILED, context=ErrorContext(operation="recover")
            )
        return edit

    def _shown(self, edit: Edit) -> str:
        return edit.file.relative_to(self.project.root).as_posix()


@dataclass(frozen=True)
class FixDockerfile(EditAction):
    """An instruction with a wrong letter, or a source of COPY and ADD that has nearly the name of a file."""

    name = "fix_dockerfile"
    changes = "the wrong word of the Dockerfile"

    def edit(self, error: DeploymentSystemError) -> Edit | str:
        """See `EditAction`."""
        dockerfile = dockerfile_of(self.project, error)
        if isinstance(dockerfile, str):
            return dockerfile
        line, near = error.context.line_number or 0, error.context.extra.get("near")
        instruction = instruction_at(dockerfile, line)
        if instruction is None or not isinstance(near, str):
            return f"what was meant in line {line} of {dockerfile.name} only a person knows"
        source = error.context.extra.get("source")
        if isinstance(source, str):
            text, wrong = with_word(dockerfile, line, source, near), source
        else:
            text, wrong = with_instruction(dockerfile, line, near), instruction.name
        if text is None:
            return f"{wrong!r} does not stand once in line {line} of {dockerfile.name}"
        return Edit(
            Path(str(dockerfile.path)), text, f"write {near} for {wrong} in line {line} of {dockerfile.name}"
        )


@dataclass(frozen=True)
class CorrectBaseImage(EditAction):
    """A base image that no registry has, and the engine has one of nearly that name."""

    name = "correct_base_image"
    changes = "the image after FROM in the Dockerfile"
    checks = "the engine has every base image of the Dockerfile"

    def edit(self, error: DeploymentSystemError) -> Edit | str:
        """See `EditAction`."""
        dockerfile = dockerfile_of(self.project, error)
        if isinstance(dockerfile, str):
            return dockerfile
        line = error.context.line_number or 0
        wrong = next((image for image, at in dockerfile.base_images if at == line), None)
        if wrong is None or "$" in wrong:
            return f"line {line} of {dockerfile.name} names no base image that could be corrected"
        with ImageDoors(self.project) as doors:
            tags = {tag for image in doors.engine().images() for tag in image.tags}
        right = near_image(wrong, sorted(tag for tag in tags if not tag.startswith(KEPT_REPOSITORY)))
        text = with_word(dockerfile, line, wrong, right) if right else None
        if right is None or text is None:
            return f"the engine has no image of nearly the name {wrong} and of the same version"
        what = f"begin with {right}, which the engine has, for {wrong} in line {line} of {dockerfile.name}"
        return Edit(Path(str(dockerfile.path)), text, what)

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        dockerfile = dockerfile_of(self.project, error)
        if isinstance(dockerfile, str):
            return dockerfile
        with ImageDoors(self.project) as doors:
            away = [name for name, _ in dockerfile.base_images if doors.engine().image(name) is None]
        return f"the engine has no image {away[0]}" if away else None


@dataclass(frozen=True)
class CorrectDockerfileName(EditAction):
    """The configuration names a Dockerfile that is not there, and nearly the name of one that is."""

    name = "correct_dockerfile_name"
    changes = "the Dockerfile's name in the configuration"

    def edit(self, error: DeploymentSystemError) -> Edit | str:
        """See `EditAction`."""
        wrong, near = error.context.file_path, error.context.extra.get("near")
        if not wrong or not isinstance(near, str):
            return f"no Dockerfile of the repository has nearly the name {wrong}"
        file = self.project.root / CONFIGURATION_FILE
        text = read_text(file)
        if text.count(wrong) != 1:
            return f"{wrong} does not stand once in {CONFIGURATION_FILE}"
        return Edit(file, text.replace(wrong, near), f"name the Dockerfile {near} instead of {wrong}")


@dataclass(frozen=True)
class WriteDockerfile(EditAction):
    """As `deployment-cli build --eject`, where the Dockerfile that is named is not there."""

    name = "write_dockerfile"
    changes = "a new Dockerfile, made of the declared dependencies"

    def edit(self, error: DeploymentSystemError) -> Edit | str:
        """See `EditAction`."""
        from deployment_system.deploy.images import default_base_image

        root = self.project.root
        file = _inside(root, error.context.file_path)
        if file is None or file.exists():
            return "the error names no Dockerfile of the repository that is not there"
        if not file.parent.is_dir():
            return f"there is no folder for {error.context.file_path}"
        base = self.project.environment.image.base or default_base_image()
        text = generate_dockerfile(root, base).text
        return Edit(file, text, f"write the Dockerfile {error.context.file_path}, from {base}")


def dockerfile_actions(project: Project | None, environ: Mapping[str, str]) -> list[RecoveryAction]:
    """All of this file."""
    kinds = (FixDockerfile, CorrectBaseImage, CorrectDockerfileName, WriteDockerfile)
    return [kind(project, environ) for kind in kinds]


def dockerfile_of(project: Project, error: DeploymentSystemError) -> Dockerfile | str:
    """The Dockerfile that an error is about, as it is now; or why there is none. Raises DOCKERFILE_INVALID
    where it cannot be read."""
    file = _inside(project.root, error.context.file_path)
    if file is None or not file.is_file() or error.context.line_number is None:
        return "the error names no line of a Dockerfile of the repository"
    return read_dockerfile(file, project.root)


def _inside(root: Path, name: str | None) -> Path | None:
    file = root / name if name else root
    return file if name and file.resolve().is_relative_to(root.resolve()) else None
