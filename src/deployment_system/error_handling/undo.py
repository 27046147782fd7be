"""How a change is undone: handlers that observe and restore, found by name.

A journal holds names and JSON values, no code, so another process can undo what one left. Handlers come
from `UndoHandlers.register` or from the entry points of the group `deployment_system.undo`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError, ErrorContext, RecoveryError
from deployment_system.error_handling.store.records import State

ENTRY_POINTS = "deployment_system.undo"
FUNCTION_KIND = "function"
"""The kind of an operation whose undoing is a function of the process that added it."""


@runtime_checkable
class UndoHandler(Protocol):
    """Looks at one kind of resource and brings it to a state. Derive from it, to have its defaults.

    A `reference` says which resource, in JSON values. A state is JSON values and `bytes`; None: there is
    no such resource. Each method may be called again after a crash, with the resource as the crash left
    it, and from several threads with different references.
    """

    def observe(self, reference: Mapping[str, Any]) -> State | None:
        """How the resource is now."""
        ...

    def restore(self, reference: Mapping[str, Any], state: State | None, found: State | None) -> None:
        """Makes the resource so; `found` is how it was a moment ago. Raises whatever hinders it."""
        ...

    def same(self, one: State, other: State) -> bool:
        """Whether two states are one for the user: what a server adds by itself makes no difference."""
        return one == other

    def differences(self, expected: State, found: State) -> dict[str, tuple[Any, Any]]:
        """The parts that are not the same, by name, as expected and as found: for people."""
        names = sorted(expected.keys() | found.keys())
        pairs = {name: (expected.get(name), found.get(name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def tidy(self, reference: Mapping[str, Any]) -> None:
        """Takes away what an interrupted change left beside the resource; called before it is looked at to
        be undone. Nothing, for most."""
        return

    def is_needed(self, found: State) -> bool:
        """Whether others need by now what a change made: then it stays, and nothing is wrong with that."""
        return False

    def leftover(self, reference: Mapping[str, Any]) -> DeploymentSystemError | None:
        """What the last restoring had to leave although it succeeded, for the report; mostly nothing."""
        return None

    def made_by(self, found: State | None, before: State | None, after: State | None) -> bool:
        """Whether `found` is a state on the way from `before` to `after`, which a change that takes
        several steps leaves when it is interrupted."""
        return states_are_same(self, found, after)


@runtime_checkable
class GroupUndoHandler(UndoHandler, Protocol):
    """An undo handler for which many resources at once are quicker than one by one. Where a call for many
    fails, each is taken by itself."""

    def observe_all(self, references: Sequence[Mapping[str, Any]]) -> list[State | None]:
        """How these resources are now, in their order."""
        ...

    def remove_all(self, references: Sequence[Mapping[str, Any]], found: Sequence[State | None]) -> None:
        """Removes all of them; `found` is how each was a moment ago. As `restore` to None for each."""
        ...


class UndoFunction:
    """An undo that is not a state to be restored but something to be done, safe to be done twice."""

    def __init__(self, function: Callable[[Mapping[str, Any]], object]) -> None:
        self.function = function


class UndoHandlers:
    """The handlers of one program, by name."""

    def __init__(self, handlers: Mapping[str, UndoHandler | UndoFunction] | None = None) -> None:
        self._handlers: dict[str, UndoHandler | UndoFunction] = dict(handlers or {})
        self._plug_ins_read = False

    def register(self, name: str, handler: UndoHandler | UndoFunction) -> None:
        """Adds a handler. Raises ValueError when the name is taken: a journal could mean either."""
        if name in self._handlers:
            raise ValueError(f"there is a handler {name!r} already")
        self._handlers[name] = handler

    def register_function(self, name: str, function: Callable[[Mapping[str, Any]], object]) -> None:
        """Adds a function that undoes an operation from its `rollback_data`. It must be safe to repeat,
        and raise, or return False, when it did not succeed."""
        self.register(name, UndoFunction(function))

    def find_registered(self, name: str) -> UndoHandler | UndoFunction | None:
        """As `find`, without a look at what is installed."""
        return self._handlers.get(name)

    def find(self, name: str) -> UndoHandler | UndoFunction | None:
        """The handler of that name; None: nothing here has it."""
        if name not in self._handlers and not self._plug_ins_read:
            self._read_plug_ins()
        return self._handlers.get(name)

    def get(self, name: str) -> UndoHandler | UndoFunction:
        """The handler of that name. Raises UNDO_HANDLER_UNKNOWN."""
        handler = self.find(name)
        if handler is None:
            raise unknown_handler(name)
        return handler

    def _read_plug_ins(self) -> None:
        # Only when a name is not known: reading what is installed takes longer than all else here.
        from importlib.metadata import entry_points

        self._plug_ins_read = True
        for point in entry_points(group=ENTRY_POINTS):
            if point.name not in self._handlers:
                loaded = point.load()
                self._handlers[point.name] = loaded() if isinstance(loaded, type) else loaded


def unknown_handler(name: str) -> RecoveryError:
    """The error for a kind that nothing here can undo."""
    message = (
        "what would undo it was a function of the process that added it, which has ended"
        if name == FUNCTION_KIND
        else f"no handler {name!r} is registered here"
    )
    return RecoveryError(
        message, error_code=ErrorCodes.UNDO_HANDLER_UNKNOWN, context=ErrorContext(handler=name)
    )


def states_are_same(handler: UndoHandler, one: State | None, other: State | None) -> bool:
    """Whether both are there and the same, or neither is there."""
    if one is None or other is None:
        return one is other
    return handler.same(one, other)
