"""What is installed where this command runs: import names, distributions, versions and their needs."""

import importlib.machinery
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name


class Installed:
    """The distributions on a search path; asked once, kept for one command."""

    def __init__(self, path: Sequence[str] | None = None) -> None:
        self._path = None if path is None else list(path)

    @cached_property
    def _distributions(self) -> dict[str, Distribution]:
        known: dict[str, Distribution] = {}
        for folder in sys.path if self._path is None else self._path:
            for place in _metadata_folders(Path(folder or ".")):
                # The folder's name says it (PEP 376): parsing all metadata would take a tenth of a second.
                name = place.name.rpartition(".")[0].partition("-")[0]
                known.setdefault(canonicalize_name(name), Distribution.at(place))
        return known

    @cached_property
    def _by_import_name(self) -> dict[str, set[str]]:
        names: dict[str, set[str]] = {}
        for canonical, distribution in self._distributions.items():
            for import_name in _top_level_names(distribution):
                names.setdefault(import_name, set()).add(canonical)
        return names

    def has_module(self, top_level: str) -> bool:
        """Whether a top-level module of that name can be imported from the search path."""
        return importlib.machinery.PathFinder.find_spec(top_level, self._path) is not None

    def distributions_of(self, module: str) -> set[str]:
        """Canonical names of the installed distributions that bring a module."""
        return self._by_import_name.get(module.partition(".")[0], set())

    def version(self, canonical: str) -> str | None:
        """The installed version; None where it is not installed."""
        found = self._distributions.get(canonical)
        return None if found is None else found.version

    def closure(self, canonical_names: Iterable[str]) -> set[str]:
        """These distributions with everything that they need, as far as it is installed."""
        reached: set[str] = set()
        pending = list(canonical_names)
        while pending:
            name = pending.pop()
            if name in reached:
                continue
            reached.add(name)
            pending.extend(needed for needed, _ in self.needs(name))
        return reached

    def needs(self, canonical: str) -> list[tuple[str, SpecifierSet]]:
        """What an installed distribution needs: canonical names and the versions that it can work with."""
        distribution = self._distributions.get(canonical)
        return _needs(distribution) if distribution else []


def _metadata_folders(folder: Path) -> list[Path]:
    try:
        found = list(folder.iterdir())
    except OSError:
        # A search path may name what is not there, or an archive: nothing is found there.
        return []
    return sorted(place for place in found if place.name.endswith((".dist-info", ".egg-info")))


def _needs(distribution: Distribution) -> list[tuple[str, SpecifierSet]]:
    needed: list[tuple[str, SpecifierSet]] = []
    for text in distribution.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            # Old metadata; pip would not have acted on it either.
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed.append((canonicalize_name(requirement.name), requirement.specifier))
    return needed


def _top_level_names(distribution: Distribution) -> set[str]:
    text = distribution.read_text("top_level.txt")
    if text:
        return set(text.split())
    record = distribution.read_text("RECORD") or ""
    names = set()
    for line in record.splitlines():
        path = line.partition(",")[0]
        head = PurePosixPath(path).parts[:1]
        if not head or head[0].endswith((".dist-info", ".data")) or head[0] == "..":
            continue
        if path.endswith((".py", ".so", ".pyd")):
            names.add(head[0].partition(".")[0])
    return names
