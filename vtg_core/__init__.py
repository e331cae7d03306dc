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

Names are loaded when they are first used: importing this package imports nothing heavy.
"""

from importlib import import_module
from typing import Any

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

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
