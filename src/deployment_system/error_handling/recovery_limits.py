"""How often a machine may mend the same fault: kept in the store, so that it counts across processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deployment_system.error_handling.error_codes import ErrorCodes
from deployment_system.error_handling.error_types import DeploymentSystemError, ErrorContext, RecoveryError
from deployment_system.error_handling.store import Store

SCOPE = "recovery attempts"


@dataclass(frozen=True, slots=True)
class RecoveryLimits:
    """The numbers are those of AWS Config's remediation, in a longer window, and a pause as of Cortex's
    retries: what has not helped twice will not help a third time, and a loop must end."""

    most_attempts: int = 3
    window_seconds: float = 3600.0
    pause_seconds: float = 5.0
    """Between two attempts at the same fault."""
    most_flows: int = 5
    """That one run may touch. Where more things are wrong at once, they have a cause of their own, which a
    person has to find; a cause that many flows share is mended once and counts once."""

    def refusal(self, earlier: Sequence[datetime], now: datetime) -> str | None:
        """Why there must be no other attempt now; None: there may be."""
        window = timedelta(seconds=self.window_seconds)
        recent = [moment for moment in earlier if now - moment < window]
        if len(recent) >= self.most_attempts:
            return (
                f"it was tried {len(recent)} times in the last {self.window_seconds / 60:.0f} minutes, and "
                "the fault came again"
            )
        if recent and (since := (now - max(recent)).total_seconds()) < self.pause_seconds:
            return f"it was tried {since:.0f} s ago"
        return None


@dataclass(frozen=True, slots=True)
class RecoveryAttempts:
    """The attempts at each fault by each plan."""

    store: Store
    limits: RecoveryLimits

    def begin(self, error: DeploymentSystemError, plan: str, now: datetime) -> None:
        """Notes an attempt. Raises RECOVERY_LIMIT_REACHED where there must be none now."""
        key = f"{error.fingerprint} {plan}"
        noted = self.store.notes.get(SCOPE, key) or []
        earlier = [datetime.fromisoformat(text) for text in noted]
        refusal = self.limits.refusal(earlier, now)
        if refusal is not None:
            raise RecoveryError(
                f"no other attempt to mend {error.message!r}: {refusal}",
                error_code=ErrorCodes.RECOVERY_LIMIT_REACHED,
                context=ErrorContext(operation="recover", fault=error.fingerprint, attempts=len(earlier)),
            )
        window = timedelta(seconds=self.limits.window_seconds)
        kept = [*(moment for moment in earlier if now - moment < window), now]
        self.store.notes.put(SCOPE, key, [moment.isoformat() for moment in kept])


def too_broad(flows: Sequence[str], limits: RecoveryLimits) -> RecoveryError | None:
    """The refusal of a run that would touch more flows than it may."""
    if len(flows) <= limits.most_flows:
        return None
    shown = ", ".join(flows[: limits.most_flows])
    return RecoveryError(
        f"a recovery would touch {len(flows)} flows ({shown}, …), and may touch {limits.most_flows}",
        error_code=ErrorCodes.RECOVERY_TOO_BROAD,
        context=ErrorContext(operation="recover", flows=list(flows), most_flows=limits.most_flows),
    )
