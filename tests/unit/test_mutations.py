"""Every change of `make mutations` fits the code, of which it changes one place."""

from tests.mutations.__main__ import ROOT, read_mutations


def test_every_change_fits_one_place() -> None:
    texts: dict[str, str] = {}
    lost = []
    for mutation in read_mutations():
        text = texts.setdefault(mutation.file, (ROOT / mutation.file).read_text())
        if text.count(mutation.old) != 1:
            lost.append(mutation.name)
    assert lost == []
