"""No secret is in a message, in the outbox, in an event, or in what is told of a channel (P7)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment_system.deploy.deployments import Owner
from deployment_system.deploy.outcome_events import TransactionOutcome, events_of
from deployment_system.error_handling import DockerError, ErrorContext, KnownSecrets
from deployment_system.error_handling.store import open_store
from deployment_system.notifications import Event, Notifier, Route
from deployment_system.notifications.message import message_of
from tests.channels import Webhook, webhook_server
from tests.error_handling.planted_secrets import SECRETS, Planted
from tests.repositories import Repository

TOKENS = {
    "CHAT": "slack://T1A2B3C4D/B5C6D7E8F/hunter2hunter2hunter2hun",
    "MAIL": "mailto://ann:battery-staple@127.0.0.1:9?to=ann@mail.example",
    "HOOK": "json://127.0.0.1:9/correct-horse/?+X-Key=sesame-open",
    "WRONG": "slak://hidden-word-1/hidden-word-2",
}
SECRET_PARTS = (
    *("T1A2B3C4D", "B5C6D7E8F", "hunter2hunter2", "battery-staple", "correct-horse", "sesame-open"),
    *("hidden-word-1", "hidden-word-2"),
)


def tells(content: bytes, secret: str) -> bool:
    """Whether a secret stands in the bytes, also as JSON writes it."""
    return any(form.encode() in content for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]))


@pytest.fixture(scope="module")
def hook() -> Iterator[Webhook]:
    """One web server for all kinds."""
    with webhook_server() as made:
        yield made


@pytest.mark.parametrize("planted", SECRETS, ids=lambda planted: planted.kind)
def test_a_planted_secret_reaches_no_channel(planted: Planted, hook: Webhook, tmp_path: Path) -> None:
    """Not by the message, the place, the remedy or a template; not in the store, and in no event either."""
    context = ErrorContext(file_path=planted.text, deployment_name=planted.text)
    error = DockerError(planted.text, context=context, remediation=[planted.text])
    known = KnownSecrets([])
    message = message_of(Event.FAILED, "shop", "production", [error], known, summary=error.message)
    route = Route("ops", (hook.url,), body="{summary} {message} {errors} {remedy}")
    notifier = Notifier("shop", [route], timeout_seconds=10, known=known)
    hook.received.clear()
    with open_store(tmp_path / "state.db") as store:
        notifier.place(store, message)
        waiting = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert notifier.deliver(store).sent == 1
    events = events_of(TransactionOutcome(Owner("shop", "p"), "deploy", "rolled_back", "1", (), [error]))
    for content in (waiting, json.dumps(hook.received).encode(), json.dumps(events).encode()):
        assert not tells(content, planted.secret), content
    assert hook.received


def test_nothing_of_a_channel_s_url_is_told(tmp_path: Path) -> None:
    """By no command that tries it, in no format, in no file of the state, not in the log."""
    repository = Repository(tmp_path, dict(TOKENS))
    routes = "\n".join(
        f"    {name.lower()}: {{urls: ['${{{name}}}'], events: [failed, invalid]}}" for name in TOKENS
    )
    plain = "    plain: {urls: ['json://ann:battery-staple@127.0.0.1:9/correct-horse']}"
    repository.write(
        "deployment-config.yaml",
        f"notifications:\n  timeout_seconds: 5\n  routes:\n{routes}\n{plain}\n"
        "environments:\n  development: {prefect_api_url: 'http://127.0.0.1:9/api'}\n",
    )
    repository.environ["HTTPS_PROXY"] = repository.environ["HTTP_PROXY"] = "http://127.0.0.1:9"
    repository.environ["NO_PROXY"] = "127.0.0.1"
    log = {"DEPLOYMENT_LOG_FILE": str(tmp_path / "log"), "DEPLOYMENT_LOG_LEVEL": "debug"}
    said = []
    for arguments in (
        ["notify", "list"],
        ["notify", "test", "-v"],
        ["deploy", "-v"],  # no flow: invalid, and told
        ["notify", "test", "-v", "-o", "json"],
        ["deploy", "-v", "-o", "json"],
        ["notify", "deliver", "-v"],
        ["error", "summary", "-o", "json"],
    ):
        finished = repository.run(*arguments, environ=log)
        said.append(" ".join((finished.output + finished.errors).split()))
    assert "could not tell its channel 1 (slack)" in said[1]
    assert "NOTIFICATION_URL_INVALID" in said[1]
    assert "could not tell its channel" in said[2]
    (tmp_path / "deployment-config.yaml").unlink()
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    for content in (*(text.encode() for text in said), *files):
        for secret in SECRET_PARTS:
            assert not tells(content, secret), (secret, content[-3000:])
