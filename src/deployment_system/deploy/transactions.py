"""A deployment as a transaction: one deployer for each environment, and nothing half done.

What an earlier process left unfinished is settled before anything new begins.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from deployment_system.api.prefect_server import PrefectServer
from deployment_system.api.undo import undo_handlers
from deployment_system.deploy.emitting import emit_recovery
from deployment_system.deploy.image_doors import ImageDoors
from deployment_system.deploy.pace import run_paced
from deployment_system.deploy.patience import Patience
from deployment_system.deploy.plan import Change
from deployment_system.deploy.problems import ProblemsFound
from deployment_system.deploy.progress import Progress, no_progress
from deployment_system.deploy.project import Project
from deployment_system.deploy.recovery.command_action import UNDO_COMMAND, undo_command
from deployment_system.deploy.recovery.docker_space import UNDO_REMOVAL, undo_removal
from deployment_system.deploy.recovery.prefect_login_action import UNDO_RENAME, undo_rename
from deployment_system.deploy.recovery.processes import UNDO_PROCESS, undo_process
from deployment_system.deploy.recovery.registry_logins import UNDO_LOGIN, undo_login
from deployment_system.error_handling import (
    DeploymentError,
    DeploymentSystemError,
    ErrorCodes,
    ErrorContext,
    OperationStatus,
    RollbackManager,
    RollbackPlan,
    UndoHandlers,
    ValidationError,
)
from deployment_system.error_handling.loggers import logger_of
from deployment_system.error_handling.store import Lock, Note, Owner, open_store
from deployment_system.error_handling.store.leases import LeaseKeeper
from deployment_system.monitoring.names import LOCK_OF_DEPLOYER

EXIT_ROLLBACK_INCOMPLETE = 4

REFUSED = "refused"
"""The note on content that the server would not have."""

_REFUSALS = (ErrorCodes.DEPLOYMENT_CREATE_FAILED, ErrorCodes.DEPLOYMENT_UPDATE_FAILED)
_CLIENT_ERRORS = range(400, 500)
"""The statuses with which a server says that what it was sent is wrong; 500 says that the server is."""

_log = logger_of(__name__)

OnWait = Callable[[Lock], None]


def scope_of(project: Project) -> str:
    """What only one transaction may be about: the environment of a project."""
    return f"{project.owner.project}/{project.owner.environment}"


@contextmanager
def transactions(project: Project, progress: Progress = no_progress) -> Iterator[RollbackManager]:
    """The rollback manager on the project's store, with what it needs to put deployments back."""
    with ExitStack() as stack:
        servers: dict[str, PrefectServer] = {}

        def connect(url: str) -> PrefectServer:
            # Not the server object that the deployment uses: its breaker may be open by the time of undoing.
            if url not in servers:
                servers[url] = stack.enter_context(project.connect_to(url))
            return servers[url]

        def side_by_side(steps: Sequence[Callable[[], None]]) -> None:
            busy = lambda: sum(server.busy_answers for server in servers.values())  # noqa: E731 - too small
            for _ in run_paced(steps, lambda step: step(), refusals=busy):
                pass

        project.state.make()
        store = stack.enter_context(open_store(project.state_target))
        patience = Patience(connect, project.environment.outage_patience_seconds, progress=progress)
        doors = stack.enter_context(ImageDoors(project))
        manager = RollbackManager(
            store=store,
            handlers=UndoHandlers(
                {
                    **undo_handlers(connect),
                    **doors.undo_handlers(),
                    UNDO_COMMAND: undo_command(),
                    UNDO_PROCESS: undo_process(),
                    UNDO_LOGIN: undo_login(),
                    UNDO_RENAME: undo_rename(),
                    UNDO_REMOVAL: undo_removal(doors.engine),
                }
            ),
            run_side_by_side=side_by_side,
            again=patience,
            on_undone=lambda done, total, what: progress("roll back", done, total, what),
        )
        yield stack.enter_context(manager)


@contextmanager
def only_deployer(
    scope: str, manager: RollbackManager, *, wait_seconds: float = 0.0, on_wait: OnWait | None = None
) -> Iterator[None]:
    """Holds a scope's lock. Raises LOCK_HELD where somebody else has it."""
    locks = manager.store.locks
    lock = locks.acquire(lock_name(scope), Owner.current(), "deploy", wait=wait_seconds, on_wait=on_wait)
    keeper = LeaseKeeper(locks.renew, lock)
    try:
        yield
    finally:
        keeper.stop()
        try:
            locks.release(lock)
        except DeploymentSystemError as error:
            # On a full disk, say. What came of the deployment must not be lost over that: this process ends
            # now, and the lock of one that ended is taken over.
            _log.warning("the lock %r could not be given back: %s", lock.name, error.message)


