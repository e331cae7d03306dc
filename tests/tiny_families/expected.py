"""What is known to hold for each family: the suite proves every word of it, and docs/families.md is made of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expected:
    """What the suite asserts of a family.

    Attributes:
        name: what it is called in the documents.
        told: how its processor tells the model about time, a value of ``TimeTold``.
        has_turns: several turns can be trained at once.
        plain_because: why sixteen templates get a plain pass each; empty where they share one.
        needs_pixels: the audit must decode the videos.
        needs_equal_frames: all videos of a batch must have as many frames.
        codes: what a clean row's audit tells of the checkpoint, not counting what depends on the row.
        end_of_turn: what ``--end-of-turn`` must name; empty where the chat template closes its turns.
        has_markers: a control token opens the turns of a role; where words do, a saved batch is not judged.
        needs: a package that its processor asks for.
        note: what else a person should know, as Markdown.
    """

    name: str
    told: str
    has_turns: bool = True
    plain_because: str = ""
    needs_pixels: bool = False
    needs_equal_frames: bool = False
    codes: tuple[str, ...] = ()
    end_of_turn: str = ""
    has_markers: bool = True
    needs: str = ""
    note: str = ""


_NO_TREE = "not all of its layers keep the keys and values of every token"
_NESTS, _NO_TIME = "parity.processor-nests-markers", "time.none-told"
_STABLE = "parity.prompt-unstable"

_WORDS = (
    "Its roles are words: a saved batch, of which nothing else is known, is not judged. The space after `ASSISTANT:` is the "
    "first thing that is answered, and is trained."
)

EXPECTED = {
    "qwen2_vl": Expected("Qwen2-VL", "nothing", codes=(_NO_TIME,)),
    "qwen2_5_vl": Expected("Qwen2.5-VL", "seconds a step"),
    "qwen3_vl": Expected("Qwen3-VL", "time stamps", codes=(_NESTS,)),
    "qwen3_5": Expected(
        "Qwen3.5, thinking", "time stamps", has_turns=False, plain_because=_NO_TREE,
        codes=(_NESTS, "parity.prompt-joined", _STABLE),
        note="`--template-arg enable_thinking=false` makes the prompt a server writes the one that is trained.",
    ),
    "qwen3_5_without": Expected(
        "Qwen3.5, without thinking", "time stamps", has_turns=False, plain_because=_NO_TREE, codes=(_NESTS, _STABLE)
    ),
    "internvl": Expected("InternVL3", "frame numbers", codes=(_NO_TIME,)),
    "llava_onevision": Expected(
        "LLaVA-OneVision", "nothing", needs_equal_frames=True, codes=("parity.header-differs", _NO_TIME),
    ),
    "smolvlm": Expected(
        "SmolVLM2", "time stamps", needs_equal_frames=True, needs="num2words",
        note="The space after `Assistant:` is the first thing that is answered, and is trained.",
    ),
    "gemma4": Expected("Gemma 4", "time stamps", plain_because=_NO_TREE),
    "perception_lm": Expected(
        "PerceptionLM", "nothing", needs_pixels=True, needs_equal_frames=True,
        codes=("row.frames-decoded", _NO_TIME),
        note="Proven with another vision tower in the place of timm's.",
    ),
    "video_llama_3": Expected(
        "VideoLLaMA3", "time stamps", needs_pixels=True, codes=("row.frames-decoded",)
    ),
    "qwen2_5_omni": Expected(
        "Qwen2.5-Omni", "seconds a step", note="Without its sound; its own processor takes 1 frame a second, and is corrected."
    ),
    "qwen3_omni": Expected(
        "Qwen3-Omni", "seconds a step", note="Without its sound; its own processor takes 1 frame a second, and is corrected."
    ),
    "glm4_5v": Expected(
        "GLM-4.5V", "time stamps", end_of_turn="<|user|>",
        note="Its template closes no turn: the next turn's opening is trained as the end, once it is named.",
    ),
    "llava_next_video": Expected(
        "LLaVA-NeXT-Video", "nothing", needs_pixels=True, needs_equal_frames=True, end_of_turn="</s>",
        has_markers=False,
        codes=("row.frames-decoded", _NO_TIME), note=_WORDS,
    ),
    "video_llava": Expected(
        "Video-LLaVA", "nothing", needs_pixels=True, needs_equal_frames=True, end_of_turn="</s>",
        has_markers=False,
        codes=("row.frames-decoded", _NO_TIME), note=_WORDS,
    ),
    "molmo2": Expected(
        "Molmo2", "time stamps",
        note="Its chat template must open with the start token, which its processor puts there otherwise.",
    ),
    "ernie4_5_vl": Expected(
        "ERNIE-4.5-VL", "nothing", codes=("parity.prompt-joined", _NO_TIME),
        note="Its processor can draw the times into the pictures, which no text says and no test here reads.",
    ),
}  # fmt: skip
"""By the name of the folder that :mod:`tests.tiny_families.later_folders` builds."""
