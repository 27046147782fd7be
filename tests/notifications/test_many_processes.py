"""Processes that tell the same at the same moment: on both databases each is told or counted, and each
message is sent by one of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployment_system.error_handling.store import open_store
from tests.channels import Webhook

PROCESSES = 6
EACH = 5
TELLING = """
import sys
from deployment_system.error_handling import DockerError, KnownSecrets
from deployment_system.error_handling.store import open_store
from deployment_system.notifications import Event, Notifier, Route
from deployment_system.notifications.message import message_of

store_url, hook, each = sys.argv[1:]
nothing = KnownSecrets([])
notifier = Notifier("shop", [Route("ops", (hook,))], timeout_seconds=30, known=nothing)
sys.stdin.readline()  # all of them at once
with open_store(store_url, patience_seconds=60) as store:
    for _ in range(int(each)):
        notifier.place(store, message_of(Event.FAILED, "shop", "production", [DockerError("x")], nothing))
        failed = notifier.deliver(store).errors
        assert not failed, failed
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that all of them share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    return str(request.getfixturevalue("postgresql_url"))


def test_each_is_told_or_counted_and_sent_once(store_url: str, webhook: Webhook) -> None:
    """One message arrives, and all others are in its count."""
    open_store(store_url).close()
    command = [sys.executable, "-c", TELLING, store_url, webhook.url, str(EACH)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
        for _ in range(PROCESSES)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert len(webhook.received) == 1
    with open_store(store_url) as store:
        [counted] = store.notes.all("notifications/repeats/shop").values()
        assert store.notes.all("notifications/outbox/shop") == {}
    assert counted["count"] == PROCESSES * EACH - 1, json.dumps(counted)
