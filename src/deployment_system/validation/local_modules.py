"""The repository's own modules, as a worker would find them, and what they import in turn."""

import ast
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from deployment_system.discovery import Import
from deployment_system.discovery.module_reader import read_module


def workspace_members(root: Path) -> list[Path]:
    """The folders of the projects that the root's pyproject.toml unites in a workspace of uv."""
    try:
        content = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        workspace = content["tool"]["uv"]["workspace"]
        left_out = {folder for pattern in workspace.get("exclude", ()) for folder in root.glob(pattern)}
        found = {folder for pattern in workspace["members"] for folder in root.glob(pattern)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, NotImplementedError, RecursionError):
        # There is none, or it is wrong: what is wrong is said where requirements are read.
        return []
    return sorted(folder for folder in found - left_out if (folder / "pyproject.toml").is_file())


class LocalModules:
    """Looks modules up in the folders that are on the path when a worker loads a flow."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._imports = lru_cache(maxsize=None)(self._read_imports)
        self._members = [place for member in workspace_members(root) for place in (member, member / "src")]

    def search_path(self, flow_file: str) -> tuple[Path, ...]:
        """Prefect puts the file's folder and the working directory first; `src` is on the path where
        the project is installed from it, and so are the members of a workspace, which share one
        environment."""
        folders = [(self.root / flow_file).parent, self.root, self.root / "src", *self._members]
        return tuple(dict.fromkeys(folders))

    def find(self, module: str, path: Sequence[Path]) -> Path | None:
        """The file or folder of a module of the repository; None where none is found."""
        parts = module.split(".")
        for folder in path:
            target = folder.joinpath(*parts)
            for candidate in (target.with_name(f"{target.name}.py"), target / "__init__.py"):
                if candidate.is_file():
                    return candidate
            if target.is_dir() and any(target.rglob("*.py")):
                return target
        return None

    def owns(self, top_level: str, path: Sequence[Path]) -> bool:
        """Whether the first part of a module's name is the repository's."""
        return self.find(top_level, path) is not None

    def imports(self, file: Path) -> tuple[Import, ...]:
        """What a module imports; nothing where it cannot be parsed (which is reported where it is read)."""
        return self._imports(file)

    def shown(self, file: Path) -> str:
        """Relative to the repository."""
        try:
            return file.relative_to(self.root).as_posix()
        except ValueError:
            return file.as_posix()

    def _read_imports(self, file: Path) -> tuple[Import, ...]:
        try:
            content = file.read_bytes()
            tree = ast.parse(content)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            # The module's own fault is found when the flow is imported; here only its imports matter.
            return ()
        return tuple(read_module(tree, self.shown(file), content).imports)
