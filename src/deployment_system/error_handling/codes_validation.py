"""Dependencies, parameters, schedules and names."""

from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)

VALIDATION_ENTRIES: tuple[CodeEntry, ...] = (
    CodeEntry(
        ErrorCodes.VALIDATION_FAILED,
        title="Something is not as it must be",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="A check failed that has no code of its own.",
        remedies=(
            Remedy(
                "Read the message, and run `deployment-cli validate` after the correction.",
                Confidence.ADVICE,
            ),
        ),
        example="validation failed",
    ),
    CodeEntry(
        ErrorCodes.DEPENDENCY_CONFLICT,
        title="Requirements contradict each other",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Two places ask for versions of the same distribution that cannot both be had, or "
            "another version is installed than is declared."
        ),
        remedies=(
            Remedy(
                "Make the version ranges overlap, or install what is declared.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="requirements.txt asks for pandas<2, pyproject.toml for pandas>=2",
    ),
    CodeEntry(
        ErrorCodes.DEPENDENCY_NOT_DECLARED,
        title="An import is installed but not declared",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation=(
            "It works on this machine, and fails on a worker that is set up from the requirements files."
        ),
        remedies=(
            Remedy(
                "Add the distribution to the requirements file.",
                Confidence.PROBABLE,
            ),
        ),
        example="flows/load.py imports 'requests', which is installed but not declared",
    ),
    CodeEntry(
        ErrorCodes.MISSING_REQUIREMENTS,
        title="What is declared is not installed here",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation=(
            "The flow imports something that is declared and that this machine does not have. "
            "Workers usually have it; with `--check-environment` it is an error."
        ),
        remedies=(
            Remedy(
                "`pip install -r requirements.txt`",
                Confidence.PROBABLE,
            ),
        ),
        example="flows/load.py imports 'pandas', which is declared but not installed here",
    ),
    CodeEntry(
        ErrorCodes.REQUIREMENTS_INVALID,
        title="A requirements file cannot be read",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "A line of a requirements file is not a requirement, or the file cannot be read. What "
            "it declares is not known."
        ),
        remedies=(
            Remedy(
                "Correct the line.",
                Confidence.ADVICE,
            ),
        ),
        example="requirements.txt: 'panda s' is not a requirement",
    ),
    CodeEntry(
        ErrorCodes.SCHEDULE_INVALID,
        title="A schedule cannot be",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The cron expression, interval or recurrence rule would be refused by the server, or "
            "two schedules of a deployment have the same slug."
        ),
        remedies=(
            Remedy(
                ("Correct the schedule; a cron expression has five fields: minute hour day month weekday."),
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="the cron expression '0 25 * * *' is not valid: the hour is '25'; it takes 0 to 23",
    ),
    CodeEntry(
        ErrorCodes.TIMEZONE_INVALID,
        title="There is no such time zone",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Time zones have the names of the IANA database, such as Europe/London. Abbreviations "
            "such as CEST are none."
        ),
        remedies=(
            Remedy(
                "Use a name of the IANA database.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="there is no time zone 'Europe/Londn': did you mean 'Europe/London'?",
    ),
    CodeEntry(
        ErrorCodes.PARAMETER_UNKNOWN,
        title="A flow has no such parameter",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "A value is given for a parameter that the flow's function does not take. Every run would fail."
        ),
        remedies=(
            Remedy(
                "Correct the name in the configuration.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="flow 'load' has no parameter 'limt': did you mean 'limit'?",
    ),
    CodeEntry(
        ErrorCodes.PARAMETER_MISSING,
        title="A scheduled run would lack a parameter",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The flow has a parameter without a default, nothing gives it a value, and the "
            "deployment has a schedule. Every scheduled run would fail."
        ),
        remedies=(
            Remedy(
                (
                    "Give the value under `parameters:` of the flow or of the schedule, or give the"
                    " parameter a default."
                ),
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="flow 'load' needs a value for 'day', and its schedule gives none",
    ),
    CodeEntry(
        ErrorCodes.PARAMETER_INVALID,
        title="A value does not fit its parameter",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The value does not have the type that the flow's annotation asks for, and the server "
            "would refuse the run."
        ),
        remedies=(
            Remedy(
                "Correct the value in the configuration.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="the parameter 'limit' of flow 'load' does not fit its type: 'ten' is not of type 'integer'",
    ),
    CodeEntry(
        ErrorCodes.PARAMETER_SCHEMA_INCOMPLETE,
        title="The types of some parameters are left open",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation=(
            "Files are not imported because of `--no-import`, and the source alone does not tell "
            "these types. The deployment works; its form in the UI shows plain fields."
        ),
        remedies=(
            Remedy(
                "Run without `--no-import`.",
                Confidence.PROBABLE,
            ),
        ),
        example="the types of options of flow 'load' are left open: the file is not imported",
    ),
    CodeEntry(
        ErrorCodes.JOB_VARIABLES_INVALID,
        title="A job variable does not fit the work pool",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The work pool's template says which variables it knows and of which types they are. A "
            "value of a wrong type is refused by the server; a name that it does not know would be "
            "ignored."
        ),
        remedies=(
            Remedy(
                "Compare with the pool's template: `prefect work-pool inspect NAME`.",
                Confidence.ADVICE,
            ),
        ),
        example="the work pool has no job variable 'memry': did you mean 'memory'?",
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_NAME_INVALID,
        title="The server refuses such a deployment name",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="Names of deployments are not empty and hold none of / % & > <.",
        remedies=(
            Remedy(
                "Change the flow's name, or the template `deployment_name`.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="the deployment name 'a/b' holds '/'",
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_NAME_DUPLICATE,
        title="Two deployments have the same name",
        category=ErrorCategory.VALIDATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "A flow's deployments are known by their names. Two of one name would overwrite each "
            "other, so neither is deployed."
        ),
        remedies=(
            Remedy(
                "Rename one of them, or let the template hold {type} and {environment}.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="2 deployments of flow 'load' are called 'nightly'",
    ),
)
