"""Making, changing, verifying and removing deployments."""

from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)

DEPLOYMENT_ENTRIES: tuple[CodeEntry, ...] = (
    CodeEntry(
        ErrorCodes.DEPLOYMENT_FAILED,
        title="A deployment failed",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="A step of the deployment failed that has no code of its own.",
        remedies=(
            Remedy(
                "Read the cause, and run `deployment-cli plan` to see what is left to do.",
                Confidence.ADVICE,
            ),
        ),
        example="the deployment failed",
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_CREATE_FAILED,
        title="A deployment could not be created",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The server refused to create it; its own words stand in the message.",
        remedies=(
            Remedy(
                "Correct what the server's words name, and run `deployment-cli deploy` again.",
                Confidence.ADVICE,
            ),
        ),
        example="deployment 'load-python-production' could not be created: the server answered 409",
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_UPDATE_FAILED,
        title="A deployment could not be changed",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The server refused the change; its own words stand in the message.",
        remedies=(
            Remedy(
                "Correct what the server's words name, and run `deployment-cli deploy` again.",
                Confidence.ADVICE,
            ),
        ),
        example="deployment 'load-python-production' could not be updated: the server answered 404",
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_DELETE_FAILED,
        title="A deployment that `--prune` removes stayed",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The server refused to remove it; its own words stand in the message.",
        remedies=(
            Remedy(
                "Run the command again once the server's reason is gone.",
                Confidence.ADVICE,
            ),
        ),
        example="deployment 'load-python-production' could not be deleted: the server answered 500",
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_VERIFICATION_FAILED,
        title="A deployment is not on the server as it was sent",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "After writing, everything is read back. What came back differs from what was sent: "
            "somebody else changed it at the same moment, or the server does not keep a field as it"
            " is."
        ),
        remedies=(
            Remedy(
                "Run `deployment-cli plan`: it shows the difference.",
                Confidence.ADVICE,
            ),
        ),
        example="deployment 'load-python-production' is not on the server as it was sent: description",
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_ROLLBACK_FAILED,
        title="Some changes stay on the server",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The deployment failed in the middle, and not everything that was changed could be put back."
            " The message names what was not."
        ),
        remedies=(
            Remedy(
                "`deployment-cli recovery list` shows what is left and why; `deployment-cli recovery execute`"
                " tries again.",
                Confidence.PROBABLE,
            ),
        ),
        example="not everything could be put back: update load/load-python-production",
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_CLEANUP_FAILED,
        title="`clean` could not remove a deployment",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The server refused to remove it; its own words stand in the message. What `clean` had removed"
            " before was put back."
        ),
        remedies=(
            Remedy(
                "Run `deployment-cli clean` again once the server's reason is gone; `--only` leaves out a"
                " deployment that has to stay.",
                Confidence.ADVICE,
            ),
        ),
        example="deployment 'load-python-production' could not be deleted: the server answered 422",
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_OWNED_BY_ANOTHER_PROJECT,
        title="The deployment belongs to another project",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Labels on the deployment say that another project, or another environment of this one,"
            " made it. Two owners would overwrite each other again and again."
        ),
        remedies=(
            Remedy(
                "Change `project:` or the names, so that they differ.",
                Confidence.NEEDS_INPUT,
            ),
            Remedy(
                "If it is to become this project's: `--force`.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="deployment 'load' of flow 'load' belongs to project 'billing', environment 'production'",
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_STILL_USED,
        title="A deployment is kept because somebody needs it",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "It should be removed, but an automation refers to it or runs of it are in flight; "
            "removing it would break the one and end the other."
        ),
        remedies=(
            Remedy(
                "Change the automation, wait for the runs, or give `--force`.",
                Confidence.ADVICE,
            ),
        ),
        example="'load-python-production' is kept: 2 runs in flight",
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_INTERRUPTED,
        title="The command was interrupted",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation="Ctrl-C or SIGTERM ended the command. The message says whether anything was changed.",
        remedies=(
            Remedy(
                "Run the command again.",
                Confidence.ADVICE,
            ),
        ),
        example="interrupted by Ctrl-C: nothing was changed",
    ),
    CodeEntry(
        ErrorCodes.NOTHING_TO_DEPLOY,
        title="Nothing can be deployed",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="No flow was found, none of them is valid, or the selection matches none.",
        remedies=(
            Remedy(
                (
                    "`deployment-cli discover` shows what is found, `deployment-cli validate` what "
                    "is wrong with it."
                ),
                Confidence.ADVICE,
            ),
        ),
        example="no flow was found that can be deployed",
    ),
    CodeEntry(
        ErrorCodes.LOCAL_SOURCE_ON_REMOTE_SERVER,
        title="The code lies on this machine, the server on another",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "With `source: {local: true}` a worker looks for the code in a folder of this machine's"
            " name. A worker on another machine finds it only on a shared file system."
        ),
        remedies=(
            Remedy(
                "Use `source: {git: {url: …, ref: …}}` for this environment.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="the code is taken from this machine, and the server prefect.example.com is another",
    ),
    CodeEntry(
        ErrorCodes.SCHEDULE_LEFT_PAUSED,
        title="A schedule that somebody paused stays paused",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation=(
            "The schedule is declared active and is paused on the server. Deploying never un-pauses"
            " what a person paused."
        ),
        remedies=(
            Remedy(
                "Resume it in the Prefect UI, or with `prefect deployment schedule resume`.",
                Confidence.ADVICE,
            ),
        ),
        example="schedule 'nightly' of 'load-python-production' is paused on the server: it stays so",
    ),
    CodeEntry(
        ErrorCodes.SCHEDULE_NOT_DECLARED,
        title="A schedule was made by hand",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation=(
            "The deployment has a schedule on the server that nobody declared. It was made in the "
            "UI, and stays."
        ),
        remedies=(
            Remedy(
                "Declare it, or write `schedules: []` to have only what is declared.",
                Confidence.ADVICE,
            ),
        ),
        example="'load-python-production' has 1 schedule that nobody declared: it stays",
    ),
    CodeEntry(
        ErrorCodes.CONFIRMATION_REQUIRED,
        title="Somebody has to agree first",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "The change was not confirmed: the answer was no, or nobody can be asked because there "
            "is no terminal. A protected environment needs --yes together with --env."
        ),
        remedies=(
            Remedy(
                "Give `--yes`, and for a protected environment `--env NAME` as well.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="environment 'production' is protected, and nobody can be asked here",
    ),
    CodeEntry(
        ErrorCodes.PLAN_FILE_INVALID,
        title="The plan file cannot be used",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The file is not a plan that `plan --out` wrote, cannot be read, or is of another version."
        ),
        remedies=(
            Remedy(
                "Make it anew: `deployment-cli plan --out FILE`.",
                Confidence.PROBABLE,
            ),
        ),
        example="the plan file plan.json is not JSON",
    ),
    CodeEntry(
        ErrorCodes.PLAN_OUTDATED,
        title="The world has changed since the plan was made",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Planning anew gives other changes than the saved plan: the repository, the "
            "configuration or the server has changed. Nothing was done."
        ),
        remedies=(
            Remedy(
                "Look at the new plan: `deployment-cli plan --out FILE`.",
                Confidence.PROBABLE,
            ),
        ),
        example="the world has changed since plan.json was made: load/load-python-production",
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_CONTENT_REFUSED,
        title="This very content has failed before",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The last deployment of the same changes was refused by the server, or was not stored as sent, "
            "and was rolled back. Doing it again would end in the same way, so nothing was begun."
        ),
        remedies=(
            Remedy(
                "Mend what the message names; a changed deployment is tried again.", Confidence.NEEDS_INPUT
            ),
            Remedy(
                "Where the server was at fault and is mended: `deployment-cli deploy --force`.",
                Confidence.PROBABLE,
            ),
        ),
        example="this very content has failed before: deployment 'load' could not be created: …",
    ),
)
