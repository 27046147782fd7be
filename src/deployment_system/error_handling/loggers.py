"""The loggers of this system, all below one name.

Who has not set up logging is not talked to: without a handler anywhere Python would print every warning to
standard error, where commands and programs say what is theirs.
"""

import logging

ROOT_LOGGER = "deployment_system"
logging.getLogger(ROOT_LOGGER).addHandler(logging.NullHandler())


def logger_of(module: str) -> logging.Logger:
    """The logger of a module of this system."""
    return logging.getLogger(module)
