"""Sends the newsletter to those who asked for it."""

from typing import Literal

from prefect import flow, task


@task
def compose(edition: Literal["short", "long"]) -> str:
    return "News in brief" if edition == "short" else "News at length"


@flow(log_prints=True)
def send_newsletter(edition: Literal["short", "long"] = "short", recipients: int = 10) -> int:
    """Compose one edition and hand it to the mail server, which is made of paper here."""
    text = compose(edition)
    print(f"{text}: sent to {recipients} readers")
    return recipients
