"""The guard before the tools of a pydantic-ai agent, as a toolset around theirs.

A call that is denied comes back to the model as a failed result with the reason, and is not made. One that somebody has
to approve becomes a deferred tool request of the library (``DeferredToolRequests``); a yes takes the place of the
rule's question and of nothing else: the call, and arguments that were changed with the yes, are checked again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.exceptions import ApprovalRequired, ToolFailed
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.tools import AgentDepsT
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.decisions_log import DecisionsLog
from consilience.methods.backdoor_audits.defaults import given
from consilience.methods.backdoor_audits.guard import Call, Decision, Guard, Outcome
from consilience.methods.backdoor_audits.provenance import Dialogue

__all__ = ["GuardedToolset", "guarded"]


class _History:
    """A dialogue that grows with the messages of a run."""

    def __init__(self) -> None:
        self._dialogue = Dialogue()
        self._read = 0
        self._calls: dict[str, ToolCallPart] = {}
        self._ahead: set[str] = set()

    def upto(self, messages: list[ModelMessage], prompt: object) -> Dialogue:
        """Take in what is new, and return the dialogue; `prompt` is what the human said when this run began."""
        for message in messages[self._read :]:
            if isinstance(message, ModelResponse):
                self._calls |= {part.tool_call_id: part for part in message.parts if isinstance(part, ToolCallPart)}
            else:
                self._hear(message, prompt)
        self._read = max(self._read, len(messages))
        return self._dialogue

    def made(self, call: Call) -> None:
        """Count a call that goes ahead, every time: ids are the model's to give, so that two calls may have one."""
        self._dialogue.made(call.tool)
        self._ahead.add(call.id)

    def _hear(self, message: ModelRequest, prompt: object) -> None:
        answers = any(isinstance(part, ToolReturnPart | RetryPromptPart) for part in message.parts)
        for part in message.parts:
            if isinstance(part, UserPromptPart):
                # What a tool hands over beside its result comes as a user's prompt, behind the results.
                heard = self._dialogue.observed if answers and part.content != prompt else self._dialogue.human
                pieces = [part.content] if isinstance(part.content, str) else part.content
                for piece in pieces:
                    if isinstance(piece, str):
                        heard(piece)
            elif isinstance(part, ToolReturnPart) and part.outcome == "success":
                # What failed or was denied has our own words and the agent's in it: no evidence for anything.
                asked = self._calls.get(part.tool_call_id)
                given = asked.args_as_dict() if asked else None
                self._dialogue.observed(part.content, given=given)
                if part.tool_call_id not in self._ahead:
                    self._dialogue.made(part.tool_name)


