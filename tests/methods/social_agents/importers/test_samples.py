"""Every message, author and time of every form comes back; and a reader that erred would be seen."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consilience.methods.social_agents.importers.samples import CHAT, SAMPLES, read_back


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_everything_is_read_back(sample, tmp_path):
    fidelity, export = read_back(sample, tmp_path)
    assert fidelity.whole, fidelity
    assert fidelity.messages >= len(CHAT)
    assert not export.cut_off
    assert not export.notes
    assert len({said.key for said in export.messages}) == len(export.messages)
    assert [thread.title.strip("#").lower() for thread in export.conversations] == ["mill"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_keys_are_the_same_each_time(sample, tmp_path):
    first, again = (read_back(sample, tmp_path / name)[1] for name in ("one", "two"))
    assert first == again


@pytest.mark.parametrize(
    "wrong", [{"author": "Dov"}, {"sent_at": CHAT[3].sent_at + timedelta(minutes=1)}, {"text": "no"}]
)
def test_what_is_read_wrong_is_seen(wrong, tmp_path):
    sample = SAMPLES[0]
    truth = (*sample.truth[:3], replace(sample.truth[3], **wrong), *sample.truth[4:])
    assert not read_back(replace(sample, truth=truth), tmp_path)[0].whole


def test_a_message_too_many_is_seen(tmp_path):
    sample = SAMPLES[0]
    assert not read_back(replace(sample, truth=sample.truth[:-1]), tmp_path)[0].whole
