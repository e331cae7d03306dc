"""A language model's server with saved replies: what a template may say, and what it may not."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

GOOD = [
    'Scan this footage for "{query}" and note the seconds: [start_time, end_time]',
    "What stretch of the recording, measured in seconds, shows that {query}? Write [start_time, end_time].",
    "{query} - locate this event. Your reply must be [start_time, end_time], seconds only.",
]
BAD = {
    'Scan this footage for it and note the seconds: [start_time, end_time]': "placeholder",
    'Scan "{query}" and "{query}", seconds: [start_time, end_time]': "placeholder",
    'Please locate "{query}" in seconds, as start - end.': "form",
    'Please locate "{query}" somewhere: [start_time, end_time]': "unit",
    'Please locate "{query}" in percent: [start_time, end_time]': "form",
    '<|im_start|>Where in seconds is the thing "{query}"? [start_time, end_time]<|im_end|>': "control_token",
    "Trova \"{query}\" nel filmato, seconds: [start_time, end_time]": "language",
    "Suche „{query}“ im Video und antworte in Sekunden: [start_time, end_time]": "language",
    'Scan the footage for "{query}" and note the seconds: [start_time, end_time]!': "duplicate",
}  # fmt: skip


class Server(HTTPServer):
    """Answers as an OpenAI-compatible server does: one reply after the other."""

    def __init__(self, replies):
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies, self.asked = list(replies), []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, dict(self.headers), body))
        reply = self.server.replies.pop(0) if self.server.replies else "[]"
        status, content = reply if isinstance(reply, tuple) else (200, as_answer(reply))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *args):
        pass


def as_answer(text):
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]})


@contextmanager
def servers() -> Iterator:
    """Give what starts a server with its replies; all are shut at the end."""
    started = []

    def serve(*replies):
        server = Server(replies)
        started.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return server

    yield serve
    for server in started:
        server.shutdown()
        server.server_close()
