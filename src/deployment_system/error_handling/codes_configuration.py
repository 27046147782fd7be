"""deployment-config.yaml, prefect.yaml and the choice of environment and server."""

from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)

CONFIGURATION_ENTRIES: tuple[CodeEntry, ...] = (
    CodeEntry(
        ErrorCodes.CONFIG_FILE_NOT_FOUND,
        title="There is no configuration file",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation=(
            "No deployment-config.yaml was found here or above, so defaults hold; or a file that "
            "was named does not exist."
        ),
        remedies=(
            Remedy(
                "`deployment-cli init` writes one with every default and its explanation.",
                Confidence.CERTAIN,
            ),
        ),
        example="there is no deployment-config.yaml in my-flows or above it: defaults are used",
    ),
    CodeEntry(
        ErrorCodes.CONFIG_FILE_UNREADABLE,
        title="A configuration file cannot be read",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The operating system refused to read it, or it is not text in UTF-8.",
        remedies=(
            Remedy(
                "Check its permissions and its encoding.",
                Confidence.ADVICE,
            ),
        ),
        example="deployment-config.yaml cannot be read: Permission denied",
    ),
    CodeEntry(
        ErrorCodes.CONFIG_FILE_EXISTS,
        title="The configuration file exists already",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation="`init` never writes over a file.",
        remedies=(
            Remedy(
                "Edit the file, or move it away first.",
                Confidence.ADVICE,
            ),
        ),
        example="deployment-config.yaml exists already and was left as it is",
    ),
    CodeEntry(
        ErrorCodes.CONFIG_TOO_LARGE,
        title="A configuration file is too large",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The file, or what its aliases unfold to, is beyond any configuration. It was not read on."
        ),
        remedies=(
            Remedy(
                "Check that the right file is named, and that no alias unfolds again and again.",
                Confidence.ADVICE,
            ),
        ),
        example="deployment-config.yaml has 104857600 bytes; the most that is read is 1048576",
    ),
    CodeEntry(
        ErrorCodes.CONFIG_INVALID_FORMAT,
        title="A configuration file is not valid YAML",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The file cannot be parsed, or it does not have the form that a configuration has.",
        remedies=(
            Remedy(
                "Correct the marked line.",
                Confidence.ADVICE,
            ),
        ),
        example="deployment-config.yaml: not valid YAML: expected ',' or '}', but got ':' (inside { })",
    ),
    CodeEntry(
        ErrorCodes.CONFIG_MISSING_REQUIRED_FIELD,
        title="Something that must be said is not said",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="A key is missing without which the rest has no meaning.",
        remedies=(
            Remedy(
                "Add the key.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="source.git needs url",
    ),
    CodeEntry(
        ErrorCodes.CONFIG_UNKNOWN_KEY,
        title="A key is not known",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Keys that nobody reads are errors here, as a misspelt key would silently have no effect."
        ),
        remedies=(
            Remedy(
                "Use the nearest known key that the message names.",
                Confidence.PROBABLE,
            ),
        ),
        example="unknown key 'schedule' in flows.load: did you mean 'schedules'?",
    ),
    CodeEntry(
        ErrorCodes.CONFIG_INVALID_VALUE,
        title="A value is not of the right kind",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The value is of another type or outside of what the key takes.",
        remedies=(
            Remedy(
                "Correct the value; docs/configuration.md says what each key takes.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="environments.production.protected must be true or false, not 'maybe'",
    ),
    CodeEntry(
        ErrorCodes.CONFIG_VARIABLE_NOT_SET,
        title="An environment variable is not set",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The configuration refers to a variable that is not set and has no default.",
        remedies=(
            Remedy(
                "Set the variable, or give a default: ${NAME:-default}.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="${API_URL} is not set, and has no default",
    ),
    CodeEntry(
        ErrorCodes.ENVIRONMENT_NOT_CONFIGURED,
        title="There is no such environment",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The environment that --env, DEPLOYMENT_ENV, a flow or the default names is not configured."
        ),
        remedies=(
            Remedy(
                "Use one of the configured environments, or add it under `environments:`.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="the environment 'prod' is not configured: did you mean 'production'?",
    ),
    CodeEntry(
        ErrorCodes.SERVER_URL_INVALID,
        title="The server's URL leads to no Prefect API",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The URL cannot be read, or what answers there is not a Prefect API. The URL of a self-"
            "hosted API usually ends with /api."
        ),
        remedies=(
            Remedy(
                "Correct `prefect_api_url` of the environment, or PREFECT_API_URL.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="what answers at http://127.0.0.1:4200 is not a Prefect API",
    ),
    CodeEntry(
        ErrorCodes.SERVER_URL_DIFFERS,
        title="The shell names another server than the configuration",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "PREFECT_API_URL and the configuration disagree. The configuration wins; commands of "
            "Prefect itself would go to the other server."
        ),
        remedies=(
            Remedy(
                "Unset PREFECT_API_URL, or choose the environment that is meant with --env.",
                Confidence.ADVICE,
            ),
        ),
        example="the configuration names http://a:4200/api, and PREFECT_API_URL names http://b:4200/api",
    ),
    CodeEntry(
        ErrorCodes.PREFECT_YAML_UNSUPPORTED,
        title="prefect.yaml asks for something that is not supported yet",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The file uses a part of Prefect's format that this version does not carry out. Rather "
            "than leaving it out silently, the deployment is skipped."
        ),
        remedies=(
            Remedy(
                "Remove the part, or deploy this one with `prefect deploy` for now.",
                Confidence.ADVICE,
            ),
        ),
        example="schedules[0] renames another schedule (replaces), which is not supported yet",
    ),
)
