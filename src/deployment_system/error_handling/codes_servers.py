"""Prefect servers and work pools."""

from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)

SERVER_ENTRIES: tuple[CodeEntry, ...] = (
    CodeEntry(
        ErrorCodes.PREFECT_API_ERROR,
        title="The Prefect server failed",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The server answered with an error of its own. A server also answers so to input that "
            "it did not foresee."
        ),
        remedies=(
            Remedy(
                "Look at the server's log, and run `deployment-cli doctor`.",
                Confidence.ADVICE,
            ),
        ),
        example="the Prefect server at http://127.0.0.1:4200/api answered 500 to POST /api/deployments/",
    ),
    CodeEntry(
        ErrorCodes.PREFECT_API_UNAVAILABLE,
        title="The Prefect server cannot be reached",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.HIGH,
        retryable=True,
        explanation=(
            "Nothing answers at the server's address, or the connection broke off, also after "
            "several attempts."
        ),
        remedies=(
            Remedy(
                "`deployment-cli doctor` says which part does not answer.",
                Confidence.ADVICE,
            ),
            Remedy(
                "For a local server: `deployment-cli up`.",
                Confidence.PROBABLE,
            ),
        ),
        example="the Prefect server at http://127.0.0.1:4200/api cannot be reached",
    ),
    CodeEntry(
        ErrorCodes.PREFECT_API_TIMEOUT,
        title="The Prefect server did not answer in time",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.HIGH,
        retryable=True,
        explanation=(
            "The server took the request and sent no answer within the time limit, also after "
            "several attempts."
        ),
        remedies=(
            Remedy(
                (
                    "Try again when the server has less to do; `deployment-cli doctor` shows "
                    "whether it answers."
                ),
                Confidence.ADVICE,
            ),
        ),
        example="the Prefect server at http://127.0.0.1:4200/api did not answer in time",
    ),
    CodeEntry(
        ErrorCodes.PREFECT_AUTH_FAILED,
        title="The Prefect server refused the credentials",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The API key or the basic authentication is missing, wrong, or has no right to do this.",
        remedies=(
            Remedy(
                ("Set PREFECT_API_KEY, or PREFECT_API_AUTH_STRING for a server with basic authentication."),
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="the Prefect server at https://prefect.example.com wants a login, and none was sent (401)",
    ),
    CodeEntry(
        ErrorCodes.PREFECT_RATE_LIMITED,
        title="The Prefect server asks to slow down",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.MEDIUM,
        retryable=True,
        explanation="The server refuses further requests for a while.",
        remedies=(
            Remedy(
                "Try again later, or with `--concurrency 1`.",
                Confidence.PROBABLE,
            ),
        ),
        example="the Prefect server at https://prefect.example.com/api answered 429",
    ),
    CodeEntry(
        ErrorCodes.PREFECT_REQUEST_REJECTED,
        title="The Prefect server refused a request",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The server judged the request to be wrong; its own words stand in the message.",
        remedies=(
            Remedy(
                "Correct what the server's words name.",
                Confidence.ADVICE,
            ),
            Remedy(
                (
                    "If it is a field that the message shows as null: `deployment-cli doctor` knows"
                    " a server version with that fault."
                ),
                Confidence.ADVICE,
            ),
        ),
        example="the Prefect server answered 422 to POST /api/deployments/: name: too long",
    ),
    CodeEntry(
        ErrorCodes.PREFECT_OBJECT_NOT_FOUND,
        title="The Prefect server does not have it",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="What was asked for is not on the server, or went away meanwhile.",
        remedies=(
            Remedy(
                "Run `deployment-cli plan` again: it looks at the server anew.",
                Confidence.PROBABLE,
            ),
        ),
        example="the Prefect server answered 404 to PATCH /api/deployments/…",
    ),
    CodeEntry(
        ErrorCodes.CIRCUIT_OPEN,
        title="A server that does not answer is left alone for a while",
        category=ErrorCategory.NETWORK,
        severity=ErrorSeverity.HIGH,
        retryable=True,
        explanation=(
            "Many requests in a row failed, so this one was not sent: a dying server is not hammered. "
            "After a few seconds one request is let through as a probe, and its success ends this."
        ),
        remedies=(
            Remedy(
                "See why the server does not answer (`deployment-cli doctor`), then run the command again.",
                Confidence.PROBABLE,
            ),
        ),
        example="the Prefect server at http://127.0.0.1:4200/api failed 20 times in a row and is left alone",
    ),
    CodeEntry(
        ErrorCodes.PREFECT_SERVER_TOO_OLD,
        title="The Prefect server is too old",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The server lacks schedules with slugs, without which paused schedules cannot be kept paused."
        ),
        remedies=(
            Remedy(
                'Where the server runs: `python -m pip install -U "prefect>=3.2"`, and start it again.',
                Confidence.ADVICE,
            ),
        ),
        example=(
            "the Prefect server at http://127.0.0.1:4200/api is version 2.20.0; 3.2 is the oldest that works"
        ),
    ),
    CodeEntry(
        ErrorCodes.PREFECT_SERVER_INCOMPATIBLE,
        title="The Prefect server runs with a FastAPI that breaks it",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Prefect allows every fastapi below 1.0. With 0.151 and later its server answers 422 "
            "where a field is null, and with 0.156.8 and later it does not start."
        ),
        remedies=(
            Remedy(
                'In the server\'s environment: `pip install "fastapi<0.151"`, and start it again.',
                Confidence.PROBABLE,
            ),
        ),
        example="the server answers 422 to a field that is null: its fastapi is 0.151 or later",
    ),
    CodeEntry(
        ErrorCodes.WORK_POOL_NOT_FOUND,
        title="There is no such work pool",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The deployment names a work pool that the server does not have; nothing would ever run.",
        remedies=(
            Remedy(
                "`prefect work-pool create --type process NAME`",
                Confidence.PROBABLE,
            ),
            Remedy(
                "Or name an existing pool under `work_pools:` of the environment.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="there is no work pool 'default-pol' on the server: did you mean 'default-pool'?",
    ),
    CodeEntry(
        ErrorCodes.WORK_POOL_TYPE_MISMATCH,
        title="The work pool is of another type",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Process deployments need a work pool whose workers start processes; a pool of another "
            "type would look for an image."
        ),
        remedies=(
            Remedy(
                "Name a pool of the right type under `work_pools:` of the environment.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example=(
            "work pool 'docker-pool' is of type 'docker'; a process deployment needs one of type 'process'"
        ),
    ),
    CodeEntry(
        ErrorCodes.WORK_POOL_NOT_READY,
        title="Nobody takes work from the work pool",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "The work pool is paused, or no worker polls it. What is deployed to it stays scheduled and "
            "never runs."
        ),
        remedies=(
            Remedy(
                "`prefect worker start --pool NAME`, or `deployment-cli up` for a local one.",
                Confidence.PROBABLE,
            ),
        ),
        example="work pool 'default-pool' has no worker that is online: nothing that is deployed would run",
    ),
    CodeEntry(
        ErrorCodes.LOCAL_SERVER_START_FAILED,
        title="The local Prefect server did not start",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The server or the worker that `up` starts ended, or did not answer in time. The end of"
            " its log stands with the error."
        ),
        remedies=(
            Remedy(
                "`deployment-cli doctor` knows the usual reasons.",
                Confidence.ADVICE,
            ),
        ),
        example="the local Prefect server ended before it answered",
    ),
    CodeEntry(
        ErrorCodes.LOCAL_PORT_IN_USE,
        title="The port is taken",
        category=ErrorCategory.PREFECT_API,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="Another program listens on the port that the local server should have.",
        remedies=(
            Remedy(
                "`deployment-cli up --port N` with a free port.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="port 4200 is taken by another program",
    ),
)
