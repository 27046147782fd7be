"""What discovery and validation found, for a person."""

from typing import TYPE_CHECKING

from deployment_system.error_handling.counted import counted

if TYPE_CHECKING:
    # Only types: `discover` shall not wait for the rooms that deploy.
    from deployment_system.deploy.assess import Assessment
    from deployment_system.discovery import Discovery, Flow


def discovery_text(found: "Discovery") -> str:
    """A line a flow, then what cannot be deployed."""
    width = max((len(flow.name) for flow in found.flows), default=0)
    lines = [f"{flow.name:<{width}}  {flow.file}:{flow.line}" for flow in found.flows]
    for item in found.not_deployable:
        lines.append(f"not deployable: {item.name} ({item.file}:{item.line}): {item.reason}")
    lines.append(
        f"{counted(len(found.flows), 'flow')} in {counted(found.files_scanned, 'Python file')}, "
        f"{counted(len(found.errors), 'error')}, {found.seconds:.2f} s"
    )
    return "\n".join(lines)


def validation_text(report: "Assessment", environment: str) -> str:
    """The flows with what is wrong, and a summary."""
    width = max((len(flow.name) for flow in report.flows), default=0)
    lines = []
    for flow in report.flows:
        wrong = flow.name in report.invalid_flows or flow.file in report.unreadable
        sign, count = ("✗", f": {_number_of_errors(report, flow)}") if wrong else ("✓", "")
        lines.append(f"{sign} {flow.name:<{width}}  {flow.file}{count}")
    verdict = "valid" if report.valid else "invalid"
    lines.append(
        f"environment {environment}: {verdict}; {counted(len(report.flows), 'flow')}, "
        f"{counted(len(report.errors), 'error')}, {counted(len(report.warnings), 'warning')}"
    )
    return "\n".join(lines)


def _number_of_errors(report: "Assessment", flow: "Flow") -> str:
    """Of a flow that is invalid: in words, which a sign and a colour alone are not for everybody."""
    count = 0
    for error in report.errors:
        context = error.context
        file = context.extra.get("flow_file") or context.file_path
        count += context.flow_name == flow.name or (context.flow_name is None and file == flow.file)
    return counted(max(1, count), "error")
