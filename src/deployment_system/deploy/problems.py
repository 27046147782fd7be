"""Several errors at once, which end a command before it has changed anything."""

from collections.abc import Sequence

from deployment_system.error_handling import DeploymentSystemError

EXIT_INVALID = 3


class ProblemsFound(Exception):  # noqa: N818 - holds errors, is not one fault itself
    """Holds every error that was found, with the exit status and the status word that they mean."""

    def __init__(self, errors: Sequence[DeploymentSystemError], exit_status: int, status: str) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)
        self.exit_status = exit_status
        self.status = status
