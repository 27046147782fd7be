"""Writes docs/deployment-config.schema.json from the configuration's models."""

import json
import sys
from pathlib import Path

from deployment_system.config import configuration_schema

FILE = Path(__file__).parent.parent / "docs" / "deployment-config.schema.json"


def schema_text() -> str:
    """The file's content."""
    return json.dumps(configuration_schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text(), encoding="utf-8")
    sys.stdout.write(f"{FILE.relative_to(Path.cwd())}\n" if FILE.is_relative_to(Path.cwd()) else f"{FILE}\n")
