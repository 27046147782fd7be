"""The commented configuration that `init` writes."""

import json
import re

_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_WORDS_OF_YAML = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")


def initial_configuration(project: str) -> str:
    """The text of a deployment-config.yaml for a project of that name, in which every default stands
    with its explanation."""
    plain = _PLAIN_NAME.fullmatch(project) and project.lower() not in _WORDS_OF_YAML
    name = project if plain else json.dumps(project.replace("$", "$$"), ensure_ascii=True)
    return INITIAL_CONFIGURATION.replace("my-flows", name, 1)


INITIAL_CONFIGURATION = """\
# What deployment-cli deploys, and where to. Every key may be left out.
# Values may refer to environment variables: ${NAME}, or ${NAME:-default}; $$ is a dollar sign.

project: my-flows # owner of what is deployed; only deployments of this project are ever removed

default_environment: development # active without --env and DEPLOYMENT_ENV

state_url: null # null: .deployment-system/ beside this file; or sqlite:///PATH or postgresql://USER@HOST/DATABASE
error_retention_days: 90 # how long `deployment-cli error` remembers

scan:
  # paths: [flows] # default: flows/ if there is one, else the whole repository
  exclude: ["**/tests/**", "**/test_*.py"] # in addition to what git and Prefect ignore

environments:
  development:
    prefect_api_url: "${PREFECT_API_URL:-http://127.0.0.1:4200/api}"
    prefect_api_key: "${PREFECT_API_KEY:-}"
    request_timeout_seconds: 30 # how long the server may take for one answer
    outage_patience_seconds: 60 # how long a rollback waits for a server that went away in the middle
    protected: false # true: every change asks, and --yes must be given together with --env
    work_pools: {python: default-pool, docker: docker-pool}
    default_parameters: {} # given to the flows that have such a parameter
    default_tags: [env:development]
    job_variables: {} # of every deployment, as the work pool knows them
    source: {local: true} # worker and repository share a file system

  # One more environment. Its variables are needed only when it is the active one.
  # production:
  #   prefect_api_url: "${PRODUCTION_PREFECT_API_URL}"
  #   prefect_api_key: "${PRODUCTION_PREFECT_API_KEY}"
  #   protected: true
  #   work_pools: {python: production-pool}
  #   default_tags: [env:production]
  #   source: {git: {url: "https://git.example.com/team/flows.git", ref: main}} # the worker clones it
  #   docker_registry: registry.example.com/team # images are pushed to it; this and the rest is of containers
  #   docker_host: unix:///var/run/docker.sock # the engine that builds; default: DOCKER_HOST, else this
  #   image: # docs/containers.md says more
  #     base: python:3.12-slim # what generated Dockerfiles start from; default: Prefect's own image
  #     context: . # the folder that is sent to the engine
  #     target: runtime # stage to build; default: the last one
  #     platform: linux/amd64 # default: the engine's
  #     build_args: {CHANNEL: stable} # values of ARG; no place for secrets
  #     secrets: {index-token: {env: INDEX_TOKEN}} # or {file: PATH}; needs BuildKit
  #     network: host # of the commands while building; default: the engine's
  #   image_pull_policy: IfNotPresent # the default; or Always, or Never
  #   resource_limits: {memory: 512Mi, cpu: 0.5}
  #   networks: []
  #   volumes: []

prefect_events: true # the server is told what came of a deployment: automations can act on it

# Who is told what came of a command; docs/notifications.md says more. `deployment-cli notify test` tries it.
notifications:
  # timeout_seconds: 10 # for all channels together, at the end of a command
  # routes:
  #   operations:
  #     urls: ["${OPERATIONS_CHANNEL}"] # as Apprise takes them: mailtos://…, slack://…, msteams://…
  #     events: [rolled_back, rollback_incomplete, unfinished, failed] # default: all but deployed and locked
  #     minimum_severity: medium
  #     categories: [] # default: all
  #     codes: [] # default: all
  #     environments: [] # default: all
  #     cool_down_seconds: 3600 # the same is told once in this time, with a count
  #     quiet_hours: {start: "22:00", end: "07:00", timezone: Europe/London, let_through: critical}
  #     title: "{project}, {environment}: {outcome}"
  #     body: "{summary} {errors}"

# By flow name; * ? [abc] are wildcards. The most specific name wins, key by key.
flows:
  # nightly-load:
  #   types: [python] # default: python, and docker where the flow has a Dockerfile
  #   environments: [production] # default: all
  #   schedules:
  #     - {cron: "0 5 * * *", timezone: Europe/London, slug: nightly}
  #     - {interval: 3600, slug: hourly, active: false}
  #   parameters: {limit: 100}
  #   tags: [load]
  #   description: Loads what the night brought # default: the flow's docstring
  #   version: "1.0"
  #   concurrency_limit: 1
  #   work_pool: another-pool # default: the environment's
  #   job_variables: {}
  #   dockerfile: Dockerfile # default: the nearest above the flow's file
  #   image: {target: load} # over the environment's, key by key
  #   deployment_name: "{flow}-{type}-{environment}" # the default
  #   overrides: # any of these keys again, by environment
  #     production: {parameters: {limit: 5000}}
"""
