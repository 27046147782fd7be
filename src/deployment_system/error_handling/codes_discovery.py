"""Files and the flows in them."""

from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)

DISCOVERY_ENTRIES: tuple[CodeEntry, ...] = (
    CodeEntry(
        ErrorCodes.FLOW_DISCOVERY_FAILED,
        title="Flows could not be looked for",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Something kept the search for flows from being done at all, so nothing is known about "
            "the flows of this repository."
        ),
        remedies=(
            Remedy(
                ("Read the cause below the message, mend it, and run `deployment-cli discover` again."),
                Confidence.ADVICE,
            ),
        ),
        example="the search for flows failed: the folder went away",
    ),
    CodeEntry(
        ErrorCodes.FLOW_NOT_FOUND,
        title="A flow that was named is not there",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "A deployment, a rule of the configuration or an option names a flow, and no flow of "
            "that name was found where it should be. Most often the name is misspelt, or the file "
            "lies outside of what is scanned."
        ),
        remedies=(
            Remedy(
                "Compare with the names that `deployment-cli discover` prints.",
                Confidence.ADVICE,
            ),
            Remedy(
                "If the file is left out of the scan, change `scan.paths` or `scan.exclude`.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example=(
            "deployment 'nightly' names 'flows/load.py:lod', and flows/load.py has no flow 'lod': did "
            "you mean 'load'?"
        ),
    ),
    CodeEntry(
        ErrorCodes.FLOW_SYNTAX_ERROR,
        title="A file is not valid Python",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The file mentions Prefect flows and cannot be parsed, so none of its flows can be "
            "deployed. The other files are not affected."
        ),
        remedies=(
            Remedy(
                "Correct the marked line.",
                Confidence.ADVICE,
            ),
            Remedy(
                "If the file is a template or an example, add it to `scan.exclude`.",
                Confidence.PROBABLE,
            ),
        ),
        example="flows/load.py is not valid Python 3.11: '(' was never closed",
    ),
    CodeEntry(
        ErrorCodes.FLOW_MISSING_DEPENDENCIES,
        title="An import is neither declared nor installed",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The flow, or a module that it imports, imports something that no requirements file "
            "names and that is not installed here. Its runs would fail at the import."
        ),
        remedies=(
            Remedy(
                "Add the distribution to the requirements file, and install it.",
                Confidence.PROBABLE,
            ),
            Remedy(
                "If the import may fail, put it inside `try` … `except ImportError`.",
                Confidence.ADVICE,
            ),
        ),
        example="flows/load.py imports 'pandas', which is neither declared nor installed",
    ),
    CodeEntry(
        ErrorCodes.FLOW_INVALID_STRUCTURE,
        title="A flow cannot be loaded as it is written",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The flow is made in a way that a worker could not load or that does not fix its name: "
            "a name that only running the code would tell, a name with characters that the server "
            "refuses, or something else than a flow behind the name."
        ),
        remedies=(
            Remedy(
                "Follow the flow guidelines in docs/flow-guidelines.md.",
                Confidence.ADVICE,
            ),
        ),
        example="the name of the flow bound to 'load' cannot be told from the source",
    ),
    CodeEntry(
        ErrorCodes.FLOW_NAME_DUPLICATE,
        title="Two flows have the same name",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Flows are known to the server by their names. Two flows of one name would overwrite "
            "each other's deployments, so neither is deployed."
        ),
        remedies=(
            Remedy(
                'Give one of them another name: `@flow(name="…")`.',
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="the flow name 'load' is taken twice: here and at flows/b.py:4",
    ),
    CodeEntry(
        ErrorCodes.FLOW_FILE_UNREADABLE,
        title="A file or folder cannot be read",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The operating system refused to read it, or it went away while it was read. What lies "
            "in it is unknown, and `--prune` does not touch it."
        ),
        remedies=(
            Remedy(
                "Check its permissions, and run the command again.",
                Confidence.ADVICE,
            ),
        ),
        example="flows/secret cannot be read: Permission denied",
    ),
    CodeEntry(
        ErrorCodes.FLOW_FILE_TOO_LARGE,
        title="A file is too large to be looked at",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "Files above the limit are not parsed, as parsing takes about a hundred times their "
            "size in memory. Files that people write stay far below it."
        ),
        remedies=(
            Remedy(
                "Move data out of the file, or add the file to `scan.exclude`.",
                Confidence.ADVICE,
            ),
        ),
        example="flows/data.py has 9437184 bytes; files over 5242880 are not looked at",
    ),
    CodeEntry(
        ErrorCodes.FLOW_FILE_ENCODING_INVALID,
        title="A file cannot be decoded",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The bytes of the file are not text in the encoding that it declares, which is UTF-8 "
            "where it declares none."
        ),
        remedies=(
            Remedy(
                (
                    "Save the file as UTF-8, or declare its encoding in the first line: `# -*- "
                    "coding: latin-1 -*-`."
                ),
                Confidence.PROBABLE,
            ),
        ),
        example="flows/load.py is not UTF-8: it holds the byte 0xe9",
    ),
    CodeEntry(
        ErrorCodes.FLOW_FILE_TOO_COMPLEX,
        title="A file is nested too deeply",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The file's expressions or blocks are nested deeper than Python's parser goes. Python "
            "itself could not run it either."
        ),
        remedies=(
            Remedy(
                "Split the nested expression, or add the file to `scan.exclude`.",
                Confidence.ADVICE,
            ),
        ),
        example="flows/generated.py is nested too deeply to be read",
    ),
    CodeEntry(
        ErrorCodes.FLOW_LEGACY_PREFECT,
        title="A file is written for Prefect 1",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.MEDIUM,
        retryable=False,
        explanation=(
            "Prefect 1 built flows in a `with Flow(...)` block. Prefect 3 knows only functions with"
            " the `@flow` decorator, and cannot deploy the old form."
        ),
        remedies=(
            Remedy(
                "Turn the block into a function with `@flow`, or add the file to `scan.exclude`.",
                Confidence.ADVICE,
            ),
        ),
        example="flows/old.py is written for Prefect 1 (with Flow(...))",
    ),
    CodeEntry(
        ErrorCodes.FLOW_IMPORT_FAILED,
        title="A file cannot be imported",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The types of the flow's parameters can only be told by importing its file, and the "
            "import failed in the isolated process where it was tried. A worker would meet the same"
            " error."
        ),
        remedies=(
            Remedy(
                "Mend the error that the message names.",
                Confidence.ADVICE,
            ),
            Remedy(
                ("If the file only fails on this machine, give `--no-import`, which leaves the types open."),
                Confidence.PROBABLE,
            ),
        ),
        example="flows/load.py cannot be imported: ValueError: no DATABASE_URL",
    ),
    CodeEntry(
        ErrorCodes.FLOW_IMPORT_TIMEOUT,
        title="Importing a file takes too long",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The file was still being imported after the time limit. Usually it does its work while"
            " it is imported, outside of the flow's function."
        ),
        remedies=(
            Remedy(
                'Move what takes long into the flow, or under `if __name__ == "__main__":`.',
                Confidence.ADVICE,
            ),
            Remedy(
                "Give `--no-import`, which leaves the types of such parameters open.",
                Confidence.PROBABLE,
            ),
        ),
        example="flows/load.py was not imported after 30 s",
    ),
    CodeEntry(
        ErrorCodes.SCAN_PATH_NOT_FOUND,
        title="A path that should be scanned is not there",
        category=ErrorCategory.FLOW_DISCOVERY,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="A path from the command line or from `scan.paths` does not exist.",
        remedies=(
            Remedy(
                "Correct the path; it is relative to the folder of deployment-config.yaml.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="there is no 'flow' in my-flows",
    ),
)
