"""VTG Lens: see exactly what your video model is trained on.

Data flows one way. Each line is one step, named by the function that takes it::

    annotation file  load_annotations  →  Annotation
    video file       sample_frames     →  SampledVideo
    both             VideoTemporalSFTDataset  →  Sample         messages, answer, windows
    Sample           render            →  RenderedChat           text, and which characters are what
    RenderedChat     encode            →  EncodedSample          ids, labels, and which tokens are what
    samples          SFTCollator       →  a batch for any Hugging Face Trainer
    batch            score             →  LossReport             NLL of each supervised token
    many templates   inspect_templates →  Inspection             all up to the ids, for each of them
    Inspections      TemplateComparison → TemplateLoss           what each costs, in about one forward pass
    data set         compare_rows      →  RowComparison          the same on every row of a file
    TemplateResults  summarise         →  Analytics              which template suits the model, and how sure that is

Names are loaded when they are first used: importing this package imports nothing heavy. Type checkers and editors
see them all the same.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vtg_core.annotations import Annotation, load_annotations
    from vtg_core.answers import ANSWER_FORMATS, AnswerFormat, AnswerMode
    from vtg_core.checkpoints import load_checkpoint, load_model, load_processor
    from vtg_core.collator import SFTCollator
    from vtg_core.comparison.analytics import Analytics, Metric, summarise
    from vtg_core.comparison.on_file import RowComparison, compare_rows
    from vtg_core.comparison.on_video import TemplateComparison, TemplateLoss
    from vtg_core.comparison.results import TemplateResult
    from vtg_core.dataset import Sample, VideoTemporalSFTDataset
    from vtg_core.encoding import EncodedSample, encode
    from vtg_core.errors import VTGError
    from vtg_core.frame_plan import FramePlan, FramePolicy, plan_frames
    from vtg_core.inspection import Inspection, inspect_templates
    from vtg_core.loss import LossReport, score
    from vtg_core.pixel_free import PixelFreeEncoder
    from vtg_core.regions import IGNORE_INDEX, MaskPolicy, Region, RegionKind, labels_from_regions
    from vtg_core.rendering import RenderedChat, render
    from vtg_core.template_files import load_templates
    from vtg_core.templates import (
        STANDARD_TEMPLATES,
        TEMPLATES,
        TEMPORAL_TOKEN_TEMPLATES,
        PromptTemplate,
        TemplateSelector,
    )
    from vtg_core.timeline import VideoInfo
    from vtg_core.video import SampledVideo, probe_video, sample_frames
    from vtg_core.windows import Window, intersection_over_union

__version__ = "0.1.0"

_HOME = {
    "Annotation": "annotations",
    "load_annotations": "annotations",
    "ANSWER_FORMATS": "answers",
    "AnswerFormat": "answers",
    "AnswerMode": "answers",
    "load_checkpoint": "checkpoints",
    "load_model": "checkpoints",
    "load_processor": "checkpoints",
    "SFTCollator": "collator",
    "Sample": "dataset",
    "VideoTemporalSFTDataset": "dataset",
    "EncodedSample": "encoding",
    "encode": "encoding",
    "Analytics": "comparison.analytics",
    "Metric": "comparison.analytics",
    "summarise": "comparison.analytics",
    "RowComparison": "comparison.on_file",
    "compare_rows": "comparison.on_file",
    "TemplateComparison": "comparison.on_video",
    "TemplateLoss": "comparison.on_video",
    "TemplateResult": "comparison.results",
    "VTGError": "errors",
    "Inspection": "inspection",
    "inspect_templates": "inspection",
    "LossReport": "loss",
    "score": "loss",
    "IGNORE_INDEX": "regions",
    "MaskPolicy": "regions",
    "Region": "regions",
    "RegionKind": "regions",
    "labels_from_regions": "regions",
    "PixelFreeEncoder": "pixel_free",
    "RenderedChat": "rendering",
    "render": "rendering",
    "STANDARD_TEMPLATES": "templates",
    "TEMPLATES": "templates",
    "TEMPORAL_TOKEN_TEMPLATES": "templates",
    "PromptTemplate": "templates",
    "TemplateSelector": "templates",
    "load_templates": "template_files",
    "FramePlan": "frame_plan",
    "FramePolicy": "frame_plan",
    "plan_frames": "frame_plan",
    "SampledVideo": "video",
    "VideoInfo": "timeline",
    "probe_video": "video",
    "sample_frames": "video",
    "Window": "windows",
    "intersection_over_union": "windows",
}

__all__ = [
    "Annotation", "load_annotations", "ANSWER_FORMATS", "AnswerFormat", "AnswerMode", "load_checkpoint",
    "load_model", "load_processor", "SFTCollator", "Sample", "VideoTemporalSFTDataset", "EncodedSample",
    "encode", "Analytics", "Metric", "summarise", "RowComparison", "compare_rows", "TemplateComparison",
    "TemplateLoss", "TemplateResult", "VTGError", "Inspection", "inspect_templates", "LossReport", "score",
    "IGNORE_INDEX", "MaskPolicy", "Region", "RegionKind", "labels_from_regions", "PixelFreeEncoder",
    "RenderedChat", "render", "STANDARD_TEMPLATES", "TEMPLATES", "TEMPORAL_TOKEN_TEMPLATES",
    "PromptTemplate", "TemplateSelector", "load_templates", "FramePlan", "FramePolicy", "plan_frames",
    "SampledVideo", "VideoInfo", "probe_video", "sample_frames", "Window", "intersection_over_union",
]  # fmt: skip


if not TYPE_CHECKING:  # to a type checker it would say that any name exists, misspelt ones too

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
