"""Imports against what is declared and what is installed.

An import that is neither declared nor installed is an error; declared but not installed here a warning
(an error where the environment is to be checked); installed but not declared a warning.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deployment_system.discovery import Flow, Import
from deployment_system.error_handling import (
    ErrorCodes,
    ErrorContext,
    ErrorSeverity,
    FlowDiscoveryError,
    ValidationError,
)
from deployment_system.validation.conflicts import conflicts
from deployment_system.validation.declarations import Declaration, Strength
from deployment_system.validation.declared import Declared, inline_requirements, read_declared
from deployment_system.validation.import_names import REMOVED_FROM_STANDARD_LIBRARY, likely_distributions
from deployment_system.validation.installed import Installed
from deployment_system.validation.local_modules import LocalModules, workspace_members

Finding = FlowDiscoveryError | ValidationError

PREFECT = "prefect"


@dataclass(frozen=True, slots=True)
class DependencyReport:
    """What is wrong with imports and requirements."""

    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Used:
    """An import that a flow needs, and the modules on the way to it."""

    imported: Import
    file: str
    chain: tuple[str, ...]


@dataclass
class _Check:
    modules: LocalModules
    declared: Declared
    installed: Installed
    check_environment: bool
    errors: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    _closure: set[str] = field(default_factory=set)
    _warned: set[tuple[str, str]] = field(default_factory=set)

    def flow(self, flow: Flow) -> None:
        path = self.modules.search_path(flow.file)
        source = self.modules.root / flow.file
        inline = frozenset(inline_requirements(_text(source), flow.file))
        seen: set[str] = set()
        for used in _all_imports(self.modules, flow, path):
            module = used.imported.module
            if module.startswith("."):
                self._relative(flow, used)
                continue
            top = module.partition(".")[0]
            if top in seen or top in sys.stdlib_module_names or top == "__future__":
                continue
            if self.modules.owns(top, path):
                self._own(flow, used, path)
                continue
            seen.add(top)
            self._foreign(flow, used, inline)

    def _foreign(self, flow: Flow, used: _Used, inline: frozenset[str]) -> None:
        module = used.imported.module
        top = module.partition(".")[0]
        if top == PREFECT and self.installed.has_module(top):
            # Every flow imports it, and whoever runs flows has it.
            return
        distributions = self.installed.distributions_of(module)
        likely = likely_distributions(module)
        is_installed = bool(distributions) or self.installed.has_module(top)
        names = distributions or set(likely)
        known = self.declared.names | inline
        is_declared = bool(names & known)
        if is_installed and (is_declared or names & self._declared_closure()):
            return
        if used.imported.optional:
            return
        if not is_installed and not is_declared and top in REMOVED_FROM_STANDARD_LIBRARY:
            self._removed(flow, used)
            return
        shown = sorted(distributions)[0] if distributions else likely[0]
        if is_installed:
            if self.declared.files:
                self._not_declared(flow, used, shown)
        elif is_declared:
            self._not_installed(flow, used, shown)
        else:
            self._missing(flow, used, shown)

    def _declared_closure(self) -> set[str]:
        if not self._closure:
            self._closure = self.installed.closure({*self.declared.names, PREFECT})
        return self._closure

    def _own(self, flow: Flow, used: _Used, path: Sequence[Path]) -> None:
        module = used.imported.module
        if used.imported.optional or self.modules.find(module, path) is not None:
            return
        text = f"{used.file} imports {module!r}, and the repository has no such module{_chain(used)}"
        self.errors.append(_error(flow, used, text, ["Correct the import, or add the module."]))

    def _relative(self, flow: Flow, used: _Used) -> None:
        if used.file != flow.file or used.imported.optional:
            return
        text = (
            f"{used.file} has the relative import {used.imported.module!r}: a worker loads the file as a "
            "script, where relative imports fail"
        )
        self.errors.append(_error(flow, used, text, ["Import the module by its full name."]))

    def _removed(self, flow: Flow, used: _Used) -> None:
        major, minor = REMOVED_FROM_STANDARD_LIBRARY[used.imported.module.partition(".")[0]]
        text = f"{_imports(used)}, which Python has not had since {major}.{minor}{_chain(used)}"
        self.errors.append(
            _error(flow, used, text, [f"Replace it, or run the flow with Python {major}.{minor - 1}."])
        )

    def _missing(self, flow: Flow, used: _Used, distribution: str) -> None:
        text = f"{_imports(used)}, which is neither declared nor installed{_chain(used)}"
        target = next(iter(self.declared.files), "requirements.txt")
        remedies = [f"Add {distribution!r} to {target}, and install it: `pip install {distribution}`."]
        error = _error(flow, used, text, remedies)
        self.errors.append(
            error.with_context(
                distribution=distribution,
                requirements_file=target,
                module=used.imported.module,
                check_environment=self.check_environment,
            )
        )

    def _not_installed(self, flow: Flow, used: _Used, distribution: str) -> None:
        text = f"{_imports(used)}, which is declared but not installed here{_chain(used)}"
        severity = ErrorSeverity.HIGH if self.check_environment else ErrorSeverity.LOW
        finding = ValidationError(
            text,
            error_code=ErrorCodes.MISSING_REQUIREMENTS,
            severity=severity,
            context=_place(flow, used).extended(
                distribution=distribution,
                requirement=self._requirement(used.imported.module, distribution),
                module=used.imported.module,
                check_environment=self.check_environment,
            ),
            remediation=[f"`pip install {distribution}`"],
        )
        (self.errors if self.check_environment else self.warnings).append(finding)

    def _requirement(self, module: str, distribution: str) -> str:
        """As it is declared, by whichever of its likely names."""
        names = {distribution, *likely_distributions(module)}
        found = [item for item in self.declared.declarations if item.declares and item.name in names]
        if not found:
            return distribution
        versions = (str(item.specifier) for item in found if item.specifier and item.name == found[0].name)
        return found[0].name + ",".join(dict.fromkeys(versions))

    def _not_declared(self, flow: Flow, used: _Used, distribution: str) -> None:
        if (used.file, distribution) in self._warned:
            return
        self._warned.add((used.file, distribution))
        target = next(iter(self.declared.files), "requirements.txt")
        self.warnings.append(
            ValidationError(
                f"{used.file} imports {used.imported.module!r}, which is installed but not declared",
                error_code=ErrorCodes.DEPENDENCY_NOT_DECLARED,
                severity=ErrorSeverity.LOW,
                context=_place(flow, used).extended(distribution=distribution, requirements_file=target),
                remediation=[f"Add {distribution!r} to {target}."],
            )
        )


def check_dependencies(
    flows: Sequence[Flow],
    *,
    root: Path,
    check_environment: bool = False,
    installed: Installed | None = None,
) -> DependencyReport:
    """Checks the imports of the flows' files, and of the repository's modules that they import, and
    the declared requirements among themselves. No code is imported."""
    if not flows:
        return DependencyReport()
    folders = [*_folders_above(root, flows), *workspace_members(root)]
    declared = read_declared(root, folders)
    check = _Check(LocalModules(root), declared, installed or Installed(), check_environment)
    for flow in flows:
        check.flow(flow)
    clashes = conflicts(declared, check.installed)
    return DependencyReport(tuple(check.errors), (*declared.warnings, *check.warnings, *clashes))


def pins_of(root: Path) -> list[Declaration]:
    """What the repository asks for, wherever it is: what it requires, and what else says which version of
    that. In the order of the files."""
    declared = read_declared(root, workspace_members(root)).declarations
    here = [item for item in declared if item.excluded_by is None and item.strength is not Strength.LOCKED]
    required = {item.name for item in here if item.strength is Strength.REQUIRED}
    return [item for item in here if item.name in required]


def _folders_above(root: Path, flows: Iterable[Flow]) -> list[Path]:
    """The folders between each flow's file and the root: a workspace's members declare for themselves."""
    found: dict[Path, None] = {}
    for flow in flows:
        for parent in Path(flow.file).parents:
            found.setdefault(root / parent, None)
    return list(found)


def _all_imports(modules: LocalModules, flow: Flow, path: Sequence[Path]) -> Iterator[_Used]:
    """The flow's imports, and those of the repository's modules that they lead to."""
    pending = [_Used(imported, flow.file, ()) for imported in flow.imports]
    visited: set[Path] = set()
    while pending:
        used = pending.pop(0)
        yield used
        if used.imported.module.startswith("."):
            continue
        found = modules.find(used.imported.module, path)
        if found is None or found in visited or not found.is_file():
            continue
        visited.add(found)
        shown = modules.shown(found)
        pending.extend(_Used(imported, shown, (*used.chain, shown)) for imported in modules.imports(found))


def _imports(used: _Used) -> str:
    return f"{used.file} imports {used.imported.module!r}"


def _chain(used: _Used) -> str:
    return f" (the flow comes to it through {' → '.join(used.chain)})" if used.chain else ""


def _place(flow: Flow, used: _Used) -> ErrorContext:
    return ErrorContext(
        flow_name=flow.name,
        file_path=used.file,
        line_number=used.imported.line,
        column=used.imported.column,
        flow_file=flow.file,
    )


def _error(flow: Flow, used: _Used, text: str, remedies: list[str]) -> FlowDiscoveryError:
    return FlowDiscoveryError(
        text,
        error_code=ErrorCodes.FLOW_MISSING_DEPENDENCIES,
        context=_place(flow, used),
        remediation=remedies,
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        # The file went away after it was scanned; what it declared in itself is gone with it.
        return ""
