"""The study of identities: its bars hold, and it would notice a wrong formula."""

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")

from consilience.ground import RunFolder, Streams  # noqa: E402
from consilience.methods.decorrelated_preferences.config import Config  # noqa: E402
from consilience.methods.decorrelated_preferences.studies import identities as study  # noqa: E402


def test_every_identity_holds(tmp_path) -> None:
    found = study.identities(Config(identity_draws=5), Streams(0), RunFolder(tmp_path, quiet=True))
    assert all(one.holds for one in found.measurements)
    assert len(found.measurements) == 5


def test_a_wrong_formula_is_noticed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(study, "cosine", lambda Z: (Z @ Z.T).sum())
    monkeypatch.setattr(study, "code2024", lambda Z: (Z @ Z.T).mean())
    found = study.identities(Config(identity_draws=2), Streams(0), RunFolder(tmp_path, quiet=True))
    assert [one.name.split(":")[0] for one in found.measurements if not one.holds] == [
        "code2024 against the old formula",
        "cosine",
    ]
