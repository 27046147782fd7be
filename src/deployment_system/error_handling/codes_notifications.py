"""Telling people and the Prefect server what happened, and what people see."""

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
    CodeEntry(
        ErrorCodes.UI_NOT_SERVED,
        title="The server serves no UI",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation=(
            "The API answers and no pages do: the UI is turned off, was not built, or is served from"
            " elsewhere. Deployments run all the same; their links lead nowhere."
        ),
        remedies=(
            Remedy(
                "Start the server with `PREFECT_SERVER_UI_ENABLED=true`, and without"
                " PREFECT_SERVER_UI_SERVE_BASE.",
                Confidence.PROBABLE,
            ),
            Remedy(
                "Where a proxy serves the API alone, open the server's own address.", Confidence.NEEDS_INPUT
            ),
        ),
        example="http://127.0.0.1:4200 serves no UI: the links to deployments lead nowhere",
    ),
    CodeEntry(
        ErrorCodes.UI_API_URL_DIFFERS,
        title="The UI asks another server than was deployed to",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "A server tells its pages which API to ask: PREFECT_SERVER_UI_API_URL, by default"
            " http://127.0.0.1:4200/api, whatever port and machine they come from. Here it is not the one"
            " that was deployed to, and either it does not answer or it does not have the deployments."
            " Who opens the pages sees what that one has, or nothing."
        ),
        remedies=(
            Remedy(
                "Start the server with PREFECT_SERVER_UI_API_URL set to its API as browsers reach it.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example=(
            "the UI at http://flows.example:4200 asks http://127.0.0.1:4200/api, which does not answer here"
        ),
    ),
    CodeEntry(
        ErrorCodes.DEPLOYMENT_NOT_VISIBLE,
        title="The UI does not show a deployment",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The deployment is declared, and the list that the UI reads does not have it: it or its flow is"
            " not on this server, or it lies in another one or in another workspace."
        ),
        remedies=(
            Remedy("`deployment-cli deploy` makes it where it is missing.", Confidence.PROBABLE),
            Remedy(
                "In the UI, clear the search and the filter by tags; compare its address with the server that"
                " `deployment-cli status` names.",
                Confidence.ADVICE,
            ),
        ),
        example="the UI does not show deployment 'load-python-production': there is none of that name",
    ),
)
