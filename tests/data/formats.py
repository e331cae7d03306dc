"""A good file of each format, in the exact shape of its own, and three mistakes that people make in it."""

import json
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """A file of a format.

    Attributes:
        name: the format's.
        content: JSON values, or a text as it stands in the file.
        rows: what is read: query, windows and duration of each.
        video: of the first row, under the root.
        mistakes: what is done to the content, and what is said then.
        lines: the content is a list of JSON Lines.
    """

    name: str
    content: Any
    rows: list[tuple[str, list[list[float]], float | None]]
    video: str
    mistakes: list[tuple[Any, str]] = field(default_factory=list)
    lines: bool = False

    def text(self, content: Any = None) -> str:
        """The content, or another, as it stands in a file."""
        content = self.content if content is None else content
        if isinstance(content, str):
            return content
        return "\n".join(map(json.dumps, content)) if self.lines else json.dumps(content)

    def spoilt(self, change: Any) -> str:
        """The file after a mistake: another text, or a function that changes the content."""
        if isinstance(change, str):
            return change
        content = deepcopy(self.content)
        change(content)
        return self.text(content)


def put(*path_and_value: Any) -> Any:
    """Return a change that puts a value at a path."""
    *path, last, value = path_and_value

    def change(content: Any) -> None:
        for key in path:
            content = content[key]
        content[last] = value

    return change


def drop(*path: Any) -> Any:
    """Return a change that takes a member away."""
    *path, last = path

    def change(content: Any) -> None:
        for key in path:
            content = content[key]
        del content[last]

    return change


def rename(*path: Any) -> Any:
    """Return a change that calls a member otherwise."""
    *path, old, new = path

    def change(content: Any) -> None:
        for key in path:
            content = content[key]
        content[new] = content.pop(old)

    return change


SAYS_WHEN = [
    {"role": "user", "content": "<video>\nWhen does it rain?"},
    {"role": "assistant", "content": "[1.0, 2.5]"},
]
RAIN = [("When does it rain?", [[1.0, 2.5]], None)]
SPOKEN = [{"from": "human", "value": "<video>\nWhen does it rain?"}, {"from": "gpt", "value": "[1.0, 2.5]"}]

