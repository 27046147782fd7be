"""An image registry over HTTP: what a tag points to, putting an older manifest back, removing one.

As the OCI distribution specification says. Plain http goes to the loopback interface alone, as engines do it.
"""

import base64
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from deployment_system.builders.image_names import DEFAULT_REGISTRY
from deployment_system.builders.registry_credentials import RegistryCredentials
from deployment_system.error_handling import (
    DockerError,
    ErrorCodes,
    ErrorContext,
    RetryPolicies,
    RetryPolicy,
)
from deployment_system.error_handling.closing import Closing
from deployment_system.error_handling.collected import RetryWatch, watched_handler

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Both families, of one platform and of several. Without them a registry converts what it has to an old form,
with another digest."""

DEFAULT_TIMEOUT_SECONDS = 30.0
LARGEST_MANIFEST = 4 * 1024 * 1024
"""Bytes; what the specification asks registries to take at least."""

_HUB_HOST = "registry-1.docker.io"
_CHALLENGE_PART = re.compile(r'(\w+)="([^"]*)"')
_REFUSED_AUTHORIZATION = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_NO_DELETION = (httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.NOT_IMPLEMENTED)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a tag points to, byte for byte: its digest is that of these bytes."""

    digest: str
    media_type: str
    content: bytes

    @property
    def image_id(self) -> str | None:
        """The id that the image has in an engine; None for an index of several platforms."""
        try:
            config = json.loads(self.content).get("config") or {}
        except (ValueError, AttributeError):
            return None
        return config.get("digest")


