"""Which Prefect server is meant, and how to log in there."""

from pathlib import Path

import pytest

from deployment_system.config import Environment, resolve_server, same_server
from deployment_system.config.server import profiles_file
from deployment_system.error_handling import ErrorCodes, ErrorContext

PROFILES = """\
active = "team"
[profiles.team]
PREFECT_API_URL = "http://team:4200/api"
PREFECT_API_KEY = "team-key"
[profiles.other]
PREFECT_API_URL = "http://other:4200/api"
"""


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """A profiles.toml as Prefect writes it."""
    file = tmp_path / "profiles.toml"
    file.write_text(PROFILES)
    return file


def test_the_configuration_wins_over_the_variable_over_the_profile(profiles: Path) -> None:
    """And without any of them it is Prefect's usual local address."""
    configured = Environment(prefect_api_url="http://configured/api", prefect_api_key="configured-key")
    environ = {"PREFECT_API_URL": "http://shell/api/", "PREFECT_API_KEY": "shell-key"}
    choice = resolve_server(configured, environ, profiles)
    assert (choice.url, choice.api_key, choice.origin) == (
        "http://configured/api",
        "configured-key",
        "configuration",
    )
    choice = resolve_server(Environment(), environ, profiles)
    assert (choice.url, choice.api_key) == ("http://shell/api", "shell-key")
    assert choice.origin == "environment variable PREFECT_API_URL"
    choice = resolve_server(Environment(), {}, profiles)
    assert (choice.url, choice.api_key, choice.origin) == (
        "http://team:4200/api",
        "team-key",
        "Prefect profile team",
    )
    choice = resolve_server(Environment(), {}, profiles.with_name("none.toml"))
    assert (choice.url, choice.api_key, choice.origin) == ("http://127.0.0.1:4200/api", None, "default")


def test_the_shell_can_choose_another_profile(profiles: Path) -> None:
    """PREFECT_PROFILE, as Prefect itself reads it."""
    choice = resolve_server(Environment(), {"PREFECT_PROFILE": "other"}, profiles)
    assert choice.origin == "Prefect profile other"
    assert resolve_server(Environment(), {"PREFECT_PROFILE": "nobody"}, profiles).origin == "default"


def test_a_key_is_not_sent_to_a_server_that_another_source_names(profiles: Path) -> None:
    """The profile's key belongs to the profile's server, and to nobody else."""
    configured = Environment(prefect_api_url="http://configured/api")
    assert resolve_server(configured, {}, profiles).api_key is None
    same = Environment(prefect_api_url="http://team:4200/api/")
    assert resolve_server(same, {}, profiles).api_key == "team-key"
    shell = {"PREFECT_API_URL": "http://shell/api", "PREFECT_API_KEY": "k", "PREFECT_API_AUTH_STRING": "a:b"}
    choice = resolve_server(configured, shell, profiles)
    assert (choice.api_key, choice.auth_string) == (None, None)
    alone = {"PREFECT_API_KEY": "k", "PREFECT_API_AUTH_STRING": "a:b"}
    choice = resolve_server(configured, alone, profiles)
    assert (choice.api_key, choice.auth_string) == ("k", "a:b")


def test_basic_authentication_comes_from_the_shell_or_the_profile(profiles: Path) -> None:
    """For servers with PREFECT_SERVER_API_AUTH_STRING."""
    choice = resolve_server(Environment(), {"PREFECT_API_AUTH_STRING": "admin:pass"}, profiles)
    assert choice.auth_string == "admin:pass"


def test_secrets_are_not_in_the_representation(profiles: Path) -> None:
    """Choices end up in logs."""
    choice = resolve_server(
        Environment(prefect_api_key="k3y"), {"PREFECT_API_AUTH_STRING": "a:p4ss"}, profiles
    )
    assert "k3y" not in repr(choice)
    assert "p4ss" not in repr(choice)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://127.0.0.1:4200/api", "http://localhost:4200/api/", True),
        ("http://[::1]:4200/api", "http://localhost:4200/api", True),
        ("http://0.0.0.0:4200/api", "http://127.0.0.1:4200/api", True),
        ("https://H.example.com/api", "https://h.example.com:443/api", True),
        ("http://h/api", "https://h/api", False),
        ("http://h:1/api", "http://h:2/api", False),
        ("http://h/api", "http://h/other/api", False),
        ("http://127.0.0.1:4200/api", "http://192.168.0.1:4200/api", False),
    ],
)
def test_the_same_server_may_be_written_in_several_ways(one: str, other: str, same: bool) -> None:
    """The slash at the end, the usual port, the names of this machine."""
    assert same_server(one, other) is same
    assert same_server(other, one) is same


def test_a_shell_that_names_another_server_is_a_warning(tmp_path: Path) -> None:
    """With both named, at the place of the configuration's."""
    place = ErrorContext(file_path="deployment-config.yaml", line_number=3)
    configured = Environment(prefect_api_url="http://configured/api")
    environ = {"PREFECT_API_URL": "http://user:hush@shell/api"}
    [warning] = resolve_server(configured, environ, tmp_path / "none", place).warnings
    assert warning.error_code is ErrorCodes.SERVER_URL_DIFFERS
    assert "http://configured/api" in warning.message
    assert "shell/api" in warning.message
    assert "hush" not in warning.message
    assert warning.context.line_number == 3
    same = {"PREFECT_API_URL": "http://configured/api/"}
    assert resolve_server(configured, same, tmp_path / "none").warnings == ()


def test_a_url_without_api_at_its_end_gets_a_hint(tmp_path: Path) -> None:
    """The most frequent mistake; Prefect Cloud's URLs end otherwise."""
    [hint] = resolve_server(Environment(prefect_api_url="http://h:4200"), {}, tmp_path / "none").warnings
    assert "http://h:4200/api" in hint.remediation[0]
    cloud = Environment(prefect_api_url="https://api.prefect.cloud/api/accounts/1/workspaces/2")
    assert resolve_server(cloud, {}, tmp_path / "none").warnings == ()


def test_a_variable_that_is_no_url_is_an_error_that_names_it(tmp_path: Path) -> None:
    """Nothing can be sent there."""
    [error] = resolve_server(Environment(), {"PREFECT_API_URL": "nonsense"}, tmp_path / "none").errors
    assert error.error_code is ErrorCodes.SERVER_URL_INVALID
    assert "PREFECT_API_URL" in error.message


@pytest.mark.parametrize("content", [b"active = ", b"\xff\xfe", b"active = 5\nprofiles = 3\n"])
def test_damaged_profiles_do_not_stop_a_deployment(content: bytes, tmp_path: Path) -> None:
    """They are Prefect's; where they cannot be read, that is said."""
    file = tmp_path / "profiles.toml"
    file.write_bytes(content)
    choice = resolve_server(Environment(), {}, file)
    assert choice.origin == "default"
    assert len(choice.warnings) == (0 if b"profiles" in content else 1)


def test_profiles_are_looked_for_where_prefect_keeps_them() -> None:
    """PREFECT_PROFILES_PATH, PREFECT_HOME, ~/.prefect."""
    assert profiles_file({"PREFECT_PROFILES_PATH": "/p/x.toml"}) == Path("/p/x.toml")
    assert profiles_file({"PREFECT_HOME": "/h"}) == Path("/h/profiles.toml")
    assert profiles_file({}) == Path.home() / ".prefect" / "profiles.toml"