EXAMPLES = [
    Example(
        "vtg",
        [{"video": "a.mp4", "duration": 30.5, "timestamp": [8.0, 14.25], "sentence": "a lamp is lit", "difficulty": 50.0}],
        [("a lamp is lit", [[8.0, 14.25]], 30.5)], "a.mp4",
        [
            (put(0, "timestamp", [[8.0, 14.25]]), r"field 'timestamp': must be \[start, end\] in seconds"),
            (put(0, "windows", [[8.0, 14.25]]), "field 'timestamp': must not be there beside 'windows'"),
            (put(0, "timestamp", [8.0, 1425.0]), r"duration \(30.5 s\)"),
        ],
    ),
    Example(
        "qvhighlights",
        [{"qid": 25, "query": "a lamp is lit", "duration": 150, "vid": "abC-d_60.0_210.0", "relevant_clip_ids": [1, 40],
          "saliency_scores": [[1, 2, 3], [4, 4, 4]], "relevant_windows": [[2, 4], [80, 82]]}],
        [("a lamp is lit", [[2, 4], [80, 82]], 150.0)], "abC-d_60.0_210.0",
        [
            (drop(0, "relevant_windows"), "field 'relevant_windows': must be there, .* a test split has no windows"),
            (rename(0, "relevant_windows", "pred_relevant_windows"), "a model's predictions"),
            (put(0, "relevant_windows", [2, 4]), r"field 'relevant_windows': must be a list of \[start, end\]"),
        ],
        lines=True,
    ),
    Example(
        "charades-sta", "AB12C 24.3 30.4##person turns on light ##2.\n", [("person turns on light ##2.", [[24.3, 30.4]], None)],
        "AB12C",
        [
            ("AB12C 24.3 30.4##a light.\nAB12C 24.3 30.4#a light.", "charades-sta.json:2.*'##'"),
            ("AB12C 24,3 30,4##a light.", "must begin with 'video start end##'"),
            ("AB12C 30.4 24.3##a light.", "0 <= start < end"),
        ],
    ),
    Example(
        "activitynet-captions",
        {"v_abc": {"duration": 55.15, "timestamps": [[0.28, 55.15], [13.79, 54.32]], "sentences": ["He runs.", " He stops."]}},
        [("He runs.", [[0.28, 55.15]], 55.15), (" He stops.", [[13.79, 54.32]], 55.15)], "v_abc",
        [
            (put("v_abc", "sentences", ["He runs."]), r"field 'timestamps': must be as many as 'sentences' are \(1\), got 2"),
            (put("v_abc", "sentences", "He runs."), "field 'sentences': must be a list of sentences, got 'He runs.'"),
            (put("v_abc", "timestamps", [0.28, 55.15]), r"field 'timestamps': must be \[start, end\] in seconds, got 0.28"),
        ],
    ),
    Example(
        "tacos",
        {"s1-d2.avi": {"timestamps": [[50, 100]], "sentences": ["She cuts it."], "fps": 25.0, "num_frames": 250}},
        [("She cuts it.", [[2.0, 4.0]], 10.0)], "s1-d2.avi",
        [
            (drop("s1-d2.avi", "fps"), "field 'fps': must be a number above 0, got None"),
            (put("s1-d2.avi", "num_frames", 0), "field 'num_frames': must be a number above 0, got 0"),
            (put("s1-d2.avi", "timestamps", [[50, 500]]), r"duration \(10 s\)"),
        ],
    ),
    Example(
        "didemo",
        [{"num_segments": 6, "description": "it moves", "dl_link": "", "times": [[4, 4], [1, 2], [1, 2], [0, 0]],
          "video": "1@N04_2_3.m4v", "annotation_id": 7}],
        [("it moves", [[5.0, 15.0]], None)], "1@N04_2_3.m4v",
        [
            (put(0, "times", [[4.5, 5.0]]), "field 'times': must be a list of .* whole numbers of 5-second chunks"),
            (put(0, "times", [4, 4]), "field 'times': must be a list of"),
            (put(0, "times", [[4, 1]]), "0 <= start < end"),
        ],
    ),
    Example(
        "tvr",
        [{"vid_name": "show_s01e02_seg03_clip_04", "duration": 60.5, "ts": [16.5, 33.0], "desc": "She waves.", "type": "v",
          "desc_id": 90}],
        [("She waves.", [[16.5, 33.0]], 60.5)], "show_s01e02_seg03_clip_04",
        [
            (drop(0, "ts"), "field 'ts': must be there"),
            (put(0, "ts", "16.5-33.0"), r"field 'ts': must be \[start, end\] in seconds"),
            (put(0, "ts", [33.0, 16.5]), "field 'ts': .*0 <= start < end"),
        ],
        lines=True,
    ),
    Example(
        "tvgbench",
        [{"path": "x/a.mp4", "question": "She waves.", "answer": "13.4-28.1", "start": None, "end": None, "duration": 30.12,
          "question_type": "video temporal grounding"}],
        [("She waves.", [[13.4, 28.1]], 30.12)], "x/a.mp4",
        [
            (put(0, "answer", "13.4 to 28.1"), "field 'answer': must be a text 'start-end'"),
            (put(0, "answer", [13.4, 28.1]), "field 'answer': must be a text 'start-end'"),
            (put(0, "start", 5.0), "field 'start': must come with a later 'end'"),
        ],
    ),
    Example(
        "museg",
        [{"idx": 0, "problem": "She waves.", "solution": [[0.03, 7.07], [9, 10]], "video": "a.mp4", "duration": 80.0, "task": "tal"}],
        [("She waves.", [[0.03, 7.07], [9, 10]], 80.0)], "a.mp4",
        [
            (put(0, "solution", [0.03, 7.07]), r"field 'solution': must be a list of \[start, end\]"),
            (put(0, "solution", []), r"field 'solution': must be a list of \[start, end\]"),
            (put(0, "duration", "80"), "field 'duration': must be a number of seconds"),
        ],
        lines=True,
    ),
    Example(
        "vue-tr",
        [{"query_id": 0, "video_id": "abC", "duration": 32.625, "query": "She waves", "gt": [[0, 32]], "task": "temporal_retrieval"}],
        [("She waves", [[0, 32]], 32.625)], "abC",
        [
            (put(0, "gt", [["00:00:00", "00:00:32"]]), r"field 'gt': must be a list of \[start, end\] in seconds"),
            (put(0, "gt", [[0, 0]]), "field 'gt': .*0 <= start < end"),
            (drop(0, "video_id"), "field 'video_id': must be there"),
        ],
    ),
    Example(
        "lmms-eval", [{"video": "a.mp4", "caption": "She waves", "timestamp": [24.3, 30.4]}],
        [("She waves", [[24.3, 30.4]], None)], "a.mp4",
        [
            (put(0, "timestamp", "24.3 30.4"), "field 'timestamp': must be"),
            (put(0, "timestamp", [30.4, 24.3]), "0 <= start < end"),
            (put(0, "caption", ""), "field 'caption': a query must be a text"),
        ],
    ),
    Example(
        "videochat-r1",
        [{"id": 3, "video": "a.mp4", "question": "Who waves?", "options": [], "answer": "(C)", "duration": 90, "glue": [[13.8, 29.8]]}],
        [("Who waves?", [[13.8, 29.8]], 90.0)], "a.mp4",
        [
            (put(0, "glue", None), "field 'glue': must be there"),
            (put(0, "glue", [13.8, 29.8]), r"field 'glue': must be a list of \[start, end\]"),
            (put(0, "glue", [[13.8, 99.8]]), r"duration \(90 s\)"),
        ],
    ),
    Example(
        "timelens", {"v_x": {"duration": 30.0, "spans": [[1.0, 2.0]], "queries": ["She waves"]}},
        [("She waves", [[1.0, 2.0]], 30.0)], "v_x",
        [
            (put("v_x", "queries", []), r"field 'spans': must be as many as 'queries' are \(0\), got 1"),
            (put("v_x", "spans", {"a": [1, 2]}), "field 'spans': must be a list"),
            (put("v_x", "spans", [[2.0, 2.0]]), "0 <= start < end"),
        ],
    ),
    Example(
        "database",
        {"version": "1", "database": {"abc": {"duration": 241.6, "subset": "training",
         "annotations": [{"segment": [90, 102], "id": 0, "sentence": "stir"}]}}, "taxonomy": []},
        [("stir", [[90, 102]], 241.6)], "abc",
        [
            (put("database", "abc", "annotations", {}), "field 'annotations': must be a list of segments"),
            (put("database", "abc", "annotations", 0, "segment", [102, 90]), "field 'segment': .*0 <= start < end"),
            (drop("database", "abc", "annotations", 0, "sentence"), "field 'sentence': must be there"),
        ],
    ),
    Example(
        "unitime",
        [{"qid": 0, "id": "AB12C", "annos": [{"query": "She waves", "window": [[24.3, 30.4]]}], "duration": 30.96,
          "video_path": "x/a.mp4", "mode": "mr"}],
        [("She waves", [[24.3, 30.4]], 30.96)], "x/a.mp4",
        [
            (put(0, "annos", {"query": "She waves"}), "field 'annos': must be a list of objects"),
            (put(0, "annos", ["She waves"]), "field 'annos': must be a list of objects, got 'She waves' in it"),
            (put(0, "annos", 0, "window", [24.3, 30.4]), r"field 'window': must be a list of \[start, end\]"),
        ],
    ),
    Example(
        "timelens-100k",
        [{"source": "x", "video_path": "a.mp4", "duration": 30.96, "events": [{"query": "She waves", "span": [24.3, 30.4]}]}],
        [("She waves", [[24.3, 30.4]], 30.96)], "a.mp4",
        [
            (put(0, "events", "She waves"), "field 'events': must be a list of objects"),
            (put(0, "events", 0, "span", [24.3]), r"field 'span': must be \[start, end\]"),
            (put(0, "events", 0, "span", [24.3, 99.0]), r"duration \(30.96 s\)"),
        ],
        lines=True,
    ),
    Example(
        "hirest",
        {"Make a kite": {"abC.mp4": {"relevant": True, "clip": True, "v_duration": 207.08, "bounds": [50, 121],
         "steps": [{"index": 0, "heading": "cut paper", "absolute_bounds": [50, 58]}]},
         "d.mp4": {"relevant": True, "clip": False, "v_duration": 99.5, "bounds": [0, 0], "steps": []}}},
        [("Make a kite", [[50, 121]], 207.08), ("Make a kite", [[0, 99.5]], 99.5)], "abC.mp4",
        [
            (put("Make a kite", "d.mp4", "bounds", [0, 1]), r"field 'bounds': .*\[0, 1\]: the test split"),
            (put("Make a kite", "d.mp4", "bounds", [1, 100]), r"duration \(99.5 s\)"),
            (put("Make a kite", "d.mp4", "bounds", "1-2"), r"field 'bounds': must be \[start, end\]"),
        ],
    ),
    Example(
        "coco-captions",
        {"annotations": [{"image_id": "a.mp4", "caption": "Stir it. Cut it.", "segments": [[1, 5], [7, 9]], "duration": 30.0, "id": 0}]},
        [("Stir it.", [[1, 5]], 30.0), ("Cut it.", [[7, 9]], 30.0)], "a.mp4",
        [
            (put("annotations", 0, "segments", [[1, 5]]), r"field 'segments': must be as many as the sentences of 'caption' \(2\), got 1"),
            (put("annotations", 0, "caption", ["Stir it.", "Cut it."]), "field 'caption': must be a text"),
            (put("annotations", 0, "segments", [[1, 5], [31, 35]]), r"duration \(30 s\)"),
        ],
    ),
    Example(
        "ego4d-nlq",
        {"version": "1", "videos": [{"video_uid": "V", "clips": [{"clip_uid": "c-1", "video_start_sec": 100.0,
         "video_end_sec": 580.0, "annotations": [{"language_queries": [
             {"clip_start_sec": 10.0, "clip_end_sec": 12.5, "video_start_sec": 110.0, "video_end_sec": 112.5,
              "query": "Where is the cup?", "template": "x"}]}]}]}]},
        [("Where is the cup?", [[10.0, 12.5]], 480.0)], "c-1",
        [
            (drop("videos", 0, "clips", 0, "annotations", 0, "language_queries", 0, "query"), "field 'query': must be there"),
            (put("videos", 0, "clips", 0, "annotations", 0, "language_queries", 0, "clip_end_sec", 10.0), "0 <= start < end"),
            (put("videos", 0, "clips", 0, "annotations", {}), "field 'annotations': must be a list of objects"),
        ],
    ),
    Example(
        "ms-swift", [{"messages": SAYS_WHEN, "videos": ["a.mp4"]}], RAIN, "a.mp4",
        [
            (rename(0, "videos", "video"), "field 'video': ms-swift and LLaMA-Factory read a list under 'videos'"),
            (put(0, "videos", "a.mp4"), "field 'videos': ms-swift and LLaMA-Factory read a list of paths .* put it in brackets"),
            (put(0, "messages", 0, "content", "<video><video>When?"), r"as many <video> as the row has videos \(1\), got 2"),
        ],
        lines=True,
    ),
    Example(
        "sharegpt", [{"video": "a.mp4", "conversations": SPOKEN}], RAIN, "a.mp4",
        [
            (put(0, "conversations", 0, "value", "When does it rain?"), r"as many <video> as the row has videos \(1\), got 0"),
            (put(0, "conversations", 1, "from", "bot"), "field 'conversations': must be spoken by one of .*, got 'bot'"),
            (put(0, "videos", "b.mp4"), "field 'video': must not be there beside 'videos'"),
        ],
    ),
    Example(
        "alpaca",
        [{"instruction": "<video>\nWhen does it rain?", "input": "", "output": "[1.0, 2.5]", "videos": ["a.mp4"]}], RAIN, "a.mp4",
        [
            (put(0, "videos", "a.mp4"), "field 'videos': LLaMA-Factory and ms-swift read a list of paths"),
            (put(0, "output", None), "field 'output': must be a text, got None"),
            (put(0, "instruction", "When does it rain?"), r"as many <video> as the row has videos \(1\), got 0"),
        ],
    ),
    Example(
        "chat",
        [{"messages": [
            {"role": "user", "content": [{"type": "video", "video": "a.mp4"}, {"type": "text", "text": "When does it rain?"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "[1.0, 2.5]"}]},
        ]}],
        RAIN, "a.mp4",
        [
            (put(0, "messages", 0, "content", 0, "type", "image"), "field 'messages': must hold parts of type 'text' or 'video'"),
            (drop(0, "messages", 0, "content", 0), "field 'messages': must show one video, got 0"),
            (drop(0, "messages", 1), "field 'messages': must train an assistant's message"),
        ],
    ),
    Example(
        "timeit", [{"video": "x/a.mp4", "QA": [{"q": "When does it rain?", "a": "It rains in [1.0, 2.5]."}]}],
        [("When does it rain?", [[1.0, 2.5]], None)], "x/a.mp4",
        [
            (put(0, "QA", {"q": "When?", "a": "[1.0, 2.5]"}), "field 'QA': must be a list of objects"),
            (put(0, "QA", [{"question": "When?", "a": "[1.0, 2.5]"}]), "field 'QA': must hold a question 'q' and an answer 'a'"),
            (drop(0, "video"), "field 'QA': must hold as many|field 'videos': must be there"),
        ],
    ),
    Example(
        "columns", "video_id,query,start,end,duration\nAB12C,she waves,24.3,30.4,30.96\n",
        [("she waves", [[24.3, 30.4]], 30.96)], "AB12C",
        [
            ("video_id,query,start,end\nAB12C,she waves,24.3,30.4\nAB12C,she waves,00:24,30.4", "field 'start': must be a number of seconds, got '00:24'"),
            ("video_id,query,start,end\nAB12C,she waves,24.3,30.4\nAB12C,,24.3,30.4", "field 'query': must be there"),
            ("video_id;query;start;end\nAB12C;she waves;30.4;24.3", "0 <= start < end"),
        ],
    ),
]  # fmt: skip
