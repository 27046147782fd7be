"""What can go wrong where others watch: metrics, and the server that shows them."""

from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)

MONITORING_ENTRIES = (
    CodeEntry(
        ErrorCodes.METRICS_NOT_PUSHED,
        title="The metrics were not pushed",
        category=ErrorCategory.NETWORK,
        severity=ErrorSeverity.MEDIUM,
        retryable=True,
        explanation=(
            "The Pushgateway or the OpenTelemetry collector did not take the metrics. They are still in the"
            " state: the next push brings them as well."
        ),
        remedies=(
            Remedy("Look whether the address is right, and whether the server runs.", Confidence.ADVICE),
            Remedy("Push again: `deployment-cli metrics push --url URL`.", Confidence.ADVICE),
        ),
        example="the metrics were not pushed: http://127.0.0.1:9091 cannot be reached: Connection refused",
    ),
    CodeEntry(
        ErrorCodes.METRICS_EXTRA_MISSING,
        title="What OpenTelemetry needs is not installed",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "Metrics for an OpenTelemetry collector are written in its own form, which needs an extra."
        ),
        remedies=(Remedy("Install it: pip install 'deployment-system[opentelemetry]'", Confidence.CERTAIN),),
        example="opentelemetry-proto is not installed: metrics cannot be pushed to a collector",
    ),
    CodeEntry(
        ErrorCodes.SERVE_TOKEN_REQUIRED,
        title="Others could read this, and no token is asked for",
        category=ErrorCategory.USAGE,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "`serve` shows errors and transactions. On any other address than the loopback interface"
            " everybody on the network can ask for them, so a token is needed there."
        ),
        remedies=(
            Remedy("Name a file that holds a token: `--token-file FILE`.", Confidence.NEEDS_INPUT),
            Remedy("Or put the token into DEPLOYMENT_SERVE_TOKEN.", Confidence.NEEDS_INPUT),
            Remedy("Or leave `--host` out: then only this machine can ask.", Confidence.ADVICE),
        ),
        example="0.0.0.0 can be reached from other machines, and no token is set",
    ),
    CodeEntry(
        ErrorCodes.SERVE_TOKEN_INVALID,
        title="The token cannot be used",
        category=ErrorCategory.USAGE,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The file or variable that holds the token cannot be read, is empty, holds more than one line, or"
            " the token is so short that it could be guessed."
        ),
        remedies=(
            Remedy("Make one: `openssl rand -hex 32 > FILE`, readable by its owner only.", Confidence.ADVICE),
        ),
        example="the token in serve.token has 4 characters: at least 16 are needed",
    ),
    CodeEntry(
        ErrorCodes.SERVE_ADDRESS_UNUSABLE,
        title="Nothing can be served at this address",
        category=ErrorCategory.NETWORK,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Another program listens on the port, the address is none of this machine's, or the port may only"
            " be taken by the administrator."
        ),
        remedies=(
            Remedy("`deployment-cli serve --port N` with a free port; 0 takes any.", Confidence.NEEDS_INPUT),
            Remedy(
                "`deployment-cli serve --host ADDRESS` with one of this machine's.", Confidence.NEEDS_INPUT
            ),
        ),
        example="127.0.0.1:9464 cannot be listened on: Address already in use",
    ),
    CodeEntry(
        ErrorCodes.REQUEST_INVALID,
        title="The request asks for something that there is not",
        category=ErrorCategory.USAGE,
        severity=ErrorSeverity.LOW,
        retryable=False,
        explanation="A path, method or parameter that `deployment-cli serve` does not know, or a value that"
        " does not fit.",
        remedies=(Remedy("docs/monitoring.md lists paths and parameters.", Confidence.ADVICE),),
        example="limit is 'many': a number from 1 to 500 is needed",
    ),
    CodeEntry(
        ErrorCodes.REQUEST_UNAUTHORIZED,
        title="The request has no token, or a wrong one",
        category=ErrorCategory.USAGE,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation="`deployment-cli serve` was started with a token, and the request does not show it.",
        remedies=(Remedy("Send the header `Authorization: Bearer TOKEN`.", Confidence.NEEDS_INPUT),),
        example="a token is needed: Authorization: Bearer …",
    ),
)
