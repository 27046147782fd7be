"""URLs of notification channels: what opens them is in no output, a variable that is not set is no error."""

import json
from pathlib import Path

import pytest

from deployment_system.config import LoadedConfiguration, load_configuration
from deployment_system.config.notifications import NotificationRoute

ROUTES = "notifications:\n  routes:\n    ops:\n      urls:\n        - {url}\n"


def load(folder: Path, text: str, **environ: str) -> LoadedConfiguration:
    """Loads a file of that content."""
    (folder / "deployment-config.yaml").write_text(text)
    return load_configuration(folder, environ=environ)


def route(loaded: LoadedConfiguration) -> NotificationRoute:
    """The only one."""
    assert loaded.configuration is not None, loaded.errors
    return loaded.configuration.notifications.routes["ops"]


@pytest.mark.parametrize(
    ("url", "is_told"),
    [
        ("slack://T1A2/B3C4/hunter2x", True),
        ("https://discord.com/api/webhooks/1/hunter2x", True),
        ("mailto://ann:hunter2x@mail.example", True),
        ("jsons://host/?access_token=hunter2x", True),
        ("mailto://${USER_NAME}:hunter2x@mail.example", True),
        ("json://127.0.0.1:8080/hook", False),
        ("mailto://mail.example?to=ann@mail.example", False),
        ("mailto://${USER_NAME}:${MAIL_PASSWORD}@mail.example", False),
        ('"${CHANNEL}"', False),
        ("slack://${TOKENS}", False),
    ],
)
def test_a_secret_in_the_file_is_a_warning_that_does_not_tell_it(
    url: str, is_told: bool, tmp_path: Path
) -> None:
    """Whatever the service: in most of these URLs all is secret."""
    environ = dict.fromkeys(("USER_NAME", "MAIL_PASSWORD", "CHANNEL", "TOKENS"), "x" * 9)
    loaded = load(tmp_path, ROUTES.format(url=url), **environ)
    told = [str(warning.error_code) for warning in loaded.warnings]
    assert told == (["CONFIG_SECRET_IN_FILE"] if is_told else [])
    assert "hunter2" not in json.dumps([warning.to_dict() for warning in loaded.warnings])
    assert "hunter2" not in repr(route(loaded))


@pytest.mark.parametrize(
    "wrong",
    ["      title: '{x}'\n", "      evnts: []\n", "      title: [\n", "nonsense: 1\n", "\tx: 1\n"],
)
def test_an_error_beside_a_url_does_not_show_it(wrong: str, tmp_path: Path) -> None:
    """The lines around an error are shown, those with the URL as well."""
    for url in ("slack://T1A2/B3C4/hunter2x", "https://discord.com/api/webhooks/1/hunter2x", "hunter2x"):
        loaded = load(tmp_path, ROUTES.format(url=url) + wrong)
        told = json.dumps([error.to_dict() for error in loaded.errors])
        assert loaded.errors
        if not url.startswith("slack") and wrong in ("      title: [\n", "\tx: 1\n"):
            continue  # no YAML: nobody knows what is the URL of a channel
        assert "hunter2" not in told, told


def test_a_variable_that_is_not_set_is_a_warning_where_the_route_is_for_the_environment(
    tmp_path: Path,
) -> None:
    """A laptop deploys to development without the secrets of production."""
    text = ROUTES.format(url='"${CHANNEL}"')
    loaded = load(tmp_path, text)
    [warning] = loaded.warnings
    assert str(warning.error_code) == "CONFIG_VARIABLE_NOT_SET"
    assert "'ops' is not used here" in warning.message
    assert load(tmp_path, text + "      environments: [production]\n").warnings == ()
    assert load(tmp_path, text, CHANNEL="slack://a/b/c").warnings == ()


def test_one_url_needs_no_list(tmp_path: Path) -> None:
    """`urls: json://…`."""
    loaded = load(tmp_path, "notifications: {routes: {ops: {urls: 'json://h/a'}}}\n")
    assert route(loaded).urls == ("json://h/a",)
