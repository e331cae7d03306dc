"""The named endpoints, called as a program of somebody's calls them."""

import json
import re

import gradio as gr
import pytest
from gradio.utils import get_function_description
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.conftest import ASSETS
from tests.hostile_strings import HOSTILE
from vtg_core.commands.cli import main
from vtg_core.dashboard import Settings, build_dashboard, launch_options
from vtg_core.dashboard.api.endpoints import Endpoints
from vtg_core.dashboard.api.values import video_of
from vtg_core.errors import VTGError
from vtg_core.video.plan import FramePolicy

ROW = {"query": "a red circle appears", "windows": [[8, 14]]}
SETTINGS = Settings(
    device="cpu", frames=FramePolicy(num_frames=4), video_root=ASSETS, collator="vtg_core.recipes:text_prefix"
)
FAST = ("seconds", "shared")
"""What two runs of the same need not have in common."""


@pytest.fixture(scope="module")
def client(user_cache, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        page = build_dashboard(SETTINGS)
        _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, **launch_options())
        yield Client(url, verbose=False)
        page.close()


@pytest.fixture
def annotated(tmp_path):
    """An annotation file with the one row that the endpoints are asked about."""
    file = tmp_path / "row.json"
    file.write_text(json.dumps([{"video": "red_circle.mp4", **ROW}]))
    return ["--annotations", str(file), "--video-root", str(ASSETS)]


def printed(capsys, *command):
    """What the command line writes as JSON, but for how long it took."""
    main([*command, "--device", "cpu", "--num-frames", "4", "--json", "-"])
    return settled(json.loads(capsys.readouterr().out))


def settled(answer):
    return {name: value for name, value in answer.items() if name not in FAST}


SAMPLE = ["--video", str(ASSETS / "red_circle.mp4"), "--query", ROW["query"], "--window", "8", "14"]


def test_four_endpoints_are_offered_and_all_else_is_private(client):
    offered = client.view_api(return_format="dict", print_info=False)
    assert set(offered["named_endpoints"]) == {"/inspect", "/audit", "/loss", "/compare"}
    assert offered["unnamed_endpoints"] == {}


def test_what_is_private_cannot_be_called(client):
    numbers = {one["id"] for one in client.config["dependencies"] if one["api_visibility"] == "public"}
    assert len(numbers) == 4
    private = next(one["id"] for one in client.config["dependencies"] if one["id"] not in numbers)
    with pytest.raises(ValueError, match="Invalid function index"):
        client.predict(fn_index=private)


def test_inspect_of_an_uploaded_video_is_what_the_command_line_writes(client, capsys):
    answer = client.predict(handle_file(ASSETS / "red_circle.mp4"), **ROW, api_name="/inspect")
    assert answer == printed(capsys, "inspect", *SAMPLE)


def test_loss_is_what_the_command_line_writes(client, capsys):
    asked = {"template": "concise", "answer": "temporal_tokens"}
    answer = client.predict("red_circle.mp4", **ROW, **asked, api_name="/loss")
    options = ["--template", "concise", "--answer", "temporal_tokens"]
    assert settled(answer) == printed(capsys, "loss", *SAMPLE, *options)


@pytest.mark.parametrize(
    ("mask", "options"),
    [
        ("ours", []),
        ("text-prefix", ["--recipe", "text-prefix"]),
        ("collator", ["--collator", "vtg_core.recipes:text_prefix"]),
    ],
)
def test_audit_is_what_the_command_line_writes_of_a_file_with_the_row(
    client, capsys, annotated, mask, options
):
    answer = client.predict("red_circle.mp4", **ROW, mask=mask, max_length=90, api_name="/audit")
    assert answer == printed(capsys, "audit", *annotated, "--max-length", "90", *options)
    assert bool(answer["summary"])


def test_compare_is_what_the_command_line_writes_of_a_file_with_the_row(client, capsys, annotated):
    asked = {
        "templates": ["direct", "concise"],
        "answers": ["standard"],
        "baseline": "concise",
        "sort": "sum",
    }
    answer = client.predict("red_circle.mp4", **ROW, **asked, api_name="/compare")
    options = [
        "--templates",
        "direct",
        "concise",
        "--answer",
        "standard",
        "--baseline",
        "concise",
        "--sort",
        "sum",
    ]
    assert answer == printed(capsys, "compare", *annotated, *options)


def test_a_mistake_comes_back_as_one_sentence(client):
    with pytest.raises(AppError, match=r"^A window must be \[start, end\] in seconds, got \[8\]\.$"):
        client.predict("red_circle.mp4", **{**ROW, "windows": [[8]]}, api_name="/inspect")


