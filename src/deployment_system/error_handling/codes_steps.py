"""The build and push steps of a prefect.yaml."""

from deployment_system.error_handling.error_codes import (
    CodeEntry,
    Confidence,
    ErrorCategory,
    ErrorCodes,
    ErrorSeverity,
    Remedy,
)

STEP_ENTRIES: tuple[CodeEntry, ...] = (
    CodeEntry(
        ErrorCodes.BUILD_STEP_INVALID,
        title="A build, push or pull step is not written as one",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "A step is one function with its inputs below it. Prefect itself finds out only while it "
            "runs the steps, when earlier ones have had their effects; of a pull step, when a run starts."
        ),
        remedies=(
            Remedy(
                "Write it as docs/configuration.md shows; inputs are indented further than the function.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example=(
            "build[0].image_name stands beside prefect_docker.deployments.steps.build_docker_image; a "
            "step is one function, with its inputs below it"
        ),
    ),
    CodeEntry(
        ErrorCodes.BUILD_STEP_OUTPUT_UNKNOWN,
        title="A reference leads to no output of a step",
        category=ErrorCategory.CONFIGURATION,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "No step that runs before has the id or gives the output that {{ ... }} names. Prefect puts "
            "nothing in its place and deploys; here nothing is deployed."
        ),
        remedies=(
            Remedy(
                "Use the nearest known name that the message gives, or write the value itself.",
                Confidence.PROBABLE,
            ),
        ),
        example=(
            "work_pool.job_variables.image: {{ build-image.imgae }} does not exist: did you mean "
            "{{ build-image.image }}?"
        ),
    ),
    CodeEntry(
        ErrorCodes.BUILD_STEP_OUTPUT_INVALID,
        title="A step gave a value that cannot be kept",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "Outputs of steps are put into deployments and into other steps, so they must be JSON "
            "values: text, numbers, true, false, null, lists, and mappings with text as keys."
        ),
        remedies=(
            Remedy(
                "Let the step's function return text, such as str(path), instead.",
                Confidence.NEEDS_INPUT,
            ),
        ),
        example="the step 'package' gave a PosixPath as its output folder, which JSON cannot hold",
    ),
    CodeEntry(
        ErrorCodes.BUILD_STEP_UNAVAILABLE,
        title="The function of a step cannot be loaded",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The package that the step requires is not installed, or its module has no such function. "
            "Prefect would install what is missing; here nothing is installed behind your back."
        ),
        remedies=(
            Remedy(
                "Install the package that the message names, or correct the function's name.",
                Confidence.PROBABLE,
            ),
        ),
        example="the step 'upload' needs the package prefect-aws, which is not installed here",
    ),
    CodeEntry(
        ErrorCodes.BUILD_STEP_FAILED,
        title="A build or push step failed",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation=(
            "The step's function raised an error, its script ended with another exit status than 0, or "
            "its process was ended. Nothing that comes after it was begun."
        ),
        remedies=(
            Remedy(
                "Read the last lines of its output, and run the same command by hand.",
                Confidence.ADVICE,
            ),
        ),
        example="the step 'commit' (run_shell_script) failed with exit status 128",
    ),
    CodeEntry(
        ErrorCodes.BUILD_STEP_TIMEOUT,
        title="A build or push step took too long",
        category=ErrorCategory.DEPLOYMENT,
        severity=ErrorSeverity.HIGH,
        retryable=False,
        explanation="The step was still running when its time was up; it was ended with all it had started.",
        remedies=(
            Remedy(
                "See in its output what it waits for: a question, a lock, a server that does not answer.",
                Confidence.ADVICE,
            ),
        ),
        example="the step 'push' (run_shell_script) was ended after 600 seconds",
    ),
)
