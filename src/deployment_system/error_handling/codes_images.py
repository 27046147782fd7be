"""The Docker engine, its images, and the registries that they are pushed to."""

from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)

IMAGE_ENTRIES: tuple[CodeEntry, ...] = (
    CodeEntry(
        ErrorCodes.DOCKER_IMAGE_NOT_FOUND,
        title="There is no such image",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The engine has no image of that name or id.",
        remedies=(
            Remedy(
                "Build it, pull it, or correct its name.",
                Confidence.ADVICE,
            ),
        ),
        example="there is no image 'load:1'",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_DAEMON_UNAVAILABLE,
        title="The Docker engine does not answer",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=True,
        explanation="No engine answers at the Docker socket.",
        remedies=(
            Remedy(
                "Start Docker.",
                Confidence.PROBABLE,
            ),
            Remedy(
                "Where the engine is elsewhere, set DOCKER_HOST.",
                Confidence.ADVICE,
            ),
        ),
        example=(
            "the Docker engine at unix:///var/run/docker.sock cannot be reached: there is no such socket"
        ),
    ),
    CodeEntry(
        ErrorCodes.DOCKER_DAEMON_TIMEOUT,
        title="The Docker engine did not answer in time",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The engine took the request and sent nothing within the time limit: it hangs, or has far "
            "too much to do."
        ),
        remedies=(
            Remedy(
                "Look at the engine's log, or restart it.",
                Confidence.ADVICE,
            ),
        ),
        example="the Docker engine at unix:///var/run/docker.sock did not answer within 30 seconds",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_PERMISSION_DENIED,
        title="The Docker socket may not be used",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The engine's socket is there, and this user has no right to it.",
        remedies=(
            Remedy(
                (
                    "Add the user to the group of the socket: `sudo usermod -aG docker $USER`, then "
                    "log in again."
                ),
                Confidence.PROBABLE,
            ),
            Remedy(
                "Whoever may use the socket is as good as root on that machine.",
                Confidence.ADVICE,
            ),
        ),
        example="no permission for the Docker engine at unix:///var/run/docker.sock",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_ENGINE_ERROR,
        title="The Docker engine failed",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The engine answered with an error that has no code of its own here; its words are in the "
            "message."
        ),
        remedies=(
            Remedy(
                "Read the engine's words, and look at its log.",
                Confidence.ADVICE,
            ),
        ),
        example="the Docker engine answered 500: failed to create endpoint",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_SETTINGS_INVALID,
        title="Docker's own settings cannot be used",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "DOCKER_HOST, the certificates of DOCKER_CERT_PATH, or Docker's config.json is not as it "
            "must be, or a credential helper named there fails."
        ),
        remedies=(
            Remedy(
                "Correct what the error names.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="DOCKER_HOST is not an address of an engine: 'localhost:what'",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_DISK_FULL,
        title="The disk of the Docker engine is full",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The engine, or a command of the Dockerfile, had no space left.",
        remedies=(
            Remedy(
                "`deployment-cli deploy --recover ask` removes what this project built and nothing needs.",
                Confidence.PROBABLE,
            ),
            Remedy(
                "`docker system prune` removes what nothing uses, of other projects too.",
                Confidence.ADVICE,
            ),
            Remedy(
                "Leave large files out of the build context with .dockerignore.",
                Confidence.ADVICE,
            ),
        ),
        example="no space is left on the disk of the Docker engine",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_TAG_INVALID,
        title="That is not a name for an image",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "A name is parts of lower-case letters, digits and single separators between slashes; a "
            "tag has at most 128 letters, digits, `_`, `.` and `-`."
        ),
        remedies=(
            Remedy(
                "Correct the name or the tag.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example=(
            "'Team/Load:1' is not a name for an image: upper-case letters are not allowed in 'Team/Load'"
        ),
    ),
    CodeEntry(
        ErrorCodes.DOCKER_IMAGE_IN_USE,
        title="An image is still used",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation="A container uses the image, so the engine does not remove it.",
        remedies=(
            Remedy(
                "Remove the container first: `docker ps -a --filter ancestor=IMAGE` shows it.",
                Confidence.ADVICE,
            ),
        ),
        example="the image 'load:1' is used by a container",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_IMAGE_LEFT_BEHIND,
        title="A registry keeps an image that was taken back",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation=(
            "The image had been pushed, and then everything was put back. The registry lets nothing be "
            "removed, so the name stays in it. It does no harm: no deployment refers to it, and the same "
            "content will find it there."
        ),
        remedies=(
            Remedy(
                "Nothing has to be done.",
                Confidence.ADVICE,
            ),
            Remedy(
                "To be rid of it, remove it where the registry is administered.",
                Confidence.ADVICE,
            ),
        ),
        example=(
            "registry.example.com/team/shop:development stays in its registry, which lets nothing be "
            "removed; no deployment refers to it"
        ),
    ),
    CodeEntry(
        ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE,
        title="The image registry cannot be reached",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=True,
        explanation=(
            "The registry does not answer, breaks the connection off, or answers that it is out of order."
        ),
        remedies=(
            Remedy(
                "Try again; look at the network, the proxy and the registry's address.",
                Confidence.ADVICE,
            ),
        ),
        example="the registry 127.0.0.1:5000 cannot be reached: connection refused",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_REGISTRY_UNAUTHORIZED,
        title="The image registry refused the credentials",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The registry wants credentials that are missing, wrong, or without the right to do this."
        ),
        remedies=(
            Remedy(
                "`docker login REGISTRY` stores credentials where they are looked for.",
                Confidence.PROBABLE,
            ),
        ),
        example="the registry 127.0.0.1:5000 wants credentials to read team/load",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_REGISTRY_REFUSED,
        title="The image registry refused a request",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The registry answered with an error that trying again does not mend; its words are in "
            "the message."
        ),
        remedies=(
            Remedy(
                "Read the registry's words, and check the name of the repository.",
                Confidence.ADVICE,
            ),
        ),
        example=(
            "the registry 127.0.0.1:5000 answered 400 to PUT /v2/team/load/manifests/1: manifest invalid"
        ),
    ),
    CodeEntry(
        ErrorCodes.DOCKER_PUSH_UNAUTHORIZED,
        title="The registry does not let this account push",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The push needs credentials that are missing, wrong, or without the right to write to "
            "this repository."
        ),
        remedies=(
            Remedy(
                "`docker login REGISTRY` with an account that may push.",
                Confidence.PROBABLE,
            ),
            Remedy(
                "Check the name of the repository: registries refuse unknown ones in the same way.",
                Confidence.ADVICE,
            ),
        ),
        example="the registry 127.0.0.1:5000 does not let this account push team/load:1",
    ),
    CodeEntry(
        ErrorCodes.DOCKER_PUSH_FAILED,
        title="An image could not be pushed",
        category=ErrorCategory.DOCKER,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=("The engine could not bring the image into the registry; its words are in the message."),
        remedies=(
            Remedy(
                "Read the engine's words; pushing again is safe.",
                Confidence.ADVICE,
            ),
        ),
        example="team/load:1 could not be pushed: blob upload invalid",
    ),
)