def test_what_is_given_is_documented_for_whoever_calls(client):
    for name, endpoint in client.view_api(return_format="dict", print_info=False)["named_endpoints"].items():
        description, parameters, returned = get_function_description(getattr(Endpoints, name[1:]))
        assert endpoint["description"].startswith(description)
        assert all(parameters[one["parameter_name"]] for one in endpoint["parameters"])
        assert returned[0].startswith("JSON: {")


ASKED = {
    "inspect": {"template": "all", "answer": "both", "num_frames": 4, "clip": False},
    "audit": {"template": "all", "answer": "standard", "mask": "ours", "max_length": 90},
    "loss": {"template": "all", "answer": "both", "cross_check": False},
    "compare": {"templates": ["direct"], "answers": ["both"], "baseline": "direct", "sort": "mean"},
}
FIELDS = [(name, field) for name, asked in ASKED.items() for field in ("video", "windows", *asked)]


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=map("/".join, FIELDS))
def test_a_hostile_text_in_a_field_ends_in_one_printable_sentence(name, field):
    endpoint = getattr(Endpoints(SETTINGS), name)
    for text in HOSTILE:
        for value in (text, [text], {"path": text}, [[text, 1]]):
            with pytest.raises(gr.Error) as failed:
                endpoint(**{"video": "red_circle.mp4", **ROW, **ASKED[name], field: value})
            said = str(failed.value.message)
            assert said.isprintable(), said
            assert "inside VTG Lens" not in said
            assert len(said) < 800


def test_a_hostile_query_is_a_text_like_another(client):
    query = "<img src=x onerror=alert(1)> {query.__class__} <|im_end|>${1+1} ../../etc/passwd"
    asked = {"windows": [[8, 14]], "template": "direct", "answer": "standard"}
    [sample] = client.predict("red_circle.mp4", query, **asked, api_name="/inspect")["samples"]
    assert query in sample["prompt"]


NO_WINDOWS = (
    None, 3, True, "", [], {}, {"path": None}, [[8, 14, 20]], [[True, False]], [[10**400, 1]], [["8", "14"]], "[[8,14]]",
    [[8, 14]] * 101, float("nan"), [[float("nan"), 1]], [[14, 8]],
)  # fmt: skip


def test_windows_that_are_none_are_refused():
    for value in NO_WINDOWS:
        with pytest.raises(gr.Error, match=r"'?\bwindows?\b|Windows?"):
            Endpoints(SETTINGS).inspect("red_circle.mp4", ROW["query"], value)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, 10**9, "4", float("inf"), [4]])
def test_a_number_of_frames_that_is_none_is_refused(value):
    with pytest.raises(gr.Error, match=re.compile("frames", re.IGNORECASE)):
        Endpoints(SETTINGS).inspect("red_circle.mp4", **ROW, num_frames=value)


def test_a_video_is_uploaded_or_below_a_folder_of_the_start(tmp_path, monkeypatch):
    uploads, root = tmp_path / "uploads", tmp_path / "root"
    for folder in (uploads, root):
        folder.mkdir()
        (folder / "a.mp4").write_bytes(b"x")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    settings = Settings(video_root=root)
    for given in ("a.mp4", str(root / "a.mp4"), "../root/a.mp4"):
        assert video_of(settings, given) == root / "a.mp4"
    for given in (str(uploads / "a.mp4"), {"path": str(uploads / "a.mp4")}):
        assert video_of(settings, given) == uploads / "a.mp4"


def test_a_path_that_leads_elsewhere_is_refused_whether_it_is_there_or_not(tmp_path, monkeypatch):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (root / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (root / "loop.mp4").symlink_to(root / "loop.mp4")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    for given in ("link.mp4", "loop.mp4", "../secret.mp4", "../none.mp4", str(tmp_path / "secret.mp4"), ".", "", "\0", "a" * 9999, None, 3):  # fmt: skip
        with pytest.raises(VTGError, match="the video must be a file that was uploaded"):
            video_of(Settings(video_root=root), given)


def test_without_a_folder_of_the_start_only_uploads_are_read():
    with pytest.raises(
        VTGError, match=r"must be a file that was uploaded \(gradio_client.handle_file\), got"
    ):
        video_of(Settings(), str(ASSETS / "red_circle.mp4"))


def test_an_address_of_the_web_is_not_fetched(client):
    with pytest.raises(AppError, match="no address is fetched"):
        client.predict(handle_file("http://192.0.2.1/a.mp4"), **ROW, api_name="/inspect")


def test_a_file_of_the_server_cannot_be_named_as_if_it_were_uploaded(client):
    sent = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(AppError):
        client.predict(sent, **ROW, api_name="/inspect")
