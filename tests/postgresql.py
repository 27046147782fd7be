"""A private PostgreSQL cluster for the whole session."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

APT_INSTALL = Path(__file__).resolve().parents[1] / "scripts" / "apt-install"


def programs() -> Path | None:
    """The folder of PostgreSQL's own programs, the newest version; None: not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


def installed_programs() -> Path:
    """As `programs`, after an attempt to install them; skips where that is not possible."""
    found = programs()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run([str(APT_INSTALL), "postgresql"], check=False, capture_output=True)
        found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed and cannot be: apt-get install postgresql, as root")
    return found


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[str]:
    """The address of a cluster of our own, without a network: `{}` stands for the database's name."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    data = folder / "data"
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    tools = installed_programs()
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    name = user or pwd.getpwuid(os.geteuid()).pw_name

    def run(*command: str) -> None:
        # The log is the server's standard output too: a pipe would stay open as long as it runs.
        with (folder.parent / f"{folder.name}.out").open("w") as output:
            subprocess.run(
                [str(tools / command[0]), *command[1:]],
                user=user,
                check=True,
                cwd="/",
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=120,
            )

    try:
        run("initdb", "-D", str(data), "-A", "trust", "-U", name, "-E", "UTF8", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c max_connections=50"
        run("pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-w", "-o", options, "start")
        yield f"postgresql:///{{}}?host={folder}&user={name}"
    finally:
        if (data / "postmaster.pid").exists():
            run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
        (folder.parent / f"{folder.name}.out").unlink(missing_ok=True)


@pytest.fixture
def postgresql_url(postgresql_cluster: str) -> Iterator[str]:
    """The address of an empty database."""
    import psycopg

    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgresql_cluster.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgresql_cluster.format(name)
    with psycopg.connect(postgresql_cluster.format("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
