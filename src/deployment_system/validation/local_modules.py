"""The repository's own modules, as a worker would find them, and what they import in turn."""

import ast
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from deployment_system.discovery import Import
from deployment_system.discovery.module_reader import read_module


class LocalModules:
    """Looks modules up in the folders that are on the path when a worker loads a flow."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._imports = lru_cache(maxsize=None)(self._read_imports)

    def search_path(self, flow_file: str) -> tuple[Path, ...]:
        """Prefect puts the file's folder and the working directory first; `src` is on the path where
        the project is installed from it."""
        folders = [(self.root / flow_file).parent, self.root, self.root / "src"]
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
            tree = ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            # The module's own fault is found when the flow is imported; here only its imports matter.
            return ()
        return tuple(read_module(tree, self.shown(file)).imports)
