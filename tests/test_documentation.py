"""The manual is true: settings, commands, routes, thresholds and figures stand in it as they are."""

import dataclasses
import io
import json
import re
import shlex
import shutil
import subprocess
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from pydantic import SecretStr

from broker.alerts.alert import RuleName
from broker.alerts.threshold_values import (
    DEFAULTS,
    all_values,
    json_from_text,
    values_from_json,
)
from broker.api.app import create_app
from broker.api.metrics import Measures
from broker.api.readiness import PATIENCE
from broker.api.wire.capacity import LONGEST_KEY
from broker.api.wire.leases import MOST_AT_ONCE
from broker.cli import app
from broker.clock import utc_now
from broker.flows.deliver_alerts import FIRST_RETRY_AFTER, LONGEST_RETRY_AFTER
from broker.flows.deliver_capacity_webhooks import FIRST_RETRY_AFTER as FIRST_EVENT_RETRY_AFTER
from broker.flows.deliver_capacity_webhooks import MOST_ATTEMPTS as MOST_EVENT_ATTEMPTS
from broker.flows.examine_installation import (
    CLOCKS_MAY_DIFFER,
    PERIODS_UNTIL_LATE,
    SWEEP_MAY_LAG,
    Installation,
    examine_installation,
)
from broker.flows.list_prices import MAX_AGE_DAYS
from broker.flows.read_capacity_events import HEARTBEAT_SECONDS, STREAM_SECONDS
from broker.jobs import schedule
from broker.metrics import Meters
from broker.notify.webhook import signed_headers
from broker.placement.demand_sizing import METERED_FOR
from broker.placement.forecast_sheet import FORECAST_COLUMNS
from broker.placement.memory_fit import (
    BYTES_PER_PARAMETER,
    CACHED_TOKENS,
    OVERHEAD_GB,
    USABLE_SHARE,
    Precision,
)
from broker.placement.metered_sheet import METERED_COLUMNS
from broker.placement.model_reading import HIGHEST_PRIORITY, read_models
from broker.placement.model_sheet import MODEL_COLUMNS
from broker.placement.quantile import NEAR_EMPTY
from broker.renewals.assumptions import DEFINITIONS
from broker.renewals.brief import Brief
from broker.renewals.evidence import RATE_MAX_AGE_DAYS
from broker.renewals.offer_view import PREPAY_ASKS_PCT
from broker.renewals.recommendation import ROUND_DAYS, Action
from broker.renewals.risk import (
    CALM_NOTICE_DAYS,
    FULL_HIKE,
    FULL_PREMIUM,
    FULL_SPEND_SHARE,
    WEIGHTS,
)
from broker.runner import BEAT
from broker.settings import Settings
from broker.store.engine import Database
from broker.store.job_runs import KEEP_FOR, MAX_ATTEMPTS, MISSED_BEATS
from pricing.commitment import HOURS_PER_BILLED_MONTH
from pricing.hardware import MEMORY_TOLERANCE_PERCENT
from pricing.market import FRESH_FOR, MINIMUM_SUPPLIERS, OUTLIER_SCALED_MADS
from pricing.money import MAX_DECIMALS, Money
from pricing.spread import MAD_SCALE
from pricing.tenor import Tenor
from providers import registry
from providers.access import Access
from providers.market_csv import COLUMNS, HIGHEST_USD_PER_GPU_HOUR, LOWEST_USD_PER_GPU_HOUR
from tests.broker.api.clients import operations

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
MANUAL = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *MANUAL, *sorted((ROOT / "docs" / "decisions").glob("*.md"))]
PAGES += [ROOT / "CHANGELOG.md", ROOT / "providers" / "README.md"]
PAGES += sorted((ROOT / "fixtures").rglob("README.md"))

OPEN, ANY_KEY, UNSET = "open", "any key", "unset"


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def table_rows(text: str) -> Iterator[tuple[str, ...]]:
    """The cells of every row of every table, without their backticks."""
    for line in text.splitlines():
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            yield tuple(cell.strip().replace("`", "").replace("\\|", "|") for cell in cells)


