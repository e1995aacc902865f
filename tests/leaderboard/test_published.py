"""Tables 1 and 2 as we keep them, against the paper's, figure by figure."""

import pytest

from leaderboard.published import MEASURES, load_published
from renderbench.config import load_suite
from renderbench.scans.transfer import transfer_function_names
from tests.leaderboard import paper

BLOCKS = {
    1: ["totalseg-seen", "ct-org-seen", "ct-org-unseen", "ct-org-skeleton"],
    2: ["ctpelvic1k-seen"],
}
METHODS = ["6dgs", "6dgs-agp", "renderfm", "renderfm-ft"]


def figures_of_the_paper(table: str) -> list[list[float]]:
    """The last six fields of every line."""
    lines = table.strip("\n").splitlines()
    return [[float(field.replace(",", "")) for field in line.split(" | ")[-6:]] for line in lines]


@pytest.mark.parametrize(("number", "table"), [(1, paper.TABLE_1), (2, paper.TABLE_2)])
def test_every_published_figure_is_the_papers(number, table):
    blocks = load_published().table(number)
    assert [block.id for block in blocks] == BLOCKS[number]
    assert all(list(block.methods) == METHODS for block in blocks)
    ours = [
        [float(getattr(figures, name)) for name in MEASURES]
        for block in blocks
        for figures in block.methods.values()
    ]
    assert ours == figures_of_the_paper(table)


@pytest.mark.parametrize(("number", "table"), [(1, paper.TABLE_1), (2, paper.TABLE_2)])
def test_methods_are_called_as_in_the_paper(number, table):
    theirs = [
        next(field for field in line.split(" | ") if "6DGS" in field or "Render-FM" in field)
        for line in table.strip("\n").splitlines()
    ]
    ours = [figures.title for block in load_published().table(number) for figures in block.methods.values()]
    assert ours == [
        title.replace("( Ours )", "").replace("(Ours)", "").replace("  ", " ").strip() for title in theirs
    ]


def test_conditions_are_those_of_section_4():
    published = load_published()
    conditions = published.conditions
    assert (conditions.resolution, conditions.fit_views, conditions.test_views) == (1600, 20, 40)
    assert conditions.iterations == {"6dgs": 30_000, "6dgs-agp": 30_000, "renderfm-ft": 300}
    scans = {block.id: block.scans for block in published.blocks}
    assert scans == {
        "totalseg-seen": 46,
        "ct-org-seen": 10,
        "ct-org-unseen": 10,
        "ct-org-skeleton": 10,
        "ctpelvic1k-seen": 6,
    }
    assert [published.fit_views(block) for block in published.blocks] == [20, 20, 20, 40, 20]
    assert {block.transfer_function for block in published.blocks} == set(transfer_function_names())


def test_the_paper_suite_has_the_blocks_of_tables_1_and_2():
    suite = {block.id: block for block in load_suite("paper").blocks}
    for block in load_published().blocks:
        ours = suite[block.id]
        assert (ours.dataset, ours.transfer_function, ours.groups, ours.title) == (
            block.dataset,
            block.transfer_function,
            block.groups,
            block.title,
        )
