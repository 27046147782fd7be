"""What discovery and validation found, for a person."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Only types: `discover` shall not wait for the rooms that deploy.
    from deployment_system.deploy.assess import Assessment
    from deployment_system.discovery import Discovery


def discovery_text(found: "Discovery") -> str:
    """A line a flow, then what cannot be deployed."""
    width = max((len(flow.name) for flow in found.flows), default=0)
    lines = [f"{flow.name:<{width}}  {flow.file}:{flow.line}" for flow in found.flows]
    for item in found.not_deployable:
        lines.append(f"not deployable: {item.name} ({item.file}:{item.line}): {item.reason}")
    lines.append(
        f"{len(found.flows)} flow(s) in {found.files_scanned} Python file(s), "
        f"{len(found.errors)} error(s), {found.seconds:.2f} s"
    )
    return "\n".join(lines)


def validation_text(report: "Assessment", environment: str) -> str:
    """The flows with what is wrong, and a summary."""
    invalid = report.invalid_flows
    width = max((len(flow.name) for flow in report.flows), default=0)
    lines = []
    for flow in report.flows:
        wrong = flow.name in invalid or flow.file in report.unreadable
        lines.append(f"{'✗' if wrong else '✓'} {flow.name:<{width}}  {flow.file}")
    verdict = "valid" if report.valid else "invalid"
    lines.append(
        f"environment {environment}: {verdict}; {len(report.flows)} flow(s), "
        f"{len(report.errors)} error(s), {len(report.warnings)} warning(s)"
    )
    return "\n".join(lines)
