"""The snippets of the documentation's pages run and give what the pages say."""

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(page for page in [*DOCS.glob("*.rst"), *DOCS.glob("user_guide/*.rst")] if ">>>" in page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_snippets_of_a_page_run(page):
    failures, attempted = doctest.testfile(str(page), module_relative=False, verbose=False)
    assert attempted > 0
    assert failures == 0


def test_every_page_of_the_user_guide_is_found():
    assert {page.stem for page in PAGES} >= {"index", "data", "scattering", "linear_dynamics", "memory", "verification"}
