"""A URL in the configuration where no Prefect API answers, and near it one where one does."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.config import CONFIGURATION_FILE
from deployment_system.deploy.project import Project
from deployment_system.deploy.recovery.changed_files import changed_text, diff_of, read_text
from deployment_system.deploy.recovery.server_actions import ServerAction
from deployment_system.error_handling import (
    Confidence,
    DeploymentSystemError,
    OperationType,
    RetryPolicy,
    RollbackManager,
)
from deployment_system.error_handling.recovery_actions import Proposal, Settings

LOOK_SECONDS = 3.0

Answers = Callable[[str], bool]


@dataclass(frozen=True)
class CorrectServerUrl(ServerAction):
    """Looks at the URLs that were probably meant, and takes the first at which a Prefect API answers."""

    name = "correct_server_url"
    changes = "the server's URL in the configuration"
    checks = "a Prefect API answers there"
    confidence = Confidence.PROBABLE

    def needs(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`."""
        if missing := super().needs(error, settings):
            return missing
        url, file = self.project.server.url, _file(self.project)
        if not file.is_file() or read_text(file).count(url) != 1:
            return f"the URL {url} does not stand once in {CONFIGURATION_FILE}"
        if nearest_server(url, is_prefect) is None:
            return f"at nothing like {url} does a Prefect API answer"
        return None

    def propose(self, error: DeploymentSystemError, settings: Settings) -> Proposal:
        """See `RecoveryAction`."""
        before, after, right = self._texts()
        return Proposal(
            f"correct the server's URL: a Prefect API answers at {right}",
            diff_of(CONFIGURATION_FILE, before, after),
        )

    def do(self, error: DeploymentSystemError, settings: Settings, transaction: RollbackManager) -> str:
        """See `RecoveryAction`."""
        _, after, right = self._texts()
        changed_text(_file(self.project), after, transaction, OperationType.CONFIG_UPDATE)
        return f"the configuration names {right} now"

    def check(self, error: DeploymentSystemError, settings: Settings) -> str | None:
        """See `RecoveryAction`. The project is still the one that was opened before the change."""
        text = read_text(_file(self.project))
        found = next((url for url in likely_urls(self.project.server.url) if url in text), None)
        return None if found and is_prefect(found) else "no Prefect API answers there"

    def _texts(self) -> tuple[str, str, str]:
        wrong = self.project.server.url
        right = nearest_server(wrong, is_prefect) or wrong
        before = read_text(_file(self.project))
        return before, before.replace(wrong, right), right


def likely_urls(url: str) -> list[str]:
    """What was probably meant, the likeliest first: with `/api` at its end, with the other scheme. Always on
    the same host and port: another server would be the wrong one, however well it answers. Pure."""
    parts = urlsplit(url)
    schemes = [parts.scheme, "http" if parts.scheme == "https" else "https"]
    found = [
        urlunsplit((scheme, parts.netloc, path, "", ""))
        for scheme in schemes
        for path in (f"{parts.path.rstrip('/')}/api", "/api")
    ]
    return [each for each in dict.fromkeys(found) if each != url.rstrip("/")]


def nearest_server(url: str, answers: Answers) -> str | None:
    """The first of the likely URLs at which a Prefect API answers."""
    return next((each for each in likely_urls(url) if answers(each)), None)


def is_prefect(url: str) -> bool:
    """Whether a Prefect API answers there, asked once, without any credentials: it may be somebody else's."""
    once = RetryPolicy(max_attempts=1)
    with PrefectServer(url, timeout_seconds=LOOK_SECONDS, retry_policy=once) as server:
        try:
            server.version()
        except DeploymentSystemError:
            return False
    return True


def _file(project: Project) -> Path:
    return project.root / CONFIGURATION_FILE
