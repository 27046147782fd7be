"""The Docker steps of a prefect.yaml, carried out by our own builder as prefect_docker 0.7 would: the same
names, the same outputs. What they do is written down before, so that it can be put back."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from deployment_system.builders.build_context import read_build_context
from deployment_system.builders.build_request import BUILD_IDLE_SECONDS, Builder, BuildRequest
from deployment_system.builders.content_hash import BuildOptions, ImageContent, hash_content
from deployment_system.builders.dockerfile import Dockerfile, parse_dockerfile
from deployment_system.builders.dockerfile_generation import NAME
from deployment_system.builders.dockerfile_places import read_dockerfile
from deployment_system.builders.image_names import image_labels, parse_image_name
from deployment_system.builders.registry_credentials import RegistryCredentials
from deployment_system.config import (
    BuildStep,
    DockerImageBuild,
    DockerImageOptions,
    DockerImagePush,
    docker_image_options,
    docker_step,
)
from deployment_system.deploy.declare import FOLDER_IN_IMAGE
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.image_journal import ImageJournal
from deployment_system.deploy.images import default_base_image
from deployment_system.deploy.project import Project
from deployment_system.error_handling import DeploymentError, DockerError, ErrorCodes, ErrorContext

NAMESPACE_VARIABLE = "PREFECT_DEFAULT_DOCKER_BUILD_NAMESPACE"
BUILDX = "buildx"
LATEST = "latest"


@dataclass(frozen=True)
class StepImages:
    """Builds and pushes for steps. Methods raise DockerError, and ConfigurationError for a step that is not
    what it must be now that its inputs are known."""

    project: Project
    doors: ImageDoors
    journal: ImageJournal
    on_line: Callable[[str], object] | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def run(self, step: BuildStep) -> dict[str, Any]:
        """Carries a Docker step out; its outputs."""
        order = docker_step(step)
        try:
            if isinstance(order, DockerImagePush):
                return self._push(order)
            return self._build(order, docker_image_options(step))
        except DockerError as error:
            if error.context.file_path is None:
                error.with_context(file_path=step.place.file_path, line_number=step.place.line_number)
            error.with_context(step=step.name)
            raise

    def _build(self, order: DockerImageBuild, options: DockerImageOptions) -> dict[str, Any]:
        image_name = self._whole_name(order.image_name)
        tag = order.tag or tag_of_moment(datetime.now(UTC))
        names = [f"{image_name}:{each}" for each in (tag, *order.additional_tags)]
        dockerfile = self._dockerfile(order, options)
        content = self._content(dockerfile, options)
        self.journal.before_build(content.content, names[0])
        kind = Builder.BUILDKIT if order.build_backend == BUILDX else None
        builder = self.doors.builder(self.on_line, self.project.state.build_logs, kind)
        built = builder.build(
            self._request(content, dockerfile, options, names),
            before_tag=partial(self.journal.before_tag, content.content),
        )
        if order.makes_dockerfile and order.persist_dockerfile:
            _keep(self.project.root / order.dockerfile_output_path, dockerfile.text)
        return {
            "image_name": image_name,
            "tag": tag,
            "image": names[0],
            "image_id": built.image_id,
            "additional_tags": list(order.additional_tags),
        }

    def _push(self, order: DockerImagePush) -> dict[str, Any]:
        """Where no tag is said, Prefect pushes every tag of the name and calls the image `NAME:None`; here it
        is `latest`, which Docker itself means then."""
        image_name = self._whole_name(order.image_name)
        tag = order.tag or LATEST
        if order.credentials is not None:
            self.doors.log_in(
                parse_image_name(image_name).registry,
                RegistryCredentials(
                    str(order.credentials.get("username") or ""), str(order.credentials.get("password") or "")
                ),
            )
        for each in (tag, *order.additional_tags):
            self._push_one(f"{image_name}:{each}")
        return {
            "image_name": image_name,
            "tag": tag,
            "image": f"{image_name}:{tag}",
            "additional_tags": list(order.additional_tags),
        }

    def _push_one(self, name: str) -> None:
        image = self.doors.engine().image(name)
        if image is None:
            raise DockerError(
                f"there is no image {name} to push",
                error_code=ErrorCodes.DOCKER_IMAGE_NOT_FOUND,
                context=ErrorContext(image=name, operation="push"),
            )
        self.journal.before_push(name, image.id)
        credentials = self.doors.credentials(parse_image_name(name).registry)
        self.doors.engine().push(name, credentials, on_line=self.on_line)

    def _whole_name(self, image_name: str) -> str:
        """As Prefect completes a name without a namespace."""
        namespace = self.environ.get(NAMESPACE_VARIABLE)
        return f"{namespace}/{image_name}" if namespace and "/" not in image_name else image_name

    def _dockerfile(self, order: DockerImageBuild, options: DockerImageOptions) -> Dockerfile:
        """docker-py looks for it in the context, buildx in the working directory."""
        root = self.project.root
        if order.makes_dockerfile:
            return parse_dockerfile(prefects_dockerfile(root, default_base_image()), NAME)
        folder = root if order.build_backend == BUILDX else root / options.path
        return read_dockerfile(folder / order.dockerfile, root)

    def _content(self, dockerfile: Dockerfile, options: DockerImageOptions) -> ImageContent:
        context = read_build_context(self.project.root / options.path, dockerfile)
        made_with = BuildOptions(options.build_args, options.target, options.platform, options.labels)
        return hash_content(context, made_with, cache_folder=self.project.state.image_cache)

    def _request(
        self, content: ImageContent, dockerfile: Dockerfile, options: DockerImageOptions, names: list[str]
    ) -> BuildRequest:
        ours = image_labels(self.project.owner.project, content.content, dockerfile.name)
        return BuildRequest(
            content=content,
            tags=tuple(names),
            labels={"io.prefect.version": version("prefect"), **ours},
            network=options.network,
            pull=options.pull,
            use_cache=options.use_cache,
            idle_seconds=options.idle_seconds or BUILD_IDLE_SECONDS,
        )


def tag_of_moment(moment: datetime) -> str:
    """The tag that Prefect gives where a step says none."""
    return re.sub(r"[^a-z0-9]+", "-", moment.isoformat().lower())


def prefects_dockerfile(root: Path, base_image: str) -> str:
    """What Prefect makes for `dockerfile: auto`: pull steps of deployments rely on the folder."""
    folder = f"{FOLDER_IN_IMAGE}/{root.name}"
    lines = [f"FROM {base_image}"]
    if (root / "requirements.txt").exists():
        lines.append(f"COPY requirements.txt {folder}/requirements.txt")
        lines.append(f"RUN uv pip install -r {folder}/requirements.txt")
    lines += [f"COPY . {folder}/", f"WORKDIR {folder}/"]
    return "\n".join(lines) + "\n"


def _keep(file: Path, text: str) -> None:
    """For the user, who asked for it: it stays whatever becomes of the deployment."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DeploymentError(
            f"the Dockerfile that was made cannot be written to {file}: {error.strerror or error}",
            error_code=ErrorCodes.OUTPUT_NOT_WRITTEN,
            context=ErrorContext(file_path=file),
            cause=error,
        ) from error