@dataclass
class GuardedToolset(WrapperToolset[AgentDepsT]):
    """A toolset whose every call is decided by a guard; `guarded` makes one.

    What the human said are the user prompts of the run and of its history, but for those that come with results of
    tools; what was observed are these, and results of tools that did not fail. Budgets count calls of the whole
    history. Tools whose calls leave the run undecided (external ones) are refused. The library fills in what a model
    left out before a call comes here: an argument that the policy does not name passes where it is its default by the
    tool's schema, and is denied with any other value. The call that is made has what was decided, and what the tool's
    own validator fills in: a tool of a server, of which nobody fills in anything, is not told which defaults were said.
    """

    guard: Guard = field(kw_only=True)
    """What decides."""
    log: DecisionsLog | None = field(default=None, kw_only=True)
    """Where decisions are written; a decision that cannot be written is a denial."""
    strict: bool = field(default=True, kw_only=True)
    """Whether a policy about a tool that there is not is refused."""
    _heard: _History = field(default_factory=_History, init=False, repr=False, compare=False)

    async def for_run(self, ctx: RunContext[AgentDepsT]) -> AbstractToolset[AgentDepsT]:
        """Return a guard with a dialogue of its own, so that runs do not hear one another."""
        return replace(self, wrapped=await self.wrapped.for_run(ctx))

    async def for_run_step(self, ctx: RunContext[AgentDepsT]) -> AbstractToolset[AgentDepsT]:
        """Go on with the same dialogue."""
        inner = await self.wrapped.for_run_step(ctx)
        if inner is self.wrapped:
            return self
        changed = replace(self, wrapped=inner)
        changed._heard = self._heard  # noqa: SLF001  of the same class
        return changed

    async def get_tools(self, ctx: RunContext[AgentDepsT]) -> dict[str, ToolsetTool[AgentDepsT]]:
        """Return the tools that the policy has; what it denies whatever the arguments, a model need not see.

        Raises
        ------
        UnknownName
            If the policy is about a tool that there is not, and the guard is strict.
        InvalidInput
            If it is about a tool that is called outside of the run, where no call comes by here.
        """
        tools = await self.wrapped.get_tools(ctx)
        for name, tool in tools.items():
            if tool.tool_def.kind == "external" and name in self.guard.policy.tools:
                raise InvalidInput(
                    f"tool {name!r} is external: its calls go to whoever runs the agent and not through this guard; "
                    "leave it out of the toolset, or ask Guard.check before you make such a call"
                )
        if self.strict:
            self.guard.policy.check_tools(tools)
        if self.guard.policy.mode == "shadow":
            return tools
        return {name: tool for name, tool in tools.items() if name in self.guard.policy.tools}

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[AgentDepsT], tool: ToolsetTool[AgentDepsT]
    ) -> Any:
        """Make the call if it is allowed.

        Raises
        ------
        ToolFailed
            If it is denied; the model sees the reason.
        ApprovalRequired
            If somebody has to say yes.
        """
        said, made = self._parted(Call(name, tool_args, ctx.tool_call_id or ""), ctx, tool)
        decision = self._decided(said, made, ctx)
        if decision.outcome is Outcome.ASK and not decision.shadow:
            told = {"rule": decision.rule, "reason": decision.reason, "arguments": dict(made.arguments)}
            raise ApprovalRequired(metadata=told)
        if not decision.goes_ahead:
            raise ToolFailed(f"Denied by policy {self.guard.policy.name!r}: {decision.reason}")
        return await super().call_tool(name, dict(made.arguments), ctx, tool)

    def _parted(self, call: Call, ctx: RunContext[AgentDepsT], tool: ToolsetTool[AgentDepsT]) -> tuple[Call, Call]:
        """Return what a call says, and the call that is made of it; where the two cannot be told apart, it twice."""
        policy = self.guard.policy.tools.get(call.tool)
        if policy is None:
            return call, call
        try:
            said = given(call.arguments, tool.tool_def.parameters_json_schema, policy)
            if len(said) == len(call.arguments):
                return call, call
            filled = tool.args_validator.validate_python(dict(said), context=ctx.validation_context)
            made = {**said, **{name: value for name, value in filled.items() if name not in said}}
        except Exception:  # noqa: BLE001  it is decided as it came
            return call, call
        changes = self.guard.policy.mode != "shadow"
        return replace(call, arguments=said), replace(call, arguments=made) if changes else call

    def _decided(self, said: Call, made: Call, ctx: RunContext[AgentDepsT]) -> Decision:
        """Decide, write down and count, with nothing between that lets another call in."""
        shadow = self.guard.policy.mode == "shadow"
        try:
            dialogue = self._heard.upto(ctx.messages, ctx.prompt)
            decision = self.guard.check(said, dialogue, made=made)
            if decision.outcome is Outcome.ASK and ctx.tool_call_approved:
                decision = replace(decision, outcome=Outcome.ALLOWED, reason="somebody said yes")
        except Exception as error:  # noqa: BLE001  a guard that breaks denies
            decision = Decision(Outcome.DENIED, "", f"the guard broke: {type(error).__name__}", shadow=shadow)
        try:
            if self.log is not None:
                self.log.write(made, decision)
            if decision.goes_ahead:
                self._heard.made(made)
        except Exception as error:  # noqa: BLE001  what is not written down is not done
            return Decision(Outcome.DENIED, "", f"the guard broke: {type(error).__name__}", shadow=shadow)
        return decision


def guarded(
    tools: AbstractToolset[AgentDepsT], guard: Guard, *, log: DecisionsLog | None = None, strict: bool = True
) -> GuardedToolset[AgentDepsT]:
    """Put a guard before a toolset.

    Parameters
    ----------
    tools
        Whose calls are decided, such as a ``FunctionToolset`` or one of an MCP server.
    guard
        What decides. Its own approval hook, if it has one, is asked before the library's mechanism.
    log
        Where decisions are written.
    strict
        Whether a policy about a tool that there is not is refused; not so where tools come and go, or where several
        toolsets share a policy.
    """
    return GuardedToolset(tools, guard=guard, log=log, strict=strict)
