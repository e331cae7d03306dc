"""A language model of one's own, through transformers: what writes templates where there is no server."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vtg_core.checkpoints.loading import load_checkpoint, load_config, load_model
from vtg_core.checkpoints.placement import Device, Precision, resolve_device, resolve_precision
from vtg_core.checkpoints.source import hub_is_needed_and_there, source_of, why_not_loaded
from vtg_core.data.wording.growth.endpoint import Reply
from vtg_core.errors import TemplateError, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_NEW_TOKENS = 2_048


@dataclass(frozen=True)
class LocalWriter:
    """A language model, or a video-language model that is asked about no video.

    Attributes:
        name: of its folder or on the Hub.
        model: in evaluation.
        tokenizer: its own, with a chat template.
        temperature: from 0 on; at 0 the likeliest token is taken each time.
        seed: makes what is drawn repeatable on the same device.
    """

    name: str
    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    temperature: float
    seed: int

    @classmethod
    def load(cls, name: str, *, temperature: float, seed: int) -> "LocalWriter":
        """Load a model onto the GPU where there is one.

        Args:
            name: a folder or a hub id; a demo's too.

        Raises:
            CheckpointError: there is none, or transformers cannot load it.
            TemplateError: it has no chat template.
        """
        from transformers import AutoModelForImageTextToText

        if type(load_config(name)) in AutoModelForImageTextToText._model_mapping:
            model, tokenizer = load_model(name), load_checkpoint(name).processor.tokenizer
            template = load_checkpoint(name).processor.chat_template
        else:
            model, tokenizer = _load_text_model(name)
            template = tokenizer.chat_template
        if not template:
            raise TemplateError(f"--writer must be a model with a chat template, and {name!r} has none")
        tokenizer.chat_template = tokenizer.chat_template or template
        return cls(name, model, tokenizer, temperature, seed)

    def ask(self, prompt: str, number: int) -> Reply:
        """Return what the model writes to a prompt, at most ``MAX_NEW_TOKENS``; nothing else draws from its numbers.

        Raises:
            TemplateError: the model cannot take or answer the prompt.
        """
        import torch

        draws = (
            {"do_sample": True, "temperature": self.temperature} if self.temperature else {"do_sample": False}
        )
        asked = [{"role": "user", "content": prompt}]
        devices = [self.model.device] if self.model.device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.inference_mode():
            torch.manual_seed(self.seed + number)
            try:
                inputs = self.tokenizer.apply_chat_template(
                    asked, add_generation_prompt=True, return_tensors="pt", return_dict=True
                ).to(self.model.device)
                written = self.model.generate(
                    **inputs, **draws, max_new_tokens=MAX_NEW_TOKENS, pad_token_id=self.tokenizer.pad_token_id
                )
            except Exception as error:  # a foreign chat template and model raise whatever they raise
                raise TemplateError(
                    f"{self.name!r} must answer a prompt, and does not: {first_line(error)}"
                ) from error
        ids = written[0, inputs["input_ids"].shape[1] :]
        return Reply(str(self.tokenizer.decode(ids, skip_special_tokens=True)), Path(self.name).name, number)


def _load_text_model(name: str) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source, where = source_of(name), resolve_device(Device.AUTO)
    options = {"trust_remote_code": False, "local_files_only": not hub_is_needed_and_there(source)}
    part = "tokenizer"
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
        part = "model"
        dtype = getattr(torch, resolve_precision(Precision.AUTO, where))
        model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, use_safetensors=True, **options)
    except Exception as error:  # from_pretrained raises whatever its parts raise
        raise why_not_loaded(name, source, part, error) from error
    return model.to(where).eval(), tokenizer
