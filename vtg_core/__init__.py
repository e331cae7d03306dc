"""VTG Lens: see exactly what your video model is trained on.

Data flows one way. Each line is one step, named by the function that takes it::

    annotation file  load_annotations  →  Annotation
    video file       sample_frames     →  SampledVideo
    both             VideoTemporalSFTDataset  →  Sample         messages, answer, windows
    Sample           render            →  RenderedChat           text, and which characters are what
    RenderedChat     encode            →  EncodedSample          ids, labels, and which tokens are what
    samples          SFTCollator       →  a batch for any Hugging Face Trainer
    anyone's batch   audit_batch       →  BatchReport            what is wrong with its mask
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
    from vtg_core.audit.training.batches import BatchReport, audit_batch
    from vtg_core.audit.training.callback import MaskAudit
    from vtg_core.chat.rendering import RenderedChat, render
    from vtg_core.checkpoints.loading import load_checkpoint, load_model, load_processor
    from vtg_core.collator import SFTCollator
    from vtg_core.comparison.analytics import Analytics, Metric, summarise
    from vtg_core.comparison.on_file import RowComparison, compare_rows
    from vtg_core.comparison.on_video import TemplateComparison, TemplateLoss
    from vtg_core.comparison.results import TemplateResult
    from vtg_core.data.annotations import Annotation, load_annotations
    from vtg_core.data.answers import ANSWER_FORMATS, AnswerFormat, AnswerMode
    from vtg_core.dataset import Sample, VideoTemporalSFTDataset
    from vtg_core.errors import VTGError
    from vtg_core.inspection import Inspection, inspect_templates
    from vtg_core.loss.score import LossReport, score
    from vtg_core.loss.weighted.cross_entropy import weighted_loss
    from vtg_core.loss.weighted.training import use_loss_weights
    from vtg_core.masking.encoding import EncodedSample, encode
    from vtg_core.masking.pixel_free import PixelFreeEncoder
    from vtg_core.regions import (
        IGNORE_INDEX,
        MaskPolicy,
        Region,
        RegionKind,
        TokenWeights,
        labels_from_regions,
    )
    from vtg_core.templates import (
        STANDARD_TEMPLATES,
        TEMPLATES,
        TEMPORAL_TOKEN_TEMPLATES,
        PromptTemplate,
        Task,
        TemplateSelector,
        load_templates,
    )
    from vtg_core.video.plan import FramePlan, FramePolicy, plan_frames
    from vtg_core.video.sampling import SampledVideo, probe_video, sample_frames
    from vtg_core.video.timeline import VideoInfo
    from vtg_core.views.report.notebook import show
    from vtg_core.windows import Window, intersection_over_union

__version__ = "0.1.0"

_HOME = {
    "Annotation": "data.annotations",
    "load_annotations": "data.annotations",
    "ANSWER_FORMATS": "data.answers",
    "AnswerFormat": "data.answers",
    "AnswerMode": "data.answers",
    "load_checkpoint": "checkpoints.loading",
    "load_model": "checkpoints.loading",
    "load_processor": "checkpoints.loading",
    "SFTCollator": "collator",
    "Sample": "dataset",
    "VideoTemporalSFTDataset": "dataset",
    "EncodedSample": "masking.encoding",
    "encode": "masking.encoding",
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
    "LossReport": "loss.score",
    "score": "loss.score",
    "IGNORE_INDEX": "regions",
    "MaskPolicy": "regions",
    "Region": "regions",
    "RegionKind": "regions",
    "TokenWeights": "regions",
    "use_loss_weights": "loss.weighted.training",
    "weighted_loss": "loss.weighted.cross_entropy",
    "labels_from_regions": "regions",
    "PixelFreeEncoder": "masking.pixel_free",
    "RenderedChat": "chat.rendering",
    "render": "chat.rendering",
    "STANDARD_TEMPLATES": "templates",
    "TEMPLATES": "templates",
    "TEMPORAL_TOKEN_TEMPLATES": "templates",
    "PromptTemplate": "templates",
    "Task": "templates",
    "TemplateSelector": "templates",
    "load_templates": "templates",
    "BatchReport": "audit.training.batches",
    "audit_batch": "audit.training.batches",
    "MaskAudit": "audit.training.callback",
    "FramePlan": "video.plan",
    "FramePolicy": "video.plan",
    "plan_frames": "video.plan",
    "SampledVideo": "video.sampling",
    "VideoInfo": "video.timeline",
    "probe_video": "video.sampling",
    "sample_frames": "video.sampling",
    "show": "views.report.notebook",
    "Window": "windows",
    "intersection_over_union": "windows",
}

__all__ = [
    "Annotation", "load_annotations", "ANSWER_FORMATS", "AnswerFormat", "AnswerMode", "load_checkpoint",
    "load_model", "load_processor", "SFTCollator", "Sample", "VideoTemporalSFTDataset", "EncodedSample",
    "encode", "Analytics", "Metric", "summarise", "RowComparison", "compare_rows", "TemplateComparison",
    "TemplateLoss", "TemplateResult", "VTGError", "Inspection", "inspect_templates", "LossReport", "score",
    "IGNORE_INDEX", "MaskPolicy", "TokenWeights", "Region", "RegionKind", "labels_from_regions", "PixelFreeEncoder",
    "use_loss_weights", "weighted_loss",
    "RenderedChat", "render", "STANDARD_TEMPLATES", "TEMPLATES", "TEMPORAL_TOKEN_TEMPLATES",
    "PromptTemplate", "Task", "TemplateSelector", "load_templates", "BatchReport", "audit_batch", "MaskAudit", "FramePlan", "FramePolicy", "plan_frames",
    "SampledVideo", "VideoInfo", "probe_video", "sample_frames", "show", "Window", "intersection_over_union",
]  # fmt: skip


if not TYPE_CHECKING:  # to a type checker it would say that any name exists, misspelt ones too

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