class Registry(Closing):
    """A registry. Close it, or use it in a `with` block. Methods raise DockerError with
    DOCKER_REGISTRY_UNAVAILABLE, _UNAUTHORIZED or _REFUSED. No message holds a credential."""

    def __init__(
        self,
        host: str,
        credentials: RegistryCredentials | None = None,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        retry_policy: RetryPolicy = RetryPolicies.DOCKER_RETRY,
        watch: RetryWatch | None = None,
    ) -> None:
        self.host = host
        self._credentials = credentials
        self._retry = watched_handler(retry_policy, watch)
        self._tokens: dict[str, str] = {}
        self._client = httpx.Client(
            base_url=registry_url(host), timeout=timeout_seconds, follow_redirects=True, trust_env=True
        )

    def close(self) -> None:
        """Gives the connections up."""
        self._client.close()

    def ping(self) -> None:
        """Returns if the registry answers and takes the credentials."""
        self._checked(self._asked("GET", "/v2/", "registry:catalog:*"), "ask the registry")

    def digest(self, repository: str, reference: str) -> str | None:
        """The digest of a tag; None: there is no such tag."""
        answer = self._manifest_request("HEAD", repository, reference)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        self._checked(answer, "read", repository)
        if digest := answer.headers.get("Docker-Content-Digest"):
            return str(digest)
        manifest = self.manifest(repository, reference)
        return None if manifest is None else manifest.digest

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """What a tag or a digest points to; None: there is nothing."""
        answer = self._manifest_request("GET", repository, reference)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        self._checked(answer, "read", repository)
        content = answer.content
        return Manifest(_digest_of(content), answer.headers.get("Content-Type", ""), content)

    def put_manifest(self, repository: str, tag: str, manifest: Manifest) -> None:
        """Lets a tag point to a manifest whose layers the registry has."""
        answer = self._manifest_request("PUT", repository, tag, manifest)
        self._checked(answer, "write", repository)

    def delete_manifest(self, repository: str, reference: str) -> bool:
        """Removes a tag, or a digest with all its tags. False: the registry does not allow it. Nothing there:
        nothing to do."""
        answer = self._manifest_request("DELETE", repository, reference)
        if answer.status_code in _NO_DELETION:
            return False
        if answer.status_code != httpx.codes.NOT_FOUND:
            self._checked(answer, "delete", repository)
        return True

    def remove_tag(self, repository: str, tag: str) -> bool:
        """Removes one tag, and no other one of the same digest. False: the registry does not allow it.

        Most registries remove digests only, which takes every tag of theirs away. So the tag is first pointed
        to a copy that differs by a line's end, and that copy is removed.
        """
        manifest = self.manifest(repository, tag)
        if manifest is None:
            return True
        copy = manifest.content + b"\n"
        twin = Manifest(_digest_of(copy), manifest.media_type, copy)
        if not self._deletes(repository):
            return False
        self.put_manifest(repository, tag, twin)
        return self.delete_manifest(repository, twin.digest)

    # --- inside

    def _deletes(self, repository: str) -> bool:
        """Whether the registry removes manifests, asked with a digest that nothing has."""
        return self.delete_manifest(repository, f"sha256:{'0' * 64}")

    def _manifest_request(
        self, method: str, repository: str, reference: str, manifest: Manifest | None = None
    ) -> httpx.Response:
        actions = {"PUT": "pull,push", "DELETE": "pull,push,delete"}.get(method, "pull")
        return self._asked(
            method,
            f"/v2/{repository}/manifests/{reference}",
            f"repository:{repository}:{actions}",
            content=None if manifest is None else manifest.content,
            headers={"Content-Type": manifest.media_type}
            if manifest is not None
            else {"Accept": ", ".join(MANIFEST_TYPES)},
        )

    def _asked(
        self,
        method: str,
        path: str,
        scope: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer, after the credentials were given where the registry asks for them. Again while the
        registry is out of order: every request here is safe to repeat."""

        def once() -> httpx.Response:
            answer = self._sent(method, path, scope, content, headers)
            if httpx.codes.is_server_error(answer.status_code) and answer.status_code not in _NO_DELETION:
                raise self._error(answer, ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE, "ask the registry")
            return answer

        return self._retry.retry(once)

    def _sent(
        self, method: str, path: str, scope: str, content: bytes | None, headers: Mapping[str, str] | None
    ) -> httpx.Response:
        def send() -> httpx.Response:
            token = self._tokens.get(scope)
            authorization = {"Authorization": token} if token else {}
            return self._client.request(
                method, path, content=content, headers={**(headers or {}), **authorization}
            )

        try:
            answer = send()
            if answer.status_code == httpx.codes.UNAUTHORIZED and self._authorize(answer, scope):
                answer = send()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error
        return answer

    def _authorize(self, answer: httpx.Response, scope: str) -> bool:
        """Answers the registry's challenge; whether it is worth asking again."""
        challenge = answer.headers.get("WWW-Authenticate", "")
        kind = challenge.partition(" ")[0].lower()
        if kind == "basic" and self._credentials is not None and scope not in self._tokens:
            self._tokens[scope] = _basic(self._credentials)
            return True
        if kind == "bearer":
            token = self._bearer_token(dict(_CHALLENGE_PART.findall(challenge)), scope)
            if token is not None:
                self._tokens[scope] = f"Bearer {token}"
                return True
        return False

    def _bearer_token(self, challenge: Mapping[str, str], scope: str) -> str | None:
        realm = challenge.get("realm", "")
        if not (realm.startswith("https://") or is_loopback(httpx.URL(realm).host)):
            return None  # credentials do not go over the network in plain text
        query = {"service": challenge.get("service", ""), "scope": challenge.get("scope") or scope}
        known = self._credentials
        if known is not None and known.identity_token:
            form = {**query, "grant_type": "refresh_token", "refresh_token": known.identity_token}
            answer = self._client.post(realm, data={**form, "client_id": "deployment-system"})
        else:
            headers = {"Authorization": _basic(known)} if known is not None else {}
            answer = self._client.get(realm, params=query, headers=headers)
        try:
            body: Any = answer.json() if answer.is_success else {}
        except ValueError:
            return None
        token = body.get("token") or body.get("access_token")
        return str(token) if token else None

    def _checked(self, answer: httpx.Response, doing: str, repository: str = "") -> None:
        if answer.status_code in _REFUSED_AUTHORIZATION:
            raise self._error(
                answer, ErrorCodes.DOCKER_REGISTRY_UNAUTHORIZED, f"{doing} {repository}".strip()
            )
        if not answer.is_success:
            raise self._error(answer, ErrorCodes.DOCKER_REGISTRY_REFUSED, f"{doing} {repository}".strip())

    def _error(self, answer: httpx.Response, code: ErrorCodes, doing: str) -> DockerError:
        request = f"{answer.request.method} {answer.request.url.path}"
        detail = _detail(answer)
        if code is ErrorCodes.DOCKER_REGISTRY_UNAUTHORIZED:
            given = "refused the credentials" if self._credentials is not None else "wants credentials"
            message = f"the registry {self.host} {given} to {doing}"
        else:
            message = f"the registry {self.host} answered {answer.status_code} to {request}"
        return DockerError(
            message + (f": {detail}" if detail else ""),
            error_code=code,
            context=ErrorContext(
                operation=doing, registry=self.host, status=answer.status_code, request=request
            ),
        )

    def _unreachable(self, error: httpx.HTTPError | httpx.InvalidURL) -> DockerError:
        from deployment_system.builders import translate  # brings docker-py, which what goes well can spare

        timeout = isinstance(error, httpx.TimeoutException)
        what = "did not answer in time" if timeout else "cannot be reached"
        passing = isinstance(error, httpx.TransportError)
        return DockerError(
            f"the registry {self.host} {what}: {translate.one_line(str(error)) or type(error).__name__}",
            error_code=ErrorCodes.DOCKER_REGISTRY_UNAVAILABLE,
            context=ErrorContext(operation="ask the registry", registry=self.host),
            cause=error,
            retryable=passing,
        )


def registry_url(host: str) -> str:
    """Where a registry's API is: https, and plain http on the loopback interface."""
    if host == DEFAULT_REGISTRY:
        host = _HUB_HOST
    name = httpx.URL(f"https://{host}").host
    return f"{'http' if is_loopback(name) else 'https'}://{host}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _basic(credentials: RegistryCredentials) -> str:
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


def _digest_of(content: bytes) -> str:
    import hashlib

    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _detail(answer: httpx.Response) -> str:
    """What the registry says, in the form of the specification."""
    from deployment_system.builders import translate  # as above

    try:
        errors = answer.json().get("errors") or []
        return translate.one_line("; ".join(f"{one.get('message') or one.get('code')}" for one in errors))
    except (ValueError, AttributeError, TypeError):
        return ""