def code_lines(text: str) -> Iterator[str]:
    """Every line of a code block, indented or fenced, without its indent; \\ joins two of them."""
    is_fenced, begun = False, ""
    for line in text.splitlines():
        if line.startswith("```"):
            is_fenced = not is_fenced
        elif is_fenced or line.startswith("    "):
            begun += line.strip()
            if begun.endswith("\\"):
                begun = begun.removesuffix("\\")
                continue
            yield begun
            begun = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCommand:
    """A command line as a page writes it."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def written_commands() -> list[WrittenCommand]:
    """Every command line of ours that stands in a code block."""
    return [
        WrittenCommand(page=path.name, words=tuple(shlex.split(part, comments=True)[1:]))
        for path in PAGES
        for line in code_lines(path.read_text(encoding="utf-8"))
        for part in re.split(r"\s&&\s", line)
        if part.startswith("tonnage ")
    ]


def mentioned_commands() -> list[WrittenCommand]:
    """Every command of ours that stands in a sentence, perhaps without what it needs."""
    return [
        WrittenCommand(page=path.name, words=tuple(shlex.split(found)[1:]))
        for path in PAGES
        for found in re.findall(r"`(tonnage [^`]+)`", path.read_text(encoding="utf-8"))
    ]


@cache
def tonnage() -> Any:
    """Return the command line, built once: building it takes longer than all that is asked of it."""
    return typer.main.get_command(app)


def leaf_of(words: tuple[str, ...]) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
    """The command that words lead to, its path, and the words left for it."""
    command = tonnage()
    path: tuple[str, ...] = ()
    while (inner := getattr(command, "commands", {})) and words and words[0] in inner:
        command, path, words = inner[words[0]], (*path, words[0]), words[1:]
    return command, path, words


def command_paths(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command that does something, as people type it after `tonnage`."""
    command = tonnage() if command is None else command
    inner = getattr(command, "commands", {})
    if not inner or (path and command.invoke_without_command):
        yield " ".join(path)
    for name, child in inner.items():
        yield from command_paths(child, (*path, name))


WRITTEN = written_commands()
MENTIONED = mentioned_commands()
PATHS = sorted(command_paths())


def test_every_setting_stands_in_the_manual_with_its_default() -> None:
    told = {
        cells[0]: cells[1]
        for cells in table_rows(page("operations.md"))
        if cells[0].startswith("TONNAGE_")
    }

    assert len(told) > 8
    assert told == {
        f"TONNAGE_{name.upper()}": default_text(field.default)
        for name, field in Settings.model_fields.items()
    }


def told_variables() -> list[tuple[str, set[str], set[str]]]:
    """Each row of the manual's table of suppliers: key, credentials, other variables."""
    text = page("providers.md").partition("### Variables")[2].partition("\n## ")[0]
    return [
        (cells[0], set(re.findall(r"\w+", cells[1])), set(re.findall(r"\w+", cells[2])))
        for cells in table_rows(text)
        if len(cells) == 4 and cells[0] not in ("supplier", "---")
    ]


def test_every_variable_of_every_supplier_stands_in_the_manual_and_none_that_is_not() -> None:
    told = {key: (credentials, more) for key, credentials, more in told_variables()}

    assert len(told) == len(told_variables()) > 10
    assert told == {
        one.profile.key: (set(one.profile.secrets), set(one.profile.options))
        for one in registry.suppliers()
    }


def default_text(default: object) -> str:
    value = default.get_secret_value() if isinstance(default, SecretStr) else default
    if value is None or value == "":
        return UNSET
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_there_are_commands_to_check() -> None:
    assert len(PATHS) > 40
    assert len(WRITTEN) > 60
    assert len(MENTIONED) > 10


def test_every_command_stands_in_the_manual() -> None:
    told = {" ".join(leaf_of(one.words)[1]) for one in (*WRITTEN, *MENTIONED)}

    assert [path for path in PATHS if path not in told] == []


