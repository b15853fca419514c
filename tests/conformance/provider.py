"""A stand-in for a provider on this machine, for whoever tests commands that name one and ask it over the network."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from consilience.dialogue.messages import Message, Question, Settings
from consilience.dialogue.players import Player
from consilience.dialogue.rehearsal import Rehearsal


@contextmanager
def provider(player: Player) -> Iterator[str]:
    """Answer as a provider of OpenAI's form does, under any name of a model, and lend the address.

    What asks by ``openai:`` speaks the protocol of responses; that of chat completions has a server of the house's own.
    """
    bot = Rehearsal(player, name="provider")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = self.path == "/v1/responses" and not asked.get("stream")
            told = json.dumps(_response(bot, asked) if found else {"error": {"message": "no such path"}}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join(30)


def _response(bot: Rehearsal, asked: dict[str, Any]) -> dict[str, Any]:
    said = [Message(one["role"], (_text(one["content"]),)) for one in asked["input"]]
    if asked.get("instructions"):
        said.insert(0, Message("system", (asked["instructions"],)))
    text = bot.says(Question("", tuple(said), Settings()))
    content = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [content]}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "model": asked["model"],
        "output": [message],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 10,
            "output_tokens": len(text.split()),
            "total_tokens": 10 + len(text.split()),
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
