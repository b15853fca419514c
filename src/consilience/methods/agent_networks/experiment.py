"""The claims of the room, and the studies that measure them."""

from __future__ import annotations

from consilience.ground import Report, RunFolder, Statement, measure_claims
from consilience.methods.agent_networks.config import Config

__all__ = ["run"]

PAPER = "arXiv:2406.07155"

CLAIMS: tuple[tuple[Statement, str], ...] = (
    (
        Statement(
            id="macnet.dataflow",
            sentence="Each edge works once, each node after all of its parents, and the work of every ancestor is in "
            "the final artifact.",
            source=f"{PAPER}, abstract (topological ordering); the bar is ours",
        ),
        "dataflow:dataflow",
    ),
    (
        Statement(
            id="macnet.makespan",
            sentence="A run lasts as long as its realised critical path: no edge waits for what it does not build on.",
            source=f"{PAPER}, by summaries (what is incomparable may run at once); the bars are ours",
        ),
        "makespan:makespan",
    ),
    (
        Statement(
            id="macnet.overhead",
            sentence="A turn costs the engine hardly any processor time, with its journal and its events too.",
            source="our bars",
        ),
        "overhead:overhead",
    ),
    (
        Statement(
            id="macnet.scale",
            sentence="Thousands of agents run on one core, and the longest prompt does not grow with the network.",
            source=f"{PAPER}, abstract (more than a thousand agents) and summaries (memory control); bars are ours",
        ),
        "scale:scale",
    ),
    (
        Statement(
            id="macnet.http",
            sentence="A thousand calls in flight over HTTP cost little processor time each.",
            source="our bars",
        ),
        "http:http",
    ),
    (
        Statement(
            id="macnet.durable",
            sentence="A run that is killed anywhere goes on where it was, repeats only the calls that were in flight, "
            "and ends with the same artifact, whatever the latencies.",
            source="our bars",
        ),
        "durable:durable",
    ),
    (
        Statement(
            id="macnet.limits",
            sentence="An enforced rate is used almost in full and hardly ever exceeded, and a budget never is.",
            source="our bars",
        ),
        "limits:limits",
    ),
    (
        Statement(
            id="macnet.sandbox",
            sentence="Code that a model wrote is contained, whatever it tries.",
            source="our bars",
        ),
        "walls:walls",
    ),
    (
        Statement(
            id="macnet.law",
            sentence="By which curve quality grows with agents, what that costs, and whether small worlds do better is "
            "measured on simulated solvers, as it comes out.",
            source=f"{PAPER}, sections 4 and 5, on simulated solvers over executed tasks: no language model is "
            "involved, so this is what such a law takes and not that language models follow it",
        ),
        "law:law",
    ),
)


def run(config: Config, folder: RunFolder) -> Report:
    """Measure the claims that the configuration names, and say which hold; what is finished is not measured again."""
    return measure_claims("agent_networks", config, folder, CLAIMS, extra="agents", picture="network")