def lock_name(scope: str) -> str:
    """The lock of who deploys to a scope."""
    return f"{LOCK_OF_DEPLOYER}{scope}"


def settle(project: Project, manager: RollbackManager) -> list[DeploymentSystemError]:
    """Rolls back what an earlier process left unfinished in this environment, the newest first, and forgets
    what is too old to be taken back. What was left alone because somebody else has changed it since, and what
    a registry did not let go.

    Raises `ProblemsFound` with exit status 4 where something could not be put back for now, and LOCK_HELD
    where somebody else is at work on it."""
    left: list[DeploymentSystemError] = []
    manager.cleanup_old_plans()
    for plan in [plan for plan in manager.unfinished() if plan.scope == scope_of(project)]:
        complete = manager.execute_rollback(plan.plan_id)
        left += left_behind(plan)
        left += emit_recovery(project, plan, complete=complete)
        if complete:
            continue
        if plan.status is not OperationStatus.CONFLICT:
            raise ProblemsFound([still_open(plan)], EXIT_ROLLBACK_INCOMPLETE, "rollback_incomplete")
        left.append(still_open(plan))
    return left


def left_behind(plan: RollbackPlan) -> list[DeploymentSystemError]:
    """One error of low severity for each pushed name that a registry did not let us remove when the plan was
    rolled back."""
    kept = ErrorCodes.DOCKER_IMAGE_LEFT_BEHIND
    records = (operation.error for operation in plan.operations if operation.error)
    return [DeploymentSystemError.from_dict(record) for record in records if record["error_code"] == kept]


def still_open(plan: RollbackPlan) -> DeploymentError:
    """The error for a plan of which something is still to be put back."""
    left = [
        operation.description
        for operation in plan.operations
        if operation.status in (OperationStatus.PENDING, OperationStatus.FAILED, OperationStatus.CONFLICT)
    ]
    shown = ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
    return DeploymentError(
        f"not everything could be put back: {shown}",
        error_code=ErrorCodes.DEPLOYMENT_ROLLBACK_FAILED,
        context=ErrorContext(operation="roll back", plan_id=plan.plan_id, left=left),
        remediation=[
            f"`deployment-cli recovery details {plan.plan_id}` shows what is left, and why.",
            f"`deployment-cli recovery execute --plan-id {plan.plan_id}` tries again; with `--force` it "
            "overwrites also what somebody else has changed.",
        ],
    )


def fingerprint(changes: Sequence[Change]) -> str:
    """The same for the same changes to the same content."""
    content = [change.to_dict() for change in changes]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def refuse_known_failure(project: Project, manager: RollbackManager, changes: Sequence[Change]) -> None:
    """Raises for content that has failed before by its own fault: a CI loop would fail with it for ever."""
    note = manager.store.notes.get(scope_of(project), REFUSED)
    if note is None or note["fingerprint"] != fingerprint(changes):
        return
    raise ValidationError(
        f"this very content has failed before: {note['message']}",
        error_code=ErrorCodes.DEPLOYMENT_CONTENT_REFUSED,
        context=ErrorContext(environment=project.environment_name, plan_id=note["plan_id"]),
    )


def remember_failure(
    project: Project,
    manager: RollbackManager,
    changes: Sequence[Change],
    plan_id: str,
    error: DeploymentSystemError,
) -> None:
    """Notes content that failed by its own fault."""
    refused = error.error_code in _REFUSALS and error.context.extra.get("status") in _CLIENT_ERRORS
    if refused or error.error_code == ErrorCodes.DEPLOYMENT_VERIFICATION_FAILED:
        note = {"fingerprint": fingerprint(changes), "message": error.message, "plan_id": plan_id}
        try:
            manager.store.notes.put(scope_of(project), REFUSED, note)
        except DeploymentSystemError as failure:
            # What came of the deployment must not be lost over a note: the same content is tried once more.
            _log.warning("that this content failed could not be noted: %s", failure.message)


def forgotten_failure(project: Project) -> Note:
    """What went well makes an earlier failure forgotten."""
    return Note(scope_of(project), REFUSED, None)
