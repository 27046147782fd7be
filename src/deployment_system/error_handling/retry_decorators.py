"""Functions of which every call is retried."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar, overload

from deployment_system.error_handling.retry_handler import RetryHandler
from deployment_system.error_handling.retry_policy import RetryPolicies, RetryPolicy

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@overload
def with_retry(policy: Callable[Arguments, Result], /) -> Callable[Arguments, Result]: ...


@overload
def with_retry(
    policy: RetryPolicy | RetryHandler = RetryPolicies.STANDARD_RETRY,
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]: ...


def with_retry(
    policy: RetryPolicy | RetryHandler | Callable[..., Any] = RetryPolicies.STANDARD_RETRY,
) -> Any:
    """Decorator: every call is retried as the policy says; bare, as the standard policy says. A handler
    instead of a policy brings its budget, breaker and hooks."""
    if not isinstance(policy, RetryPolicy | RetryHandler):
        return with_retry()(policy)
    handler = RetryHandler(policy) if isinstance(policy, RetryPolicy) else policy

    def decorate(fn: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        if inspect.iscoroutinefunction(fn):
            # Its call never fails, only the awaiting does: nothing would ever be retried.
            raise TypeError(f"{fn.__qualname__} is awaited: use with_async_retry")

        @functools.wraps(fn)
        def retried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            return handler.retry(fn, *args, **kwargs)

        return retried

    return decorate


@overload
def with_async_retry(
    policy: Callable[Arguments, Awaitable[Result]], /
) -> Callable[Arguments, Awaitable[Result]]: ...


@overload
def with_async_retry(
    policy: RetryPolicy | RetryHandler = RetryPolicies.STANDARD_RETRY,
) -> Callable[[Callable[Arguments, Awaitable[Result]]], Callable[Arguments, Awaitable[Result]]]: ...


def with_async_retry(
    policy: RetryPolicy | RetryHandler | Callable[..., Any] = RetryPolicies.STANDARD_RETRY,
) -> Any:
    """As `with_retry`, for functions that are awaited."""
    if not isinstance(policy, RetryPolicy | RetryHandler):
        return with_async_retry()(policy)
    handler = RetryHandler(policy) if isinstance(policy, RetryPolicy) else policy

    def decorate(fn: Callable[Arguments, Awaitable[Result]]) -> Callable[Arguments, Awaitable[Result]]:
        @functools.wraps(fn)
        async def retried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            return await handler.async_retry(fn, *args, **kwargs)

        return retried

    return decorate
