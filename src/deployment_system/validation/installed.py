"""What is installed where this command runs: import names, distributions, versions and their needs."""

import importlib.machinery
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.metadata import Distribution, distributions
from pathlib import PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

WELL_KNOWN = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "discord": "discord.py",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.storage": "google-cloud-storage",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "pkg_resources": "setuptools",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "telegram": "python-telegram-bot",
    "usb": "pyusb",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Import names that differ from their distributions', for those that are often used: collected from the
packages' own descriptions. What is installed is looked up instead."""


class Installed:
    """The distributions on a search path; asked once, kept for one command."""

    def __init__(self, path: Sequence[str] | None = None) -> None:
        self._path = None if path is None else list(path)

    @cached_property
    def _distributions(self) -> dict[str, Distribution]:
        found = distributions(path=self._path) if self._path is not None else distributions()
        known: dict[str, Distribution] = {}
        for distribution in found:
            name = distribution.metadata["Name"]
            if name:
                known.setdefault(canonicalize_name(name), distribution)
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
            distribution = self._distributions.get(name)
            pending.extend(_needs(distribution) if distribution else ())
        return reached


def likely_distributions(module: str) -> list[str]:
    """Canonical names under which a module that is not installed is likely to be distributed."""
    parts = module.split(".")
    names = [WELL_KNOWN[".".join(parts[:size])] for size in (3, 2, 1) if ".".join(parts[:size]) in WELL_KNOWN]
    names += [parts[0], f"python-{parts[0]}", f"py{parts[0]}"]
    if len(parts) > 1:
        names += ["-".join(parts[:2]), "-".join(parts[:3])]
    return [canonicalize_name(name) for name in names]


def _needs(distribution: Distribution) -> list[str]:
    needed: list[str] = []
    for text in distribution.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            # Old metadata; pip would not have acted on it either.
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed.append(canonicalize_name(requirement.name))
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
