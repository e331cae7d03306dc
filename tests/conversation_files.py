"""Conversation files about a demo clip, one row a file: each form in which training frameworks write them."""

import json

VIDEO = "red_circle.mp4"
ASKED = "When does a red circle appear?"
SAID = "[8.0, 14.0]"

ROWS = {
    "ms-swift": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"<video>{ASKED}"},
            {"role": "assistant", "content": SAID},
            {"role": "user", "content": "Which shape is it?"},
            {"role": "assistant", "content": "A circle."},
        ],
        "videos": [VIDEO],
    },
    "sharegpt": {
        "video": VIDEO,
        "conversations": [
            {"from": "human", "value": f"{ASKED}\n<video>\nAnswer with seconds."},
            {"from": "gpt", "value": "The circle is there from 8.0 to 14.0 seconds."},
        ],
    },
    "alpaca": {
        "instruction": "Which shape is it?",
        "output": "A circle.",
        "history": [[f"<video>{ASKED}", SAID]],
        "videos": [VIDEO],
    },
    "chat": {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "video", "video": VIDEO}, {"type": "text", "text": ASKED}],
            },
            {"role": "assistant", "content": [{"type": "text", "text": SAID}]},
        ]
    },
}


def spoken(*weights, **fields):
    """An ms-swift row that asks once for each weight; an answer that weighs None does not say so."""
    messages = []
    for number, weight in enumerate(weights):
        mark = "" if number else "<video>"
        messages.append({"role": "user", "content": f"{mark}Question {number}?"})
        said = {} if weight is None else {"loss_scale": weight}
        messages.append({"role": "assistant", "content": f"Answer {number}.", **said})
    return {"messages": messages, "videos": [VIDEO], **fields}


def write_rows(folder, *rows):
    """Write rows as JSON Lines; return the file."""
    path = folder / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path
