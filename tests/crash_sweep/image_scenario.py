"""One deployment that builds an image, moves a tag to it and pushes both; all of it is looked at."""

from dataclasses import dataclass
from typing import Any

from deployment_system.builders.image_names import CONTENT_LABEL
from tests.crash_sweep.scenario import Scenario
from tests.crash_sweep.server_picture import Picture
from tests.deploy.docker_world import DOCKER_TEMPLATE, Images, registry_tags
from tests.docker_engine import BUSYBOX, PrivateEngine, Registry

DOCKERFILE = f"FROM {BUSYBOX}\nWORKDIR /app\nCOPY flows flows\nRUN echo built > /made\n"
IGNORED = ".prefect-home\n.deployment-system\ndeployment-config.yaml\n"


@dataclass(kw_only=True)
class ImageScenario(Scenario):
    """See `Scenario`. All flows share an image; what is in it changes."""

    engine: PrivateEngine
    registry: Registry

    def __str__(self) -> str:
        return "images"

    @property
    def cost(self) -> int:
        """See `Scenario`."""
        return 2

    @property
    def deletions(self) -> int:
        """See `Scenario`."""
        return 1

    def make_what_is_shared(self) -> None:
        """A work pool for containers."""
        body = {"name": f"{self.prefix}-pool", "type": "docker", "base_job_template": DOCKER_TEMPLATE}
        self.door.ask("POST", "/work_pools/", body)

    def write_before(self) -> None:
        """Two flows."""
        self.workspace.environ["DOCKER_HOST"] = self.engine.url
        for flow in ("timed", "gone"):
            self.workspace.write_flow(flow)
        self.workspace.write("Dockerfile", DOCKERFILE)
        self.workspace.write(".dockerignore", IGNORED)
        schedule = 'schedules: [{cron: "0 5 * * *", slug: daily}]'
        self.workspace.write(
            "deployment-config.yaml",
            f"project: {self.prefix}\n"
            "environments:\n"
            "  development:\n"
            f"    prefect_api_url: {self.proxy.url}\n"
            f"    work_pools: {{docker: {self.prefix}-pool}}\n"
            f"    docker_registry: {self.registry.host}/team\n"
            "flows:\n"
            '  "*": {types: [docker]}\n'
            f"  {self.prefix}-timed: {{{schedule}}}\n"
            f"  {self.prefix}-fresh: {{{schedule}}}\n",
        )

    def change_by_hand(self) -> None:
        """An image and a tag of somebody else."""
        with self.engine.client() as client:
            client.call(lambda docker: docker.tag(BUSYBOX, f"{self.prefix}-theirs", "mine"))

    def write_after(self) -> None:
        """One flow is new, one is gone, one has changed, and with them the image of all."""
        self.workspace.write_flow("timed", docstring="Changed.")
        self.workspace.write_flow("fresh")
        (self.workspace.root / "flows" / "gone.py").unlink()

    def remove(self) -> None:
        """See `Scenario`."""
        super().remove()
        with self.engine.client() as client:
            for name in Images(client, self.prefix).names():
                client.remove(name)

    def look(self) -> Picture:
        """Server, engine and registry."""
        things: dict[str, Any] = dict(super().look().things)
        with self.engine.client() as client:
            _, _, containers = (images := Images(client, self.prefix)).everything()
            for image in images.all():
                content = {"id": image.id, "content": image.labels.get(CONTENT_LABEL)}
                named = [name for name in image.tags if not name.startswith("deployment-system-kept")]
                things |= {f"image name {name}": content for name in named}
                if named or CONTENT_LABEL in image.labels:
                    things[f"image of {content['content'] or named}"] = {"id": image.id}
        things |= {f"container {each}": {} for each in containers}
        for tag, digest in registry_tags(self.registry, f"team/{self.prefix}").items():
            things[f"pushed {self.prefix}:{tag}"] = {"digest": digest}
        return Picture(things)
