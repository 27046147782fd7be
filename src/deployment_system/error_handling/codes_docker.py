"""Images: their Dockerfiles, and how they are built."""

from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)

DOCKER_ENTRIES: tuple[CodeEntry, ...] = (
    CodeEntry(
        ErrorCodes.DOCKER_BUILD_FAILED,
        title="An image could not be built",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "A command of the Dockerfile ended with an error of its own. It is not tried again: it "
            "would fail again."
        ),
        remedies=(
            Remedy(
                (
                    "Read the last lines of the build's log; the whole log is in the file that the "
                    "error names."
                ),
                Confidence.ADVICE,
            ),
        ),
        example="RUN pip install -r requirements.txt ended with exit status 1",
    ),
    CodeEntry(
        ErrorCodes.DOCKERFILE_NOT_FOUND,
        title="There is no such Dockerfile",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The Dockerfile that a flow names does not exist.",
        remedies=(
            Remedy(
                "Correct `dockerfile:` of the flow.",
                Confidence.NEEDS_INPUT,
            ),
            Remedy(
                "Without `dockerfile:`, the nearest one above the flow is taken, or one is generated.",
                Confidence.ADVICE,
            ),
        ),
        example="there is no Dockerfile at docker/load.Dockerfile",
    ),
    CodeEntry(
        ErrorCodes.DOCKERFILE_INVALID,
        title="A Dockerfile cannot be read as one",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "It is empty, has no FROM, an instruction that does not exist or lacks its arguments, or "
            "a stage that nothing defines."
        ),
        remedies=(
            Remedy(
                "Correct the line that the error names.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="unknown instruction RUNN: did you mean RUN?",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_COPY_SOURCE_MISSING,
        title="A file that a Dockerfile copies is not there",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "COPY and ADD take files from the build context: the repository, less what .dockerignore "
            "leaves out."
        ),
        remedies=(
            Remedy(
                "Correct the path: it is relative to the build context, not to the Dockerfile.",
                Confidence.NEEDS_INPUT,
            ),
            Remedy(
                "Look whether a line of .dockerignore leaves the file out.",
                Confidence.ADVICE,
            ),
        ),
        example="COPY requirements.txt: nothing of that name is in the build context",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_CONTEXT_UNREADABLE,
        title="A file of the build context cannot be read",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The build context holds a file or folder that may not be read, or something that is not "
            "a file, such as a socket or a named pipe."
        ),
        remedies=(
            Remedy(
                "Leave it out: name it in .dockerignore.",
                Confidence.PROBABLE,
            ),
            Remedy(
                "Or give the user who builds the right to read it.",
                Confidence.ADVICE,
            ),
        ),
        example="secrets/key.pem cannot be read: Permission denied",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_CONTEXT_CHANGED,
        title="A file changed while the image was built",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "What would have been built is not what was looked at and given a name. Nothing was tagged."
        ),
        remedies=(
            Remedy(
                (
                    "Build again when nothing writes into the build context; name what programs write "
                    "there in .dockerignore."
                ),
                Confidence.ADVICE,
            ),
        ),
        example="data/cache.db changed while it was sent to the engine",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_BASE_IMAGE_NOT_FOUND,
        title="The base image does not exist, or may not be pulled",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The registry answered, and has no image of that name and tag for this account.",
        remedies=(
            Remedy(
                "Correct the name or the tag after FROM.",
                Confidence.NEEDS_INPUT,
            ),
            Remedy(
                "For a private image: `docker login REGISTRY`.",
                Confidence.PROBABLE,
            ),
        ),
        example=(
            "the base image python:3.99 does not exist in its registry, or this account may not pull it"
        ),
    ),
    CodeEntry(
        ErrorCodes.DOCKER_BUILD_INTERRUPTED,
        title="The Docker engine went away in the middle of a build",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=True,
        explanation=(
            "The engine ended, or broke the connection off, before the build was done. Nothing was "
            "tagged, and building again is safe."
        ),
        remedies=(
            Remedy(
                (
                    "Start Docker again if it has ended, and look at its log: memory and disk are "
                    "common causes."
                ),
                Confidence.PROBABLE,
            ),
            Remedy(
                (
                    "Then run the same command again: it takes back what is left of this one, and the "
                    "build goes on from the layers that are done."
                ),
                Confidence.ADVICE,
            ),
        ),
        example=(
            "the Docker engine at unix:///var/run/docker.sock went away during the build of shop:1, at "
            "step 3 of 4: RUN pip install -r requirements.txt"
        ),
    ),
    CodeEntry(
        ErrorCodes.DOCKER_BUILD_TIMEOUT,
        title="A build said nothing for too long",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The engine answers, and a command of the Dockerfile has printed nothing within the time "
            "limit. The build was stopped."
        ),
        remedies=(
            Remedy(
                (
                    "Look at the command that the error names: it may wait for input or for a network "
                    "that is not there."
                ),
                Confidence.ADVICE,
            ),
            Remedy(
                "Give a longer time limit for a command that takes long in silence.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="RUN ./configure printed nothing for 600 seconds",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_BUILDKIT_REQUIRED,
        title="The build needs BuildKit",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Secrets, mounts and here-documents in a Dockerfile are features of BuildKit, and the "
            "engine or the docker command here has none. A secret is never handed over in another "
            "way: it would stay in the image."
        ),
        remedies=(
            Remedy(
                "Install Docker 23 or later with its buildx plugin.",
                Confidence.PROBABLE,
            ),
            Remedy(
                "Or do without the feature that the error names.",
                Confidence.ADVICE,
            ),
        ),
        example="the secret 'pip' needs BuildKit: the docker command 28.2.2 has no buildx plugin",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_OUT_OF_MEMORY,
        title="A container needed more memory than there is",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="A process was killed, as the kernel does when memory is used up (exit status 137).",
        remedies=(
            Remedy(
                "Give the engine more memory, or let the command need less.",
                Confidence.ADVICE,
            ),
        ),
        example="RUN python train.py was killed (exit status 137)",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_PREFLIGHT_FAILED,
        title="A flow cannot be started from its image",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The image was built, but importing the flow's file in a container failed: a package or a "
            "file is missing in the image, or Prefect is."
        ),
        remedies=(
            Remedy(
                (
                    "Install what is missing in the Dockerfile, or copy it; the error has the "
                    "import's own words."
                ),
                Confidence.NEEDS_INPUT,
            ),
        ),
        example=(
            "flows/load.py:load cannot be imported in the image load:1: ModuleNotFoundError: No "
            "module named 'pandas'"
        ),
    ),
)
