"""What is wrong with a repository, gathered by the flow that it makes invalid."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from deployment_system.deploy.plan import SkippedFlow
from deployment_system.discovery import Flow
from deployment_system.error_handling import DeploymentSystemError


class Problems:
    """Errors gathered by the flow that they make invalid."""

    def __init__(self, errors: Iterable[DeploymentSystemError], flows: Sequence[Flow]) -> None:
        self.errors: list[DeploymentSystemError] = []
        self.files: set[str] = set()
        self.flow_names: set[str] = set()
        self._labels: dict[int, str] = {}
        self._by_flow: defaultdict[tuple[str, str], list[DeploymentSystemError]] = defaultdict(list)
        self._by_file: defaultdict[str, list[DeploymentSystemError]] = defaultdict(list)
        self._flows = {(flow.file, flow.name) for flow in flows}
        for error in errors:
            self._note(error)

    def of(self, flow: Flow) -> list[DeploymentSystemError]:
        """What makes this flow invalid."""
        return [*self._by_flow[(flow.file, flow.name)], *self._by_file[flow.file]]

    def add(self, flow: Flow, label: str, errors: Iterable[DeploymentSystemError]) -> None:
        """Notes what is wrong with a declaration; `label` is what people know it by."""
        for error in errors:
            error.with_context(flow_name=flow.name)
            self._labels[id(error)] = label
            self.errors.append(error)
        self.files.add(flow.file)
        self.flow_names.add(flow.name)

    def add_plain(self, errors: Iterable[DeploymentSystemError]) -> None:
        """Notes errors that carry their own place."""
        for error in errors:
            self._note(error)

    def explain(self, file: str, deployment_name: str) -> bool:
        """Whether an error of a whole file says already why a deployment's flow was not found in it. It
        then names the deployment, and is told again for each other one."""
        error = next(iter(self._by_file[file]), None)
        if error is None:
            return False
        if not error.context.deployment_name:
            error.with_context(deployment_name=deployment_name)
            return True
        told = error.to_dict()
        told["context"]["deployment_name"] = deployment_name
        self._note(type(error).from_dict(told))
        return True

    def skipped(self) -> Iterator[SkippedFlow]:
        """One entry an error."""
        for error in self.errors:
            context = error.context
            said = (
                self._labels.get(id(error)),
                context.deployment_name,
                context.flow_name,
                context.file_path,
            )
            yield SkippedFlow(next(filter(None, said), ""), error)

    def _note(self, error: DeploymentSystemError) -> None:
        self.errors.append(error)
        context = error.context
        file = context.extra.get("flow_file") or context.file_path
        if file:
            self.files.add(file)
        if context.flow_name:
            self.flow_names.add(context.flow_name)
        if file and context.flow_name and (file, context.flow_name) in self._flows:
            self._by_flow[(file, context.flow_name)].append(error)
        elif file and not context.flow_name:
            self._by_file[file].append(error)
