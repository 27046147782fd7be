"""Writes monitoring/rules.yml and dashboard.json, and the tables in docs/monitoring.md (`make reference`)."""

from pathlib import Path

from deployment_system.monitoring.alerts import ALERTS, rules_text
from deployment_system.monitoring.dashboard import dashboard_text
from deployment_system.monitoring.metrics import METRICS

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "monitoring.md"


def metrics_table() -> str:
    """A line for each metric."""
    head = "| metric | labels | meaning |\n| --- | --- | --- |\n"
    lines = (
        f"| `{metric.name}` | {', '.join(map('`{}`'.format, metric.labels)) or 'none'} | {metric.help} |"
        for metric in METRICS
    )
    return head + "\n".join(lines)


def alerts_table() -> str:
    """A line for each alert."""
    head = "| alert | severity | what it says | page |\n| --- | --- | --- | --- |\n"
    lines = []
    for alert in ALERTS:
        said = alert.summary.replace("{{ $value }}", "N")
        for label in ("environment", "code", "service", "plan"):
            said = said.replace(f"{{{{ $labels.{label} }}}}", f"*{label}*")
        page = "of its code" if alert.code_label else f"[{alert.code}](errors/README.md#{alert.code.lower()})"
        lines.append(f"| `{alert.name}` | {alert.severity} | {said} | {page} |")
    return head + "\n".join(lines)


def files() -> dict[Path, str]:
    """What is written, by its file."""
    return {
        PROJECT / "monitoring" / "rules.yml": rules_text(),
        PROJECT / "monitoring" / "dashboard.json": dashboard_text(),
        PAGE: page(),
    }


def page() -> str:
    """The page with its tables as they are now."""
    text = PAGE.read_text(encoding="utf-8")
    for mark, table in (("metrics", metrics_table()), ("alerts", alerts_table())):
        before, _, rest = text.partition(f"<!-- {mark} -->\n")
        _, end, after = rest.partition(f"<!-- end of {mark} -->")
        text = f"{before}<!-- {mark} -->\n{table}\n{end}{after}"
    return text


if __name__ == "__main__":
    for file, content in files().items():
        file.write_text(content, encoding="utf-8")
