"""The processor's own call: what it is given, what it must return, and how videos are processed once."""

from collections.abc import Sequence
from copy import copy, deepcopy
from operator import is_
from typing import TYPE_CHECKING, Any

from vtg_core.errors import MaskingError, first_line
from vtg_core.masking.lean_calls import frame_by_frame, group_by_group, is_large
from vtg_core.video.plan import FramePlan
from vtg_core.video.sampling import SampledVideo

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, ProcessorMixin


def process_videos_once(processor: "ProcessorMixin") -> "ProcessorMixin":
    """Return a copy of ``processor`` that processes the pixels of the same frames once.

    For many prompts on one video: the copy's video processor hands out the tensors of its last call again for
    as long as it is given the very same arrays. Everything else is the processor's own.
    """
    remembering = copy(processor)
    remembering.video_processor = _RememberingVideoProcessor(processor.video_processor)
    return remembering


class _RememberingVideoProcessor:
    def __init__(self, video_processor: Any) -> None:
        self._video_processor = video_processor
        self._videos: list[Any] = []
        self._options: dict[str, Any] = {}
        self._outputs: Any = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # asked for while copying, before there is a video processor
            raise AttributeError(name)
        return getattr(self._video_processor, name)

    def __call__(self, videos: Sequence[Any], **options: Any) -> Any:
        are_same = len(videos) == len(self._videos) and all(map(is_, videos, self._videos))
        if not are_same or options != self._options:
            self._videos = list(videos)
            self._options = deepcopy(options)  # processors change what they are given
            self._outputs = None  # not both at once
            try:
                self._outputs = _lean(self._video_processor, videos)(videos, **options)
            except Exception:
                self._outputs = self._video_processor(videos, **deepcopy(self._options))
        return self._outputs


def call_processor(
    processor: "ProcessorMixin", text: str, videos: Sequence[SampledVideo | FramePlan]
) -> dict[str, Any]:
    """Call a processor the one way in which we call it.

    Args:
        processor: the checkpoint's own.
        text: one rendered conversation, or the placeholder of a video alone.
        videos: the videos; of a plan, frames without pixels are given, which a processor can measure and not see.

    Returns:
        Its outputs for a batch of one: tensors, but for ``offset_mapping`` and ``text_replacement_offsets``.

    Raises:
        MaskingError: the processor refuses.
    """
    options: dict[str, Any] = {}
    if videos:
        options = {
            "videos": [_frames_of(video) for video in videos],
            "video_metadata": [video.metadata for video in videos],
            "do_sample_frames": False,
            "input_data_format": "channels_last",
            "videos_kwargs": {
                "return_tensors": "pt"
            },  # some count the frames of a tensor, and have a list else
        }
    options |= {
        "text": [text],
        "return_offsets_mapping": True,
        "return_text_replacement_offsets": True,
        "return_mm_token_type_ids": True,
        "add_special_tokens": adds_special_tokens(processor.tokenizer, text),
    }
    try:
        outputs = _called(processor, options)
        lists = {name: outputs.pop(name) for name in _LISTS if name in outputs}
        return _with_true_seconds(dict(outputs.convert_to_tensors("pt")), videos, processor) | lists
    except Exception as error:  # a processor is another project's code and may refuse in any way
        if (fewest := min((len(video.timestamps) for video in videos), default=2)) < 2:
            raise MaskingError(
                f"the processor must be given two or more frames of each video, and got {fewest}; take two or more "
                "(--num-frames, or a higher --fps)"
            ) from error
        raise MaskingError(
            f"the processor must accept this prompt and its videos, and refuses: {first_line(error)}"
        ) from error


def _called(processor: "ProcessorMixin", options: dict[str, Any]) -> Any:
    """Call a processor, sparing memory where its frames are large; as ever where it needs them in one piece."""
    if not is_large(options.get("videos", ())):
        return processor(**options)
    again = options | {"video_metadata": deepcopy(options["video_metadata"])}
    try:
        lean = copy(processor)
        lean.video_processor = _lean(processor.video_processor, options["videos"])
        with frame_by_frame():
            return lean(**options)
    except Exception:
        return processor(**again)


def _lean(video_processor: Any, videos: Sequence[Any]) -> Any:
    is_plain = isinstance(video_processor, _RememberingVideoProcessor) or not is_large(videos)
    return video_processor if is_plain else group_by_group(video_processor)


_LISTS = ("offset_mapping", "text_replacement_offsets")


def _with_true_seconds(
    outputs: dict[str, Any], videos: Sequence[SampledVideo | FramePlan], processor: "ProcessorMixin"
) -> dict[str, Any]:
    """Write for each video how long a step of its grid lasts (s), where a processor takes one rate for all of them.

    Omni processors do, and take one frame a second unless they are told another: a model would be told wrong times.
    The rate is the one that other processors tell, frames taken by the time they are taken from.
    """
    if not (videos and _ONE_RATE in outputs):
        return outputs
    import torch

    frames_a_step = processor.video_processor.temporal_patch_size
    seconds = [
        frames_a_step * video.info.num_frames / video.info.fps / len(video.timestamps) for video in videos
    ]
    return outputs | {_ONE_RATE: torch.tensor(seconds, dtype=torch.float32)}


_ONE_RATE = "video_second_per_grid"


def _frames_of(video: SampledVideo | FramePlan) -> Any:
    import torch

    if isinstance(video, SampledVideo):
        return video.frames
    return torch.empty(video.shape, dtype=torch.uint8, device="meta")


def adds_special_tokens(tokenizer: "PreTrainedTokenizerBase", text: str) -> bool:
    """Say whether the tokenizer is to add its special tokens: not where the text begins with one already."""
    bos = tokenizer.bos_token
    return not (bos and text.startswith(bos))
