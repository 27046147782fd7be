"""Secrets of many kinds, each in the words in which it comes, and what of them must never be told.

None of them is real: each is made here out of parts, so that no scanner takes this file for a leak.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """A text that holds a secret."""

    kind: str
    text: str
    secret: str


def _made(seed: str, length: int) -> str:
    """Letters and digits in no order, always the same for a seed."""
    letters = "aB3dE5fG7hJ9kL2mN4pQ6rS8tU1vW0xYz"
    start = sum(map(ord, seed))
    return "".join(letters[(start + number * 7) % len(letters)] for number in range(length))


def _hex(seed: str, length: int) -> str:
    start = sum(map(ord, seed))
    return "".join("0123456789abcdef"[(start + number * 5) % 16] for number in range(length))


def _upper(seed: str, length: int) -> str:
    return _made(seed, length).upper()


_KEY_LINES = "\n".join(_made(f"line {number}", 64) for number in range(4))
_KEY = "PRIVATE KEY-----"
_PEM = f"-----BEGIN RSA {_KEY}\n{_KEY_LINES}\n-----END RSA {_KEY}"
_JWT = f"eyJ{_made('head', 20)}.eyJ{_made('body', 40)}.{_made('sign', 43)}"
_AWS = _made("aws", 40)

SECRETS = tuple(
    Planted(kind, text.replace("%", secret), secret)
    for kind, text, secret in (
        ("password in a URL", "cannot reach postgresql://ann:%@db.example:5432/shop", "hunter2"),
        ("password with a slash in a URL", "cannot reach https://ann:%@db.example/x", "hun/ter2"),
        ("password with an at sign in a URL", "redis://:%@cache.example:6379/0 refused", "hun@ter2"),
        ("assignment", "PASSWORD=% was not taken", "hunter2"),
        ("assignment with odd characters", "db_password=% rest", "hun,t(e)r]2"),
        ("Python source", "    password = '%'", "correct horse"),
        ("Python bytes", "Client(password=b'%')", "hunter2"),
        ("Python triple quotes", 'api_key = """%"""', "hunter two"),
        ("dictionary as text", "{'url': 'x', 'client_secret': '%'}", "hunter2"),
        ("JSON", '{"api_key": "%", "a": 1}', 'hun\\"ter2'),
        ("JSON inside JSON", '{"body": "{\\"access_token\\": \\"%\\"}"}', "hunter2"),
        ("YAML", "  db:\n    password: %\n    user: ann", "hunter"),
        ("YAML with a comment", "secret: %   # for now", "hunter2"),
        ("log line", "connecting with token: % to the server", "h2nter2two"),
        ("Kubernetes variable", "{'name': 'DB_PASSWORD', 'value': '%'}", "hunter two"),
        ("bearer", "Authorization: Bearer %", _made("bearer", 30)),
        ("basic", "authorization: Basic %", "YW5uOmh1bnRlcjI="),
        ("other authorization", "Authorization: token %", "hunter2"),
        ("header", "X-Api-Key: %", "h2nter"),
        ("headers as pairs", "[('accept', '*/*'), ('x-auth-token', '%')]", "hunter"),
        ("cookie", "Set-Cookie: % Secure", "sid=hunter2; Path=/;"),
        ("signed URL", "GET https://files.example/a?sig=%&se=2026", "hunter2%2Bx"),
        ("query", "GET https://api.example/v1?access_token=%&page=2", "hunter2"),
        ("option", "ran: tool --db-password % --verbose", "hunter2"),
        ("arguments", "['tool', '--password', '%']", "hunter2"),
        ("curl", "ran: curl -u ann:% https://api.example", "hunter2"),
        ("requests", "requests.get(url, auth=('ann', '%'))", "hunter2"),
        ("connection string", "Server=tcp:sql.example;Database=shop;Uid=ann;Pwd=%;", "hunter2"),
        ("storage account", "AccountName=shop;AccountKey=%;EndpointSuffix=x", f"{_made('azure', 40)}=="),
        ("private key", f"the key {_PEM} was refused", _KEY_LINES.split("\n")[1]),
        ("private key without an end", _PEM[:200], _KEY_LINES[:64]),
        ("private key in JSON", f'"key": "{_PEM!r}"'.replace("'", ""), _KEY_LINES.split("\n")[2]),
        ("Prefect key", "the key % is not known", "pnu_" + _made("prefect", 36)),
        ("GitHub token", "pushed with %", "ghp_" + _made("github", 36)),
        ("GitHub fine token", "pushed with %", "github_pat_" + _made("fine", 60)),
        ("GitLab token", "cloned with %", "glpat-" + _made("gitlab", 20)),
        ("AWS key id", "as % in eu-west-1", "AKIA" + _upper("aws", 16)),
        ("AWS secret", "aws_secret_access_key = %", _AWS),
        ("Google key", "key % has no rights", "AIza" + _made("google", 35)),
        ("Slack token", "posted with %", "xoxb-" + _made("slack", 40)),
        ("Slack webhook", "POST https://hooks.slack.com/% 404", "services/T1/B2/" + _made("hook", 24)),
        ("Stripe key", "charged with %", "sk_live_" + _made("stripe", 24)),
        ("model provider's key", "asked with %", "sk-proj-" + _made("model", 40)),
        ("PyPI token", "uploaded with %", "pypi-" + _made("pypi", 80)),
        ("npm token", "published with %", "npm_" + _made("npm", 36)),
        ("Docker Hub token", "logged in with %", "dckr_pat_" + _made("docker", 27)),
        ("Vault token", "read with %", "hvs." + _made("vault", 30)),
        ("SendGrid key", "sent with %", f"SG.{_made('grid', 22)}.{_made('send', 43)}"),
        ("Databricks token", "ran with %", "dapi" + _hex("bricks", 32)),
        ("Telegram bot", "https://api.telegram.org/bot%/send", "123456789:" + _made("telegram", 35)),
        ("JSON Web Token", "the claim of % has run out", _JWT),
    )
)
