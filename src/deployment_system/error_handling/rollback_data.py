"""What callers hand over as `rollback_data` and `rollback_function`, as an intent."""

import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

from deployment_system.error_handling.rollback_plans import OperationType
from deployment_system.error_handling.undo import FUNCTION_KIND, UndoFunction, UndoHandlers
from deployment_system.error_handling.undo_files import FILE_KIND, file_reference

RollbackFunction = Callable[..., object]
_FILE_TYPES = (
    OperationType.FILE_CREATE,
    OperationType.FILE_MODIFY,
    OperationType.FILE_DELETE,
    OperationType.CONFIG_UPDATE,
)
_PATH_KEYS = ("path", "file_path")


def described(
    operation_type: str,
    description: str,
    data: dict[str, Any],
    handlers: UndoHandlers,
    has_function: bool,
) -> dict[str, Any]:
    """The fields of the intent. Observes the resource where its handler can."""
    kind = FUNCTION_KIND if has_function else _kind(operation_type, data)
    # A file is named in full: another process may undo it from another folder.
    path = next((data[key] for key in _PATH_KEYS if key in data), None)
    plain = {
        key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in data.items()
    }
    reference = file_reference(path) if kind == FILE_KIND and path is not None else plain
    fields = {
        "kind": kind,
        "reference": reference,
        "before": None,
        "after": None,
        "after_known": False,
        "description": description,
        "operation_type": operation_type,
    }
    handler = None if has_function else handlers.find(kind)
    if handler is None or isinstance(handler, UndoFunction):
        return fields
    found = handler.observe(reference)
    if operation_type == OperationType.FILE_CREATE:
        # A file that is created was not there before, even where this is said only afterwards.
        return fields if found is None else {**fields, "after": found, "after_known": True}
    return {**fields, "before": found}


def calling(function: RollbackFunction) -> RollbackFunction:
    """The function as it is called to undo: with the rollback data if it must have an argument."""
    if _needs_argument(function):
        return function
    return lambda data: function()


def _kind(operation_type: str, data: Mapping[str, Any]) -> str:
    named = data.get("handler")
    if isinstance(named, str):
        return named
    if operation_type in _FILE_TYPES and any(key in data for key in _PATH_KEYS):
        return FILE_KIND
    return str(operation_type)


def _needs_argument(function: RollbackFunction) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return True
    except ValueError:
        return False  # a built-in function that does not tell
    return False
