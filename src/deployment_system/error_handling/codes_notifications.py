"""Telling people and the Prefect server what happened."""

from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)

NOTIFICATION_ENTRIES: tuple[CodeEntry, ...] = (
    CodeEntry(
        ErrorCodes.NOTIFICATION_FAILED,
        title="A notification did not arrive",
        category=ErrorCategory.NETWORK,
        severity=ErrorSeverity.MEDIUM,
        retryable=True,
        explanation=(
            "A channel of a route under `notifications:` did not take a message, or not in time. What the"
            " command did is not touched by it. The message waits, and later commands try again for three"
            " days."
        ),
        remedies=(
            Remedy("`deployment-cli notify test --route NAME` sends now and says what is wrong."),
            Remedy("`deployment-cli notify deliver` sends what waits.", Confidence.PROBABLE),
        ),
        example="the route 'operations' could not tell its channel 1 (slack): Page not found, error=404",
    ),
    CodeEntry(
        ErrorCodes.NOTIFICATION_URL_INVALID,
        title="Nothing can be sent to the URL of a route",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "A URL of a route under `notifications:` is not one that Apprise understands: its scheme is"
            " unknown, or a part is missing that the service needs."
        ),
        remedies=(
            Remedy(
                "Write it as Apprise's documentation of the service says, such as"
                " `mailtos://USER:PASSWORD@HOST?to=ADDRESS`.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example=(
            "the route 'operations' could not tell its channel 1 (slak): Apprise does not understand its URL"
        ),
    ),
    CodeEntry(
        ErrorCodes.NOTIFICATION_ROUTE_UNKNOWN,
        title="There is no such route",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation="The configuration has no route of that name under `notifications: {routes: …}`.",
        remedies=(
            Remedy("`deployment-cli notify list` shows the routes.", Confidence.ADVICE),
            Remedy("Add one under `notifications: {routes: …}`.", Confidence.NEEDS_INPUT),
        ),
        example="there is no route 'operatons': did you mean 'operations'?",
    ),
    CodeEntry(
        ErrorCodes.CONFIG_SECRET_IN_FILE,
        title="A secret stands in the configuration",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation=(
            "The URL of a notification channel holds what opens it to anybody who can read the file, and"
            " whoever can read the repository can."
        ),
        remedies=(
            Remedy(
                "Put it into an environment variable and write `${NAME}` in its place.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="a secret stands in notifications.routes.operations.urls[0]",
    ),
    CodeEntry(
        ErrorCodes.PREFECT_EVENT_NOT_SENT,
        title="The Prefect server was not told of the outcome",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.LOW,
        retryable=True,
        explanation=(
            "What came of the command could not be told to the server as an event, so automations that wait"
            " for it do not act. The deployment itself is not touched by it."
        ),
        remedies=(
            Remedy("`deployment-cli doctor` says whether the server answers.", Confidence.ADVICE),
            Remedy("Do by hand what the automation would have done.", Confidence.ADVICE),
        ),
        example="the event deployment-system.deploy.completed could not be sent: the server is away",
    ),
)
