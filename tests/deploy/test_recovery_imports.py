"""What recovery costs those who need none."""

import subprocess
import sys

ASK = """
import sys
import deployment_system.deploy.transactions, deployment_system.deploy.recovery.catalogue
print(sorted({"docker", "requests", "prefect"} & sys.modules.keys()))
"""


def test_recovery_brings_no_docker_along() -> None:
    """Importing it takes a tenth of a second, which only who reaches an engine pays."""
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
