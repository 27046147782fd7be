"""The state folder, files that are written, and the command itself."""

from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)

SYSTEM_ENTRIES: tuple[CodeEntry, ...] = (
    CodeEntry(
        ErrorCodes.STATE_UNUSABLE,
        title="The state folder cannot be used",
        category=ErrorCategory.FILESYSTEM,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "`.deployment-system/` beside the configuration cannot be read or written, or holds "
            "something that this version does not understand."
        ),
        remedies=(
            Remedy(
                "Check the folder's permissions and the free space.",
                Confidence.ADVICE,
            ),
        ),
        example="the state folder .deployment-system cannot be used: Permission denied",
    ),
    CodeEntry(
        ErrorCodes.STATE_NOT_KEPT,
        title="The state would be thrown away",
        category=ErrorCategory.FILESYSTEM,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation=(
            "On a CI machine the state folder goes away with the machine, and with it the memory of"
            " earlier deployments."
        ),
        remedies=(
            Remedy(
                "Name a database with `state_url` or DEPLOYMENT_STATE_URL.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="this looks like a CI machine, and the state is in .deployment-system/ on its disk",
    ),
    CodeEntry(
        ErrorCodes.CACHE_DAMAGED,
        title="A cache could not be used",
        category=ErrorCategory.FILESYSTEM,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation="A cache is damaged or cannot be written. It only saves time: the results are the same.",
        remedies=(
            Remedy(
                "Nothing needs to be done; it is made anew.",
                Confidence.ADVICE,
            ),
        ),
        example="the discovery cache discovery-cache.json is damaged and was made anew",
    ),
    CodeEntry(
        ErrorCodes.OUTPUT_NOT_WRITTEN,
        title="A file could not be written",
        category=ErrorCategory.FILESYSTEM,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The operating system refused to write the file that the command should make.",
        remedies=(
            Remedy(
                "Check the folder, its permissions and the free space.",
                Confidence.ADVICE,
            ),
        ),
        example="the plan cannot be written to /plans/p.json: No such file or directory",
    ),
    CodeEntry(
        ErrorCodes.USAGE_INVALID,
        title="The command line cannot be understood",
        category=ErrorCategory.USAGE,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation="An option or an argument is missing, unknown, or has a value that it does not take.",
        remedies=(
            Remedy(
                "Run the command with `--help`.",
                Confidence.ADVICE,
            ),
        ),
        example="No such option: --envv. Did you mean --env?",
    ),
    CodeEntry(
        ErrorCodes.ERROR_CODE_UNKNOWN,
        title="There is no such error code",
        category=ErrorCategory.USAGE,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation="`explain` was asked for a code that does not exist.",
        remedies=(
            Remedy(
                "The codes are listed in docs/errors/README.md.",
                Confidence.ADVICE,
            ),
        ),
        example="there is no error code 'FLOW_SINTAX': did you mean FLOW_SYNTAX_ERROR?",
    ),
    CodeEntry(
        ErrorCodes.ERROR_NOT_FOUND,
        title="The history holds no such error",
        category=ErrorCategory.USAGE,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation=(
            "An error was asked for by an id that the history does not hold, or by the end of an id that more"
            " than one error has. Errors are forgotten after 90 days."
        ),
        remedies=(
            Remedy(
                "`deployment-cli error list` shows the ids.",
                Confidence.ADVICE,
            ),
        ),
        example="there is no error 'error_20251002_110652_0f3a71b2c4d5' in the history",
    ),
    CodeEntry(
        ErrorCodes.RECOVERY_FAILED,
        title="A remedy did not help",
        category=ErrorCategory.RECOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="A recovery ran and the trouble is still there.",
        remedies=(
            Remedy(
                "Read what it tried, and follow the guidance for the first error.",
                Confidence.ADVICE,
            ),
        ),
        example="the recovery of 'load' did not help",
    ),
    CodeEntry(
        ErrorCodes.RECOVERY_ACTION_UNKNOWN,
        title="A recovery plan names an action that there is not",
        category=ErrorCategory.RECOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="A step of a recovery plan is an action by its name, and none has this one.",
        remedies=(
            Remedy(
                "`deployment-cli recovery plans list` shows the actions; correct the name.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="there is no recovery action 'create_workpool' here; there are: create_work_pool, run",
    ),
    CodeEntry(
        ErrorCodes.RECOVERY_LIMIT_REACHED,
        title="The same fault was mended often enough",
        category=ErrorCategory.RECOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "A remedy that has been tried several times for the same fault does not help for long; the "
            "cause is elsewhere."
        ),
        remedies=(
            Remedy(
                "Look for the cause with `deployment-cli doctor`, and follow the guidance for the error.",
                Confidence.ADVICE,
            ),
        ),
        example="no other attempt to mend 'there is no work pool': it was tried 3 times in an hour",
    ),
    CodeEntry(
        ErrorCodes.RECOVERY_TOO_BROAD,
        title="A recovery would touch too many flows at once",
        category=ErrorCategory.RECOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Where many different things are wrong at once, they mostly have a cause of their own, such as a "
            "wrong branch. Nothing was changed."
        ),
        remedies=(
            Remedy(
                "Look for what they have in common; mend one of them alone: `deployment-cli recovery execute "
                "--error ID`.",
                Confidence.ADVICE,
            ),
            Remedy(
                "Or allow more: `limits: {most_flows: 20}` in recovery-plans.yaml.", Confidence.NEEDS_INPUT
            ),
        ),
        example="a recovery would touch 12 flows (extract, load, …), and may touch 5",
    ),
    CodeEntry(
        ErrorCodes.UNEXPECTED_ERROR,
        title="Something went wrong that nobody foresaw",
        category=ErrorCategory.INTERNAL,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="This is a fault of deployment-cli itself. What the command had begun may be half done.",
        remedies=(
            Remedy(
                ("Run it again with -v, which shows where it happened, and report it with that output."),
                Confidence.ADVICE,
            ),
        ),
        example="something went wrong that nobody foresaw: KeyError: 'id'",
    ),
)