@pytest.mark.parametrize("written", WRITTEN, ids=str)
def test_every_command_line_in_the_manual_is_understood(
    written: WrittenCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, path, rest = leaf_of(written.words)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("1.00\n"))  # an answer, should it ask
    for word in rest:
        if word == "FILE" or word.endswith(".csv"):
            (tmp_path / word).touch()

    with command.make_context("tonnage", list(rest)) as context:
        assert " ".join(path) in PATHS
        assert context.params is not None


@pytest.mark.parametrize("mentioned", MENTIONED, ids=str)
def test_every_command_in_a_sentence_exists(mentioned: WrittenCommand) -> None:
    command, path, rest = leaf_of(mentioned.words)
    known = {word for one in command.params for word in (*one.opts, *one.secondary_opts)}

    assert path
    assert {word for word in rest if word.startswith("--")} <= known


def test_every_route_stands_in_the_manual_with_its_scope_and_none_that_is_not() -> None:
    told = {
        cells[0]: cells[1]
        for cells in table_rows(page("api.md"))
        if re.match(r"(GET|POST|PUT|PATCH|DELETE) /", cells[0])
    }
    document = create_app(Settings(database_url="sqlite://")).openapi()

    assert len(told) > 40
    assert told == {
        f"{method} {path}": scope_text(operation)
        for method, path, operation in operations(document)
    }


def scope_text(operation: Mapping[str, Any]) -> str:
    if "security" not in operation:
        return OPEN
    return ", ".join(scope for need in operation["security"] for scope in need["HTTPBearer"]) or (
        ANY_KEY
    )


def told_thresholds() -> dict[tuple[RuleName, str], str]:
    """Each default of the alert rules as the manual writes it."""
    rules = set(RuleName)
    return {
        (RuleName(rule), cells[1]): cells[2]
        for cells in table_rows(page("alerts.md"))
        if len(cells) == 4 and set(cells[0].split(", ")) <= rules
        for rule in cells[0].split(", ")
    }


def test_the_manual_tells_every_threshold_of_every_alert_rule() -> None:
    told = told_thresholds()

    assert len(told) > 20
    assert set(told) == {(rule, name) for rule in RuleName for name in all_values(DEFAULTS[rule])}


@pytest.mark.parametrize(("which", "text"), told_thresholds().items(), ids=str)
def test_a_threshold_of_the_manual_typed_as_it_stands_is_the_default(
    which: tuple[RuleName, str], text: str
) -> None:
    rule, name = which

    typed = values_from_json(rule, {name: json_from_text(rule, name, text)})

    assert typed == {name: all_values(DEFAULTS[rule])[name]}


def test_every_alert_rule_stands_in_the_manual_with_when_it_speaks() -> None:
    told = {cells[0] for cells in table_rows(page("alerts.md")) if len(cells) == 2}

    assert {rule.value for rule in RuleName} <= told


def test_every_assumption_stands_in_the_manual_with_its_unit() -> None:
    told = {cells[0]: cells[1] for cells in table_rows(page("renewals.md")) if len(cells) == 3}

    assert len(DEFINITIONS) > 10
    for name, definition in DEFINITIONS.items():
        assert told.get(name.value) == definition.unit.value


def figures_of(kind: type, seen: set[type] | None = None) -> Iterator[str]:
    """The name of every number, amount, answer and list of a tree of dataclasses."""
    seen = set() if seen is None else seen
    if kind in seen:
        return
    seen.add(kind)
    for name, hint in typing.get_type_hints(kind).items():
        inner = [
            one for one in parts_of(hint) if dataclasses.is_dataclass(one) and one is not Money
        ]
        if not inner and any(one not in (str, date) for one in parts_of(hint)):
            yield name
        for one in inner:
            yield from figures_of(one, seen)


def is_tree(kind: type) -> bool:
    return dataclasses.is_dataclass(kind) and kind is not Money


