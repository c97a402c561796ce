"""The documentation holds what the code and its docstrings refer to, and what it shows runs."""

import json
import re
import runpy
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from eoras.cli import app
from eoras.config import Config
from eoras.config_files import describe, load_config, shipped_configs
from eoras.evaluation import Scores
from eoras.evaluation.protocols import PROTOCOLS
from eoras.synthesis.settings import SceneConfig

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*DOCS, *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def headings(page: str) -> list[str]:
    return re.findall(r"^#+ (.*)$", FENCED.sub("", page), re.MULTILINE)


def anchor(heading: str) -> str:
    """The name that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def source() -> str:
    """All code and configurations of the package, line breaks as spaces, so that no citation is torn."""
    files = [path for kind in ("*.py", "*.yaml") for path in sorted((ROOT / "src" / "eoras").rglob(kind))]
    return re.sub(r"\s+(# )?", " ", " ".join(path.read_text(encoding="utf-8") for path in files))


def rows(page: str) -> dict[str, list[str]]:
    """The rows of all tables whose first cell is one name in backquotes: that name to the other cells."""
    return {
        name: [cell.strip() for cell in rest.split(" | ")]
        for name, rest in re.findall(r"^\| `([\w.]+)` \| (.*) \|$", page, re.MULTILINE)
    }


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted key."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return result


def test_each_configuration_key_is_listed_with_its_default() -> None:
    listed = {key: cells for key, cells in rows(read("configuration.md")).items() if "." in key}
    assert {key: json.loads(default.strip("`")) for key, (_, default, _) in listed.items()} == flat(describe(Config()))


def test_each_setting_of_a_scene_is_listed_with_its_default() -> None:
    listed = {key: cells for key, cells in rows(read("synthesis.md")).items() if len(cells) == 3}
    assert {key: json.loads(default.strip("`")) for key, (_, default, _) in listed.items()} == flat(
        describe(SceneConfig())
    )


def test_each_shipped_configuration_is_listed() -> None:
    listed = [name for name in rows(read("configuration.md")) if "." not in name]
    assert sorted(listed) == shipped_configs()


def test_each_quirk_that_the_code_cites_is_in_the_ledger() -> None:
    cited = set(re.findall(r"Q-[A-Z]\d+", source()))
    ledger = [heading.split()[0] for heading in headings(read("paper-deviations.md")) if heading.startswith("Q-")]
    assert len(cited) > 10
    assert len(set(ledger)) == len(ledger)
    assert cited <= set(ledger)


def test_each_quirk_that_a_page_cites_is_in_the_ledger() -> None:
    ledger = {heading.split()[0] for heading in headings(read("paper-deviations.md"))}
    cited = {quirk for page in PAGES for quirk in re.findall(r"Q-[A-Z]\d+", page.read_text(encoding="utf-8"))}
    assert cited <= ledger


def test_each_section_of_the_formats_that_the_code_cites_has_a_heading() -> None:
    citations = re.findall(r"formats ((?:part )?[A-D\d][.\d]*(?:(?:, | to | and )[A-D\d][.\d]*)*)", source())
    cited = {section.strip(".") for citation in citations for section in re.findall(r"\b[A-D\d][.\d]*", citation)}
    found = {
        match[1]
        for page in ("formats.md", "metrics.md")
        for heading in headings(read(page))
        if (match := re.match(r"(?:Part )?([A-D\d][.\d]*)(?=[ :])", heading))
    }
    assert {"A", "A.3.1", "A.10", "D.13", "6.1", "7.8"} <= cited
    assert cited <= found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_each_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        name, _, fragment = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if fragment:
            assert fragment in map(anchor, headings(target.read_text(encoding="utf-8"))), link


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, id=f"{path.name}-{number}")
        for path in PAGES
        for number, (language, code) in enumerate(FENCED.findall(path.read_text(encoding="utf-8")))
        if language == "python"
    ],
)
def test_each_python_block_runs_and_prints_what_its_comments_say(
    code: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "block", "exec"), {"__name__": "block"})
    assert capsys.readouterr().out.splitlines() == re.findall(r"^print\(.*\)  # (.*)$", code, re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    """The words after ``eoras`` of each command in a block of text or shell, but for outlines with optional parts.

    A launcher may come before it: ``torchrun ... -m eoras`` or ``srun ... eoras``.
    """
    blocks = [
        code for language, code in FENCED.findall(page.read_text(encoding="utf-8")) if language in ("text", "bash")
    ]
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    started = (re.match(r"(?:(?:torchrun|srun) .*?)?(?<!\S)eoras (?!.* \[)(.*)", line) for line in lines)
    return [shlex.split(match[1], comments=True) for match in started if match]


def test_commands_are_found_behind_launchers_too() -> None:
    found = {page.name: commands(page) for page in PAGES}
    hold_some = "README app convert data export from-the-official-code method model-card pictures predict reproduce"
    for name in [*hold_some.split(), "scaling", "synthesis", "training"]:
        assert found[f"{name}.md"], name
    verbs = [words[0] for words in found["scaling.md"]]
    assert verbs.count("train") >= 6
    assert {"train", "evaluate", "score"} <= set(verbs)
    assert ["synthesize", "/shared/DATA", "--videos", "10000", "--workers", "1"] in found["synthesis.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_each_command_is_one_that_the_program_takes(page: Path) -> None:
    for words in commands(page):
        app.parse_args(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_each_setting_of_a_training_is_one_that_there_is(page: Path) -> None:
    for words in commands(page):
        if words[0] == "train":
            load_config("movi_b", [value for flag, value in pairwise(words) if flag == "--set"])


def test_the_page_for_users_of_the_official_code_has_a_row_for_each_option_of_its_readme() -> None:
    named = (
        "savedir name vis_lambda occ_lambda bev_lambda wd epochs seq_len lr num_slot enlarge_coef save_interval decoder"
    )
    table = read("from-the-official-code.md").partition("## Options")[2]
    for option in [*named.split(), "pos_type", "dataset", "param"]:
        assert re.search(rf"^\| `[^|]*--{option}\b", table, re.MULTILINE), option


def test_the_page_for_users_of_the_official_code_names_settings_that_there_are() -> None:
    known = flat(describe(Config()))
    named = re.findall(r"`((?:model|training)\.[\w.]+)", read("from-the-official-code.md"))
    assert len(named) > 20
    assert set(named) <= set(known)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_score_is_explained(protocol: str) -> None:
    explained = re.findall(r"`(\w+)`", read("metrics.md"))
    assert set(Scores().compute(protocol)) <= set(explained)


def test_the_picture_of_the_rooms_is_that_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    picture = FENCED.findall(read("architecture.md"))[0][1].splitlines()
    assert [re.split(r" {2,}", line)[0] for line in picture] == layers


def test_the_diagram_is_what_its_script_draws(tmp_path: Path) -> None:
    drawn = runpy.run_path(str(ROOT / "docs" / "draw_pipeline.py"))["draw"]()
    drawn.save(tmp_path / "pipeline.svg")
    assert (tmp_path / "pipeline.svg").read_bytes() == (ROOT / "docs" / "images" / "pipeline.svg").read_bytes()
