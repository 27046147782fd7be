"""Tokens that are told by their form, as those who hand them out made them: a beginning of their own.

Each with a text that is in every one of them, so that the pattern is only tried where it can find anything.
"""

_FORMS: tuple[tuple[str, str], ...] = (
    # Prefect Cloud: keys of users, service accounts and bots
    ("pnu_", r"pnu_\w{16,}"),
    ("pnb_", r"pnb_\w{16,}"),
    ("pnt_", r"pnt_\w{16,}"),
    # GitHub, GitLab
    ("ghp_", r"ghp_\w{30,}"),
    ("gho_", r"gho_\w{30,}"),
    ("ghu_", r"ghu_\w{30,}"),
    ("ghs_", r"ghs_\w{30,}"),
    ("ghr_", r"ghr_\w{30,}"),
    ("github_pat_", r"github_pat_\w{30,}"),
    ("glpat-", r"glpat-[\w-]{16,}"),
    # clouds
    ("AKIA", r"AKIA[A-Z0-9]{16}"),
    ("ASIA", r"ASIA[A-Z0-9]{16}"),
    ("AIza", r"AIza[\w-]{30,}"),
    ("ya29.", r"ya29\.[\w.-]{20,}"),
    ("dop_v1_", r"dop_v1_[0-9a-f]{32,}"),
    ("dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    ("hvs.", r"hvs\.[\w-]{20,}"),
    # registries of packages, images and models
    ("pypi-", r"pypi-[\w-]{50,}"),
    ("npm_", r"npm_[A-Za-z0-9]{30,}"),
    ("dckr_pat_", r"dckr_pat_[\w-]{20,}"),
    ("hf_", r"hf_[A-Za-z0-9]{30,}"),
    # services
    ("xox", r"xox[abeoprs]-[\w-]{10,}"),
    ("xapp-", r"xapp-[\w-]{20,}"),
    ("hooks.slack.com", r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/]+"),
    ("discord", r"(?<=/api/webhooks/)\d+/[\w-]+"),
    ("webhook.office.com", r"(?<=webhook\.office\.com/)[\w@/-]+"),
    ("sk_", r"sk_(?:live|test)_\w{16,}"),
    ("rk_", r"rk_(?:live|test)_\w{16,}"),
    ("sk-", r"sk-(?:ant-|proj-|svcacct-)?[\w-]{20,}"),
    ("SG.", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    ("SK", r"SK[0-9a-f]{32}"),
    ("shpat_", r"shpat_[0-9a-fA-F]{32}"),
    ("bot", r"(?<=bot)\d{8,10}:[\w-]{35}"),
    ("AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    # JSON Web Tokens
    ("eyJ", r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+"),
)
_INSIDE_ANOTHER = ("hooks.slack.com", "discord", "webhook.office.com", "bot")
"""Those whose beginning stands behind other words."""

SHORTEST_TOKEN = 20
"""Characters of the shortest of them."""
TOKENS: tuple[tuple[str, str], ...] = tuple(
    (marker, form if marker in _INSIDE_ANOTHER else rf"\b{form}") for marker, form in _FORMS
)
"""What must stand in a text, and what is hidden in it then."""