def parts_of(hint: Any) -> list[type]:
    """The types in a hint, without None."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is tuple:
        return [part for one in typing.get_args(hint) for part in parts_of(one)]
    return [] if hint in (type(None), Ellipsis) or isinstance(hint, type(Ellipsis)) else [hint]


COPIED = {"line_no", "gpus"}
"""From the contract and the offer, as they stand there: nothing to explain."""


def test_every_figure_of_the_brief_is_explained_in_the_manual() -> None:
    figures = set(figures_of(Brief)) - COPIED
    told = set(re.findall(r"`([a-z0-9_]+)`", page("renewals.md")))

    assert len(figures) > 50
    assert figures - told == set()


def test_every_answer_of_the_advice_stands_in_the_manual() -> None:
    text = page("renewals.md")

    assert len(Action) > 3
    assert [action for action in Action if f"**{action}**" not in text] == []


def test_the_weights_of_the_risk_score_stand_in_the_manual() -> None:
    told = {cells[0]: cells[1] for cells in table_rows(page("renewals.md"))}

    assert len(WEIGHTS) == 5
    assert {factor.value: told.get(factor.value) for factor in WEIGHTS} == {
        factor.value: str(weight) for factor, weight in WEIGHTS.items()
    }


def percent(fraction: Any) -> str:
    return f"{fraction * 100:.0f} %"


PREPAID = "{}, {} and {} %".format(*PREPAY_ASKS_PCT)

NUMBERS: list[tuple[str, str]] = [
    ("prices.md", f"outside {LOWEST_USD_PER_GPU_HOUR} to {HIGHEST_USD_PER_GPU_HOUR} USD"),
    ("prices.md", f"rounded half-even to {MAX_DECIMALS}"),
    ("prices.md", f"(older than `--max-age-days`, {MAX_AGE_DAYS} unless"),
    ("prices.md", f"more than {MEMORY_TOLERANCE_PERCENT} % from"),
    ("prices.md", f"at most {FRESH_FOR.days} days old"),
    ("prices.md", f"further than {OUTLIER_SCALED_MADS} scaled MADs"),
    ("prices.md", f"times {MAD_SCALE}"),
    ("prices.md", f"fewer than {MINIMUM_SUPPLIERS} providers left"),
    ("prices.md", f"none older than {RATE_MAX_AGE_DAYS} days"),
    ("renewals.md", f"received in the last {FRESH_FOR.days} days"),
    ("renewals.md", f"further than {OUTLIER_SCALED_MADS} scaled MADs"),
    ("renewals.md", f"times {MAD_SCALE}"),
    ("renewals.md", f"Fewer than {MINIMUM_SUPPLIERS} suppliers"),
    ("renewals.md", f"billed month is {HOURS_PER_BILLED_MONTH} hours"),
    ("renewals.md", f"fewer than {ROUND_DAYS} days to"),
    ("renewals.md", f"levelised with {PREPAID} prepaid"),
    ("renewals.md", f"hike / {percent(FULL_HIKE)}"),
    ("renewals.md", f"premium / {percent(FULL_PREMIUM)}"),
    ("renewals.md", f"1 - days to notice / {CALM_NOTICE_DAYS}"),
    ("renewals.md", f"/ {percent(FULL_SPEND_SHARE)}"),
    ("renewals.md", ", ".join(Tenor)),
    ("alerts.md", f"after {FIRST_RETRY_AFTER.seconds} seconds"),
    ("alerts.md", f"up to {LONGEST_RETRY_AFTER // timedelta(hours=1)} hours"),
    ("capacity.md", f"{HEARTBEAT_SECONDS} seconds while nothing does"),
    ("capacity.md", f"an end after {STREAM_SECONDS // 60} minutes"),
    ("capacity.md", f"takes up to {MOST_AT_ONCE} requests"),
    ("capacity.md", f"is 1 to {LONGEST_KEY} printable"),
    ("capacity.md", f"{FIRST_EVENT_RETRY_AFTER.seconds} seconds later and then"),
    ("capacity.md", f"After {MOST_EVENT_ATTEMPTS} failures in a row"),
    ("demand.md", f"the last {METERED_FOR.days} days"),
    ("demand.md", f"below {percent(NEAR_EMPTY)} of the median"),
    ("demand.md", f"({CACHED_TOKENS:,} unless stated)"),
    ("demand.md", f"+ {OVERHEAD_GB} GB <= {percent(USABLE_SHARE)} of its memory"),
    ("demand.md", f"four bits {BYTES_PER_PARAMETER[Precision.FP4]} with"),
    ("demand.md", f"0 to {HIGHEST_PRIORITY}: who"),
    ("operations.md", f"older than {KEEP_FOR.days} days"),
    ("operations.md", f"beats every {BEAT.seconds} seconds"),
    ("operations.md", f"After {MISSED_BEATS} missed beats"),
    ("operations.md", f"After {MAX_ATTEMPTS} attempts"),
    ("operations.md", f"answers within {PATIENCE.seconds} second,"),
    ("operations.md", f"differ by more than {CLOCKS_MAY_DIFFER.seconds} second"),
    ("operations.md", f"ended well for {PERIODS_UNTIL_LATE} periods"),
    ("operations.md", f"for more than {SWEEP_MAY_LAG // timedelta(minutes=1)} minute and"),
]


@pytest.mark.parametrize(("name", "words"), NUMBERS, ids=lambda one: str(one)[:60])
def test_a_number_in_the_manual_is_the_one_in_the_code(name: str, words: str) -> None:
    assert words in " ".join(page(name).split())


PERIODS = {
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "15 seconds": timedelta(seconds=15),
}


def test_every_scheduled_job_stands_in_the_manual_with_its_period() -> None:
    told = {cells[0]: cells[1] for cells in table_rows(page("operations.md"))}
    jobs = schedule([], lambda _supplier, _task: None)

    assert len(jobs) > 3
    assert {job.name: PERIODS.get(told.get(job.name, "")) for job in jobs} == {
        job.name: job.every for job in jobs
    }


def exported(database: Database) -> dict[str, str]:
    """Every metric by the name under which it is asked for, with its type."""
    metrics = Measures(meters=Meters(), database=database).collect()
    return {one.name + "_total" * (one.type == "counter"): one.type for one in metrics}


def test_every_metric_stands_in_the_manual_with_its_type_and_none_that_is_not(
    sqlite: Database,
) -> None:
    told = {
        cells[0]: cells[1].partition(":")[0]
        for cells in table_rows(page("operations.md"))
        if cells[0].startswith("tonnage_")
    }

    assert len(told) > 10
    assert told == exported(sqlite)


def test_every_check_of_the_doctor_stands_in_the_manual(sqlite: Database) -> None:
    settings = Settings(database_url="sqlite://")
    checks = examine_installation(
        Installation(database=sqlite, settings=settings, access=Access(), periods={}, clock=utc_now)
    )
    told = {cells[0] for cells in table_rows(page("operations.md")) if len(cells) == 2}

    assert len(checks) > 10
    assert {each.name for each in checks} <= told


def test_the_alert_rules_ask_only_for_metrics_that_there_are(sqlite: Database) -> None:
    (group,) = yaml.safe_load(page("alerts-prometheus.yml"))["groups"]
    asked = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for rule in group["rules"]
        for name in re.findall(r"tonnage_\w+", rule["expr"])
    }

    assert len(group["rules"]) > 8
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"])
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert set(rule["annotations"]) == {"summary", "description"}
    assert asked <= set(exported(sqlite))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_reads_the_alert_rules() -> None:
    rules = str(ROOT / "docs" / "alerts-prometheus.yml")

    found = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True)

    assert found.returncode == 0, found.stderr


def test_the_scrape_of_the_manual_is_yaml_and_keeps_our_labels() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", page("operations.md"), re.DOTALL)

    scrape = yaml.safe_load(block)

    assert scrape["scrape_configs"][0]["honor_labels"] is True
    assert (ROOT / "docs" / scrape["rule_files"][0]).exists()


def test_every_column_and_fault_of_a_price_sheet_stands_in_the_manual() -> None:
    text = page("prices.md")
    sources = [
        (ROOT / "providers" / name).read_text() for name in ("csv_sheet.py", "market_csv.py")
    ]
    sources.append((ROOT / "providers" / "fx_csv.py").read_text())
    stated = (
        r'(?:BadCellError\(|complain\(|_note\(|code=|code = |code, message = )\s*"([a-z0-9_]+)"'
    )
    codes = {code for source in sources for code in re.findall(stated, source)}

    assert len(codes) > 20
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []
    assert [name for name in COLUMNS if f"| `{name}` |" not in text] == []


def test_every_column_of_the_sheets_of_demand_stands_in_the_manual() -> None:
    told = set(re.findall(r"`([a-z0-9_]+)`", page("demand.md")))
    columns = {*FORECAST_COLUMNS.names, *METERED_COLUMNS.names}
    profile = set(re.findall(r'"([a-z0-9_]+)":', page("demand.md")))

    assert columns - told == set()
    assert set(MODEL_COLUMNS.names) - told - profile == set()


def test_the_profile_in_the_manual_can_be_imported() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", page("demand.md"), re.DOTALL)

    profiles, faults = read_models(json.loads(block))

    assert faults == ()
    assert [profile.model for profile in profiles] == ["chat-70b"]


def test_the_webhook_check_in_the_manual_knows_what_we_signed(tmp_path: Path) -> None:
    is_genuine = receiver_of(page("alerts.md"), folder=tmp_path).is_genuine
    now = int(utc_now().timestamp())
    body = b'{"type": "alert.raised"}'
    fresh = signed_headers("f00d", body, key=b"secret", seconds=now)
    old = signed_headers("f00d", body, key=b"secret", seconds=now - 3_600)

    assert is_genuine(fresh, body, "secret")
    assert is_genuine(fresh, body, "whsec_c2VjcmV0")
    assert not is_genuine(fresh, body + b" ", "secret")
    assert not is_genuine(fresh, body, "another")
    assert not is_genuine(old, body, "secret")


def receiver_of(text: str, *, folder: Path) -> Any:
    """The Python block of a page, as a module."""
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    path = folder / "receiver.py"
    path.write_text(block, encoding="utf-8")
    spec = spec_from_file_location("receiver", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def links() -> list[tuple[Path, str]]:
    return [
        (path, target)
        for path in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
        if "://" not in target
    ]


def test_there_are_links_to_check() -> None:
    assert len(links()) > 15


@pytest.mark.parametrize(("source", "target"), links(), ids=lambda one: Path(str(one)).name)
def test_every_link_leads_to_a_page_and_a_heading(source: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    found = source.parent / name if name else source

    assert found.exists()
    if anchor:
        assert anchor in {anchor_of(line) for line in headings(found)}


def headings(path: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_file_that_a_page_names_exists() -> None:
    named = {
        (path, name)
        for path in PAGES
        for name in re.findall(
            r"`((?:broker|pricing|providers|dashboards|fixtures|docs|tests|benchmarks)/[\w./-]*)`",
            path.read_text(encoding="utf-8"),
        )
        if "NAME" not in name
    }

    assert len(named) > 15
    assert [name for _, name in named if not (ROOT / name).exists()] == []


def test_every_page_of_the_manual_is_reached_from_the_readme() -> None:
    text = README.read_text(encoding="utf-8")

    assert len(MANUAL) > 5
    assert [path.name for path in MANUAL if f"](docs/{path.name})" not in text] == []


def test_no_page_has_a_hole_to_be_filled() -> None:
    for path in PAGES:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if re.fullmatch(r"[A-Z]{4,}", line)] == [], path
