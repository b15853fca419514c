"""The claims of the room, and the studies that measure them."""

from __future__ import annotations

from consilience.ground import Report, RunFolder, Statement, measure_claims
from consilience.methods.social_agents.config import Config

__all__ = ["run"]

PAPER = "arXiv:2406.14928"

CLAIMS: tuple[tuple[Statement, str], ...] = (
    (
        Statement(
            id="iagents.lookup",
            sentence="Looking something up among the messages of one person, of as many as the published town has, "
            "takes milliseconds, and a hundredth of what the original's method takes.",
            source=f"our bars, beside the method of {PAPER} (keywords by LIKE, windows), written anew, on MariaDB",
        ),
        "lookup:lookup",
    ),
    (
        Statement(
            id="iagents.recall",
            sentence="Of the messages that answer a question more are among the first thirty than with the original's "
            "method, and higher up.",
            source=f"our bars, beside the method of {PAPER}, on FriendsQA's questions",
        ),
        "recall:recall",
    ),
    (
        Statement(
            id="iagents.turns",
            sentence="Two agents talk for thirty turns over a memory of as many messages as the published town has, in "
            "a second beside the model's time and half of the original's calls and characters.",
            source=f"{PAPER} (over 30 turns, nearly 70,000 messages, within 3 minutes); the bars are ours",
        ),
        "turns:turns",
    ),
    (
        Statement(
            id="iagents.success",
            sentence="Where the model reads right, what nobody knows alone is found out; where it misreads, comparing "
            "by code is right more often than putting all that was heard together, and hardly ever wrong.",
            source=f"{PAPER} (InformativeBench; consensus), on tasks of the same kinds that we make, with a stand-in "
            "for the model; the bars are ours",
        ),
        "success:success",
    ),
    (
        Statement(
            id="iagents.ablation",
            sentence="Without the plan, without either memory, or without asking third parties, the tasks that need it "
            "are lost.",
            source=f"{PAPER} (the direction of its ablations); the bars are ours",
        ),
        "ablation:ablation",
    ),
    (
        Statement(
            id="iagents.leaks",
            sentence="What a person's policy keeps back reaches nobody, over no channel, whatever the models are told "
            "to do; what it allows is said.",
            source="our bars",
        ),
        "leaks:leaks",
    ),
    (
        Statement(
            id="iagents.audit",
            sentence="Every fact that was told stands in the log of whose it is, with its evidence, and no byte of "
            "the log can be changed unnoticed.",
            source="our bars",
        ),
        "audit:audit",
    ),
    (
        Statement(
            id="iagents.scale",
            sentence="A task for every relationship of the published town and a hundred that need a third person are "
            "done within minutes on two cores, and a kill loses no turn.",
            source=f"{PAPER} (140 people, 588 relationships); the bars are ours",
        ),
        "scale:scale",
    ),
    (
        Statement(
            id="iagents.ingest",
            sentence="Messages are taken in by the thousand a second, found at once, and forgotten to the last byte.",
            source="our bars",
        ),
        "ingest:ingest",
    ),
    (
        Statement(
            id="iagents.import",
            sentence="From exports of chats and mail every message comes in with its author and its time, and twice "
            "adds nothing.",
            source="our bars",
        ),
        "imports:imports",
    ),
    (
        Statement(
            id="iagents.auth",
            sentence="Each endpoint of the application answers each kind of visitor as one table says, and no reply of "
            "a model brings an agent down.",
            source="our bars",
        ),
        "auth:auth",
    ),
)


def run(config: Config, folder: RunFolder) -> Report:
    """Measure the claims that the configuration names, and say which hold; what is finished is not measured again."""
    return measure_claims("social_agents", config, folder, CLAIMS, extra="social", picture="board")
