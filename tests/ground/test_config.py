"""Configurations: layers in order, mistakes answered, a round trip through TOML."""

from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT, InvalidInput, UnknownName
from consilience.ground.config import (
    as_plain,
    overlay,
    parse_settings,
    parse_toml,
    read_config,
    read_recipe,
    resolve,
    to_toml,
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Digits:
    gates: Annotated[int, Field(ge=1)] = 100
    splits: tuple[int, ...] = (0, 1)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    recipe: str = "smoke"
    seed: int = 0
    alpha: float | None = None
    digits: Digits = Digits()


trees = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.integers(), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), st.one_of(st.integers(), inner), max_size=3),
    max_leaves=8,
)


@given(trees)
def test_overlay_has_an_identity(tree: dict[str, object]) -> None:
    assert overlay(tree, {}) == tree == overlay({}, tree)
    assert overlay(tree, tree) == tree


@given(trees, trees)
def test_overlay_changes_neither(below: dict[str, object], above: dict[str, object]) -> None:
    copies = repr(below), repr(above)
    merged = overlay(below, above)
    assert (repr(below), repr(above)) == copies
    assert overlay(merged, above) == merged


def test_defaults_recipe_flags_in_this_order() -> None:
    config = resolve(Config, {"seed": 1, "digits": {"gates": 20}}, {"seed": 2})
    assert (config.recipe, config.seed, config.digits) == ("smoke", 2, Digits(gates=20))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sed": 1}, r"unknown setting 'sed'; did you mean 'seed'\? \(one of: alpha, digits, recipe, seed\)"),
        ({"digits": {"gate": 1}}, r"unknown setting 'digits.gate'; did you mean 'gates'\? \(one of: gates, splits\)"),
        ({"zzz": 1}, r"unknown setting 'zzz'; \(one of: alpha"),
        ({"digits": {"gates": 0}}, r"`digits.gates`: input should be greater than or equal to 1; got 0"),
        ({"seed": "x"}, r"`seed`: input should be a valid integer.*; got 'x'"),
    ],
)
def test_mistakes_are_answered(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        resolve(Config, settings)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as told:
        resolve(Config, {"sed": 1, "digits": {"gates": 0}})
    assert "'sed'" in str(told.value)
    assert "`digits.gates`" in str(told.value)


@pytest.mark.parametrize(
    ("pair", "settings"),
    [
        ("seed=3", {"seed": 3}),
        ("alpha=1e-3", {"alpha": 1e-3}),
        ("digits.splits=[1, 2]", {"digits": {"splits": [1, 2]}}),
        ("loss=squared", {"loss": "squared"}),
        ("loss='squared'", {"loss": "squared"}),
        ("quick-start=true", {"quick_start": True}),
        ("path=a=b", {"path": "a=b"}),
    ],
)
def test_settings_are_read(pair: str, settings: dict[str, object]) -> None:
    assert parse_settings([pair]) == settings


@pytest.mark.parametrize("pair", ["seed", "=3", "a..b=1", ""])
def test_what_is_no_setting_is_refused(pair: str) -> None:
    with pytest.raises(InvalidInput, match="KEY=VALUE"):
        parse_settings([pair])


def test_a_value_is_not_also_a_table() -> None:
    with pytest.raises(InvalidInput, match="already set to a value"):
        parse_settings(["digits=1", "digits.gates=2"])


@given(st.integers(0, 99), st.none() | st.floats(allow_nan=False), st.lists(st.integers(0, 9)))
def test_toml_round_trip(seed: int, alpha: float | None, splits: list[int]) -> None:
    import tempfile

    config = Config(seed=seed, alpha=alpha, digits=Digits(splits=tuple(splits)))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "config.toml"
        path.write_text(to_toml(config), encoding="utf-8")
        assert read_config(Config, path) == config


def test_plain_values_keep_the_order_of_declaration() -> None:
    assert list(as_plain(Config())) == ["recipe", "seed", "alpha", "digits"]


def test_an_absent_or_broken_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        read_config(Config, tmp_path / "config.toml")
    (tmp_path / "config.toml").write_text("seed = = 1")
    with pytest.raises(InvalidInput, match="must be TOML"):
        read_config(Config, tmp_path / "config.toml")


def test_recipes_are_found_beside_the_room(throwaway: Path) -> None:
    assert read_recipe("consilience.methods.throwaway", "small") == {"tosses": 1000}
    with pytest.raises(UnknownName, match=r"unknown recipe 'larg'; .*paper, small, smoke"):
        read_recipe("consilience.methods.throwaway", "larg")


def test_a_broken_recipe_is_named(throwaway: Path) -> None:
    (throwaway / "recipes" / "small.toml").write_text("tosses =")
    with pytest.raises(InvalidInput, match=r"recipe 'small' of consilience.methods.throwaway must be TOML"):
        read_recipe("consilience.methods.throwaway", "small")


@pytest.mark.parametrize(
    ("text", "says"),
    [("a = [1", "Unclosed array"), ("a = " + "[" * 10_000, "nested too deep"), ("a = " + "9" * 5000, "digits")],
)
def test_what_is_no_toml_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=f"the plan must be TOML; .*{says}"):
        parse_toml(text, "the plan")
    assert parse_settings([f"a={text[4:]}"]) == {"a": text[4:]}


def test_a_configuration_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"seed = 1 # \xff")
    with pytest.raises(InvalidInput, match="must be text in UTF-8"):
        read_config(Config, tmp_path / "config.toml")
