"""The journal, locks and rolling back."""

from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)

TRANSACTION_ENTRIES: tuple[CodeEntry, ...] = (
    CodeEntry(
        ErrorCodes.STATE_DAMAGED,
        title="The state is damaged",
        category=ErrorCategory.FILESYSTEM,
        severity=ErrorSeverity.CRITICAL,
        retryable=False,
        explanation=(
            "What the database holds is not what was written to it: a disk or a copy went wrong. "
            "Nothing is guessed from it."
        ),
        remedies=(
            Remedy(
                (
                    "Copy the file away for safety, then restore it from a backup; `deployment-cli plan` "
                    "shows what differs on the server."
                ),
                Confidence.ADVICE,
            ),
        ),
        example="the state in .deployment-system/state.db is damaged: database disk image is malformed",
    ),
    CodeEntry(
        ErrorCodes.STATE_FULL,
        title="There is no room for the state",
        category=ErrorCategory.FILESYSTEM,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=("The disk or a quota is full. The change that should have been noted was not begun."),
        remedies=(
            Remedy(
                "Make room, then run the command again.",
                Confidence.ADVICE,
            ),
        ),
        example="there is no room for the state in .deployment-system/state.db: database or disk is full",
    ),
    CodeEntry(
        ErrorCodes.STATE_BUSY,
        title="The state cannot be reached now",
        category=ErrorCategory.FILESYSTEM,
        severity=ErrorSeverity.MEDIUM,
        retryable=True,
        explanation=(
            "Another process holds the database for longer than is usual, or the database server "
            "does not answer."
        ),
        remedies=(
            Remedy(
                "Run the command again; for PostgreSQL, check that the server runs and can be reached.",
                Confidence.ADVICE,
            ),
        ),
        example=(
            "the state in .deployment-system/state.db cannot be reached now: another process is writing to it"
        ),
    ),
    CodeEntry(
        ErrorCodes.STATE_TOO_NEW,
        title="The state was written by a newer version",
        category=ErrorCategory.FILESYSTEM,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "A newer version of deployment-cli changed the format of the state. This version does"
            " not touch it."
        ),
        remedies=(
            Remedy(
                "Use the newer version: pip install --upgrade deployment-system",
                Confidence.PROBABLE,
            ),
        ),
        example=(
            "the state in .deployment-system/state.db has format 3; this version understands formats up to 2"
        ),
    ),
    CodeEntry(
        ErrorCodes.LOCK_HELD,
        title="Somebody else has the lock",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "One deployer at a time changes an environment. The lock of a process that ended is "
            "taken over by itself; one that a person took on purpose is not."
        ),
        remedies=(
            Remedy(
                "Wait for the other one to end, or give `--wait SECONDS`.",
                Confidence.PROBABLE,
            ),
        ),
        example=(
            "the lock 'environment/production' is held by ada on build-7, process 4711 since "
            "2025-10-02 11:06:52: deploy"
        ),
    ),
    CodeEntry(
        ErrorCodes.LOCK_LOST,
        title="The lock was lost",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "This process was believed dead, because it stood still for too long or its machine "
            "was cut off, and another one took over. It stops where it is; what it had begun is "
            "put back by the other one."
        ),
        remedies=(
            Remedy(
                "Run `deployment-cli recovery list` to see what became of the plan.",
                Confidence.ADVICE,
            ),
        ),
        example=(
            "the lock 'environment/production' was lost: another process took it over, or it was released"
        ),
    ),
    CodeEntry(
        ErrorCodes.PLAN_NOT_FOUND,
        title="There is no such rollback plan",
        category=ErrorCategory.USAGE,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=("The journal holds no plan of this name; old ones are cleaned up."),
        remedies=(
            Remedy(
                "Run `deployment-cli recovery list`, which lists them.",
                Confidence.CERTAIN,
            ),
        ),
        example="there is no plan 'rollback_20251002_110652_ab12cd34'",
    ),
    CodeEntry(
        ErrorCodes.PLAN_UNFINISHED,
        title="An earlier transaction is unfinished",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "A process ended in the middle of a transaction. What it did is put back before "
            "anything new is done."
        ),
        remedies=(
            Remedy(
                "Run `deployment-cli recovery execute`.",
                Confidence.PROBABLE,
            ),
        ),
        example="'production' has an unfinished plan: rollback_20251002_110652_ab12cd34",
    ),
    CodeEntry(
        ErrorCodes.TRANSACTION_MISUSED,
        title="A transaction was used out of order",
        category=ErrorCategory.INTERNAL,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The program that uses the rollback manager began a transaction within another one, "
            "or added to none."
        ),
        remedies=(
            Remedy(
                "Call start_transaction, then add operations, then commit_transaction or execute_rollback.",
                Confidence.ADVICE,
            ),
        ),
        example="there is no transaction to add to",
    ),
    CodeEntry(
        ErrorCodes.UNDO_CONFLICT,
        title="Somebody else changed what should be put back",
        category=ErrorCategory.RECOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The resource is neither as it was before the transaction nor as the transaction made"
            " it. It was left as it is."
        ),
        remedies=(
            Remedy(
                (
                    "Look at what was found (`deployment-cli recovery details`), then keep it or run "
                    "`recovery execute --force`."
                ),
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="file config.yaml was changed by somebody else since: it was left as it is",
    ),
    CodeEntry(
        ErrorCodes.UNDO_FAILED,
        title="Something could not be put back",
        category=ErrorCategory.RECOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The step that restores a resource failed. The other operations were put back all the same."
        ),
        remedies=(
            Remedy(
                (
                    "Remove the cause, then run `deployment-cli recovery execute`: it goes on where it "
                    "stopped."
                ),
                Confidence.PROBABLE,
            ),
        ),
        example="'Change config.yaml' could not be put back: Permission denied",
    ),
    CodeEntry(
        ErrorCodes.UNDO_NOT_VERIFIED,
        title="What was put back is not as before",
        category=ErrorCategory.RECOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The resource was restored without an error and looked at again: it is not as it was before."
        ),
        remedies=(
            Remedy(
                "Compare what was found (`deployment-cli recovery details`) with what it should be.",
                Confidence.ADVICE,
            ),
        ),
        example="'Change config.yaml' was put back, but is not as before",
    ),
    CodeEntry(
        ErrorCodes.UNDO_HANDLER_UNKNOWN,
        title="Nothing here knows how to put this back",
        category=ErrorCategory.RECOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The journal names a handler that is not registered in this process, or the operation"
            " was a function that ended with the process that added it."
        ),
        remedies=(
            Remedy(
                "Run the recovery where the program or plug-in that began the transaction is installed.",
                Confidence.PROBABLE,
            ),
        ),
        example="no handler 'database_table' is registered here",
    ),
)
