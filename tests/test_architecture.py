"""The agreed structure, as data; each rule has a name, and a breach is reported under it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("byleave", "web", "campaigns", "inbound", "mailer", "consent", "kit")

#: a room may import these others, and nothing beside or above it
MAY_IMPORT = {
    "byleave": {"web", "campaigns", "inbound", "mailer", "consent", "kit"},
    "web": {"campaigns", "inbound", "mailer", "consent", "kit"},
    "campaigns": {"mailer", "consent", "kit"},
    "inbound": {"mailer", "consent", "kit"},
    "mailer": {"consent", "kit"},
    "consent": {"kit"},
    "kit": set(),
}

#: third parties, and the only places (path prefixes) that may import them
FENCES = {
    "aiosmtpd": ("inbound/",),
    "aioimaplib": ("inbound/",),
    "dkim": ("mailer/signing.py", "inbound/origin/"),
    "spf": ("inbound/origin/spf.py",),
    "publicsuffixlist": ("inbound/origin/dmarc.py",),
    "dns": ("kit/dns.py",),
    "jinja2": ("mailer/compose.py", "web/pages.py"),
    "fastapi": ("web/", "byleave/"),
    "starlette": ("web/", "byleave/"),
    "uvicorn": ("web/", "byleave/"),
    "dbos": ("kit/jobs.py",),
    "psycopg": ("kit/notices.py",),
    "alembic": ("byleave/schema.py",),
    "prometheus_client": ("byleave/metrics.py",),
    "typer": ("byleave/",),
    "rich": ("byleave/",),
}

#: store modules: beside kit/db.py and */tables.py the only ones that speak SQL
STORES = {
    "kit/db.py", "kit/sqlite.py", "kit/turns.py", "kit/rows.py", "kit/beats.py", "kit/clearing.py", "kit/mark.py",
    "consent/ledger.py", "consent/standing.py", "consent/gate.py", "consent/subscribers.py", "consent/enrol.py",
    "consent/policy.py", "consent/habits.py", "consent/hearing.py", "consent/record.py", "consent/rejoin.py",
    "consent/book.py", "consent/register.py", "consent/disclosures.py", "consent/unread.py",
    "consent/signup.py", "consent/sharing.py",
    "mailer/statements.py",
    "mailer/personal.py", "inbound/personal.py", "consent/known_addresses.py",
    "consent/moving.py", "consent/purchases.py", "consent/reminding.py",
    "consent/rights.py",
    "mailer/delivery.py", "mailer/mailings.py", "mailer/outbox.py", "mailer/fates.py", "mailer/leases.py",
    "mailer/compaction.py", "mailer/restored.py", "consent/optouts.py", "campaigns/restored.py",
    "campaigns/store.py", "campaigns/gathering.py", "campaigns/audience.py", "campaigns/reports.py",
    "campaigns/retention.py", "campaigns/runner.py", "campaigns/advertising.py",
    "campaigns/acts.py", "campaigns/watching.py", "mailer/canaries.py", "consent/troubles.py",
    "inbound/retention.py", "mailer/retention.py",
    "inbound/decisions.py", "inbound/deferred.py", "inbound/dispatch.py", "inbound/worlds.py", "inbound/imap.py",
    "byleave/schema.py", "mailer/numbers.py", "inbound/numbers.py",
}  # fmt: skip

#: modules that only decide: no I/O, no clock, no await
PURE = {
    "kit/addresses.py", "kit/errors.py", "consent/model.py", "consent/rules.py", "consent/age.py",
    "consent/chain.py", "consent/cards.py", "consent/imports.py", "mailer/model.py", "mailer/tokens.py",
    "mailer/form.py",
    "mailer/mime.py", "mailer/wire.py", "mailer/answers.py", "mailer/envelope.py", "mailer/outcomes.py",
    "mailer/handover.py", "mailer/steps.py", "mailer/relays.py", "mailer/retry.py",  "campaigns/model.py",
    "campaigns/schedule.py", "inbound/model.py", "inbound/world.py", "inbound/mail.py", "inbound/replies.py",
    "inbound/intent.py", "inbound/grammar.py", "inbound/plain.py", "inbound/phrases.py", "inbound/topics.py",
    "inbound/automatic.py", "inbound/bounces.py", "inbound/complaints.py", "inbound/loops.py", "inbound/content.py",
    "inbound/paths.py", "inbound/traces.py", "inbound/answers.py", "inbound/authenticity.py", "inbound/triage.py",
    "inbound/reading.py", "inbound/explain.py", "inbound/returned.py", "inbound/origin/results.py",
    "mailer/links.py", "web/differences.py", "kit/retention.py",
    "consent/verifying.py", "consent/ledgerfile.py", "consent/deadlines.py", "consent/sentences.py",
    "mailer/throttle.py", "mailer/speeds.py", "campaigns/canary.py", "consent/guardians.py", "consent/admission.py",
    "kit/doubtful.py", "web/seals.py", "inbound/sign_ups.py", "consent/sharefile.py", "campaigns/aggregates.py",
}  # fmt: skip
IMPURE_IMPORTS = {
    "asyncio",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "sqlalchemy",
    "time",
    "random",
    "urllib.request",
}
CLOCKS = {"now", "utcnow", "today", "utc_now"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text("utf-8"))


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield node.lineno, node.module or ""


def breaches(rule: str) -> list[str]:
    found: list[str] = []
    for path, tree in sources():
        for line, name in imports(tree):
            top = name.partition(".")[0]
            room = path.partition("/")[0]
            if rule == "layers" and top in ROOMS and top not in MAY_IMPORT[room] | {room}:
                found.append(f"{path}:{line} {room} may not import {name}")
            if rule == "fences" and top in FENCES and not path.startswith(FENCES[top]):
                found.append(f"{path}:{line} {top} stays in {', '.join(FENCES[top])}")
            if rule == "sql" and top == "sqlalchemy" and path not in STORES and not path.endswith("/tables.py"):
                found.append(f"{path}:{line} speaks SQL and is no store module")
            if rule == "pure imports" and path in PURE and (name in IMPURE_IMPORTS or top in IMPURE_IMPORTS):
                found.append(f"{path}:{line} is pure and may not import {name}")
    return found


@pytest.mark.parametrize("rule", ["layers", "fences", "sql", "pure imports"])
def test_imports_keep_the_rule(rule: str) -> None:
    """Each import stands where the table allows it."""
    assert breaches(rule) == []


def test_pure_modules_never_await_nor_read_the_clock() -> None:
    """What decides gets the moment as an argument."""
    found = []
    for path, tree in sources():
        if path not in PURE:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith):
                found.append(f"{path}:{node.lineno} awaits")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
                found.append(f"{path}:{node.lineno} reads the clock")
    assert found == []


def test_only_the_gate_makes_a_clearance() -> None:
    """``Clearance(...)`` is written in consent/gate.py and nowhere else in the product."""
    makers = {
        path
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == "Clearance")
            or (isinstance(node.func, ast.Attribute) and node.func.attr == "Clearance")
        )
    }
    assert makers == {"consent/gate.py"}


def test_store_functions_never_commit() -> None:
    """Transactions belong to doors and loops; only kit/db.py and kit/sqlite.py end one."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in sources()
        if path not in {"kit/db.py", "kit/sqlite.py", "byleave/schema.py"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert found == []


def test_modules_open_with_a_docstring_and_fit_in_the_head() -> None:
    """Every module says what it is; none is longer than 400 lines, data apart."""
    long = [
        path
        for path, tree in sources()
        if not path.startswith("inbound/lexicon/") and len((ROOT / path).read_text("utf-8").splitlines()) > 400
    ]
    silent = [path for path, tree in sources() if not ast.get_docstring(tree)]
    assert silent == []
    assert long == []


def test_public_functions_and_classes_have_docstrings() -> None:
    """Whoever calls a thing can read what it promises."""
    found = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in sources()
        for node in _public(tree.body)
        if not ast.get_docstring(node)
    ]
    assert found == []


def test_no_room_of_leftovers() -> None:
    """A module is a noun of the domain."""
    forbidden = {"utils", "helpers", "common", "services", "manager", "misc"}
    assert [path for path, _ in sources() if forbidden & set(Path(path).with_suffix("").parts)] == []


def _public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body)
